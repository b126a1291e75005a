"""The example chips: bundled media with the preset and the words that go with each. Knows no component."""

from dataclasses import dataclass
from pathlib import Path

from ui.convert import Posted

FOLDER = Path(__file__).parent.parent / "assets" / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One chip: its label, and what a click sends."""

    label: str
    file: Path
    task: str
    text: str = ""

    @property
    def posted(self) -> Posted:
        """The message that a click sends."""
        return Posted(self.text, (self.file,))


def find_examples(folder: Path = FOLDER) -> tuple[Example, ...]:
    """The chips whose media are there."""
    chips = (
        Example("Describe this scene", folder / "scene.png", "caption_detailed"),
        Example("Read this receipt", folder / "receipt.png", "receipt"),
        Example("Write this formula as LaTeX", folder / "formula.png", "latex"),
        Example("Tell what happens in this clip", folder / "clip.mp4", "describe_video"),
    )
    return tuple(chip for chip in chips if chip.file.is_file())
