"""Images with text at known places, drawn with the font that comes with Pillow."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from backend.types import Box

Put = tuple[int, int, str]
"""Left, top and text."""


def drawn(size: tuple[int, int], texts: Sequence[Put], height: int = 28, ink: str = "black", paper: str = "white"):
    """An image with texts, and the upright box around the ink of each."""
    image = Image.new("RGB", size, paper)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=height)
    boxes: list[Box] = []
    for left, top, text in texts:
        pen.text((left, top), text, font=font, fill=ink)
        boxes.append(tuple(round(edge) for edge in pen.textbbox((left, top), text, font=font)))
    return image, boxes


RECEIPT: tuple[Put, ...] = (
    (150, 20, "GOLDEN HARBOUR"),
    (40, 90, "Green tea leaves"),
    (420, 90, "12.40"),
    (40, 140, "Copper wire"),
    (420, 140, "8.05"),
    (40, 210, "TOTAL"),
    (420, 210, "20.45"),
)
ROWS = ["GOLDEN HARBOUR", "Green tea leaves  12.40", "Copper wire  8.05", "TOTAL  20.45"]


def receipt(ink: str = "black", paper: str = "white") -> Image.Image:
    """A small receipt of four rows."""
    return drawn((560, 280), RECEIPT, ink=ink, paper=paper)[0]
