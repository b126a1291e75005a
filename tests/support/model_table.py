"""Makes docs/models.md: what tiny models of each architecture answer, here and with or without torchvision.

`python -m tests.support.model_table` fills in what this environment finds and leaves what the other one found, so it
is run in both: without torchvision, and with it (`make test-models` makes one).
"""

import importlib.util
import logging
import re
import tempfile
import warnings
from pathlib import Path

import torch
import transformers

from backend.engine.engine import LocalSpec
from backend.engine.families.internals import IMAGE_TEXT_TYPES
from backend.engine.local import failures
from backend.engine.local.generator import Generator
from backend.engine.local.load import load
from backend.errors import GlimpseError, ModelFailed
from backend.types import Message, SamplingParams
from tests.support.any_model import Row, build
from tests.support.any_model_rows import NOT_TRIED, ROWS
from tests.support.engine import EventSink, Store, clip, image, request
from tests.support.messages import assistant, user

TABLE = Path(__file__).parents[2] / "docs" / "models.md"
HERE = 1 if importlib.util.find_spec("torchvision") else 0  # the column of this environment
SHORT = SamplingParams(max_new_tokens=4, temperature=0)

FIRST = user(image("red"), "What is it?")
QUESTIONS: dict[str, list[Message]] = {
    "image": [FIRST],
    "several images": [user(image("red"), image("blue"), "Which is darker?")],
    "clip": [user(clip(4), "What happens?")],
    "follow-up": [FIRST, assistant("It is red."), user("Sure?")],
    "text alone": [user("Hi")],
}
ONE = "This model sees one image in a conversation; start a new one for the next image."
NEEDED = "This model answers about images alone; add one to your message."
FAILED, SAME = "failed:", "the same"
WAYS, ALL = ("as images", "as video"), "answers: yes, yes, {}, yes, yes"
SECTIONS = {
    "answers": " | ".join(QUESTIONS),
    "refused": "with the sentence",
    "not tried": "because",
    "fails": "in the question",
}
MAY_REFUSE = {"several images": ONE, "text alone": NEEDED}
Found = tuple[str, str]  # what is found without torchvision and with it

HEADER = f"""# Any architecture

transformers {transformers.__version__} maps {len(IMAGE_TEXT_TYPES)} types of a config to models that read images and
write text. This table says what Glimpse does with a tiny checkpoint of each. It has random weights, is built from the
type's own config and processor classes, and is given a chat template that writes its image tokens: so the table says
what runs, and nothing of how good an answer is. A real checkpoint without a chat template is refused with a sentence.

`python -m tests.support.model_table` makes it, run once without and once with torchvision, and
`tests/engine/test_any_model.py` holds it.

- image: an answer comes, and it depends on what the image is.
- several images: two in one message. Otherwise the second is refused with “{ONE}”
- clip: four frames, read as video, or as images: the frames after their times, and on one contact sheet for a model
  that sees one image.
- follow-up: a second question about an image, after an answer.
- text alone: no image at all. Otherwise that is refused with “{NEEDED}”
"""


def found(kind: str) -> str:
    """Say what a tiny model of a type does: "answers: ...", "refused: ...", "not tried: ...", or "fails: ..."."""
    if kind in NOT_TRIED:
        return f"not tried: {NOT_TRIED[kind]}"
    # What the code of a hundred models warns of is not what is looked for.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            build(kind, ROWS.get(kind, Row()), Path(folder))
        except ImportError as error:
            return f"not tried: its model cannot be built without {_package(error)}"
        return _loaded_and_asked(kind, folder)


def _package(error: ImportError) -> str:
    named = re.search(r"requires the (\w+) library", str(error))
    return named[1] if named else str(error.name)


def _loaded_and_asked(kind: str, folder: str) -> str:
    try:
        loaded = load(LocalSpec(folder), lambda done, total: None)
    except Exception as error:
        sentence = str(failures.loading(error, kind)).replace(folder, kind)
        return f"{'fails' if 'could not be loaded' in sentence else 'refused'}: {sentence}"
    generator = Generator(loaded, Store())
    answers = {question: _asked(generator, messages) for question, messages in QUESTIONS.items()}
    if answers["image"] == "yes" and _scores(generator, "red").equal(_scores(generator, "blue")):
        return "fails: image: the answer does not depend on it"
    others = [(question, said) for question, said in answers.items() if said not in ("yes", MAY_REFUSE.get(question))]
    for question, said in others:
        return f"fails: {question}: {said}" if said.startswith(FAILED) else f"refused: {said}"
    answers["clip"] = "as video" if loaded.family.video else "as images"
    return "answers: " + ", ".join(said if said in ("yes", *WAYS) else "no" for said in answers.values())


def _asked(generator: Generator, messages: list[Message]) -> str:
    """Ask, and return "yes", or the sentence that a person reads."""
    sink = EventSink()
    try:
        done = generator.answer(request(*messages, sampling=SHORT), sink)
    except ModelFailed as error:
        return f"{FAILED} {error}"
    except GlimpseError as error:
        return str(error)
    return "yes" if done.usage.completion_tokens else f"{FAILED} no token came"


def _scores(generator: Generator, color: str) -> torch.Tensor:
    """The scores of the first token of an answer about an image, as the last layer gives them."""
    seen: list[torch.Tensor] = []
    width = generator.model.config.get_text_config().vocab_size
    heads = [one for one in generator.model.modules() if getattr(one, "out_features", 0) == width]
    handle = heads[-1].register_forward_hook(lambda head, given, scores: seen.append(scores[0, -1].clone()))
    _asked(generator, [user(image(color), "What is it?")])
    handle.remove()
    return seen[0]


def read(text: str) -> dict[str, Found]:
    """Read the table back from its file."""
    table: dict[str, Found] = {}
    for line in text.splitlines():
        if (row := re.fullmatch(r"\| `([^`]+)` \| (.+) \|", line)) is None:
            continue
        cells = row[2].split(" | ")
        here = f"{_section(text, line)}: {', '.join(cells[:-1])}"
        table[row[1]] = here, _in_full(cells[-1], here)
    return table


def _section(text: str, line: str) -> str:
    return text[: text.index(line)].rpartition("\n## ")[2].partition(" (")[0].lower()


def write(table: dict[str, Found]) -> str:
    """Write the whole file."""
    text = f"{HEADER}\nWithout torchvision {_counted(table, 0)}; with it {_counted(table, 1)}.\n"
    for verdict, columns in SECTIONS.items():
        if rows := [(kind, one) for kind, one in sorted(table.items()) if one[0].startswith(f"{verdict}:")]:
            text += f"\n## {verdict.capitalize()} ({len(rows)})\n\n| type | {columns} | with torchvision |\n"
            text += "|---" * (columns.count("|") + 3) + "|\n" + "".join(_row(kind, *one) for kind, one in rows)
    return text


def _counted(table: dict[str, Found], column: int) -> str:
    counts = {verdict: sum(one[column].startswith(f"{verdict}:") for one in table.values()) for verdict in SECTIONS}
    said = f"{counts['answers']} answer, {counts['refused']} are refused and {counts['not tried']} are not tried"
    return said + (f", and {counts['fails']} fail" if counts["fails"] else "")


def _row(kind: str, without: str, with_it: str) -> str:
    verdict, _, rest = without.partition(": ")
    cells = rest.replace(", ", " | ") if verdict == "answers" else rest
    return f"| `{kind}` | {cells} | {_in_short(with_it, without)} |\n"


def _in_short(with_it: str, without: str) -> str:
    """What torchvision changes, in a cell."""
    shorter = [SAME, *(f"clip {way}" for way in WAYS), *(f"answers all, clip {way}" for way in WAYS)]
    return next((short for short in shorter if _in_full(short, without) == with_it), with_it)


def _in_full(short: str, without: str) -> str:
    way = short.rpartition("clip ")[2]
    if short.startswith("clip ") and without.startswith("answers"):
        return without.replace("as images", way)
    return ALL.format(way) if short.startswith("answers all") else without if short == SAME else short


def main() -> None:
    """Fill in what this environment finds."""
    logging.disable(logging.CRITICAL)
    table = read(TABLE.read_text()) if TABLE.exists() else {}
    for kind in sorted(IMAGE_TEXT_TYPES):
        both = list(table.get(kind, ("not tried: ", "not tried: ")))
        both[HERE] = found(kind)
        table[kind] = both[0], both[1]
    TABLE.write_text(write(table))


if __name__ == "__main__":
    main()
