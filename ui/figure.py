"""Renders the panel's figure as HTML: the images with boxes over them, and the text that was read on them. Pure.

The page's script (`assets/page.js`) links boxes, cells and rows by their keys; what they mean stands here in words.
All text comes from images and models; it goes into the markup through the serializer of the standard library alone.
Gradio shows it as Markdown, to which HTML without an empty line is one block.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from ui.evidence import Box, Links

NO_LINKS = Links()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to show: the file of its clean pixels, and its size in pixels where boxes are drawn on it."""

    path: Path
    size: tuple[int, int] | None = None


def figure(
    pictures: Sequence[Picture], boxes: Sequence[Box], *, first: int = 0, said: str = "", links: Links = NO_LINKS
) -> str:
    """Render the images, `first` in sight, with boxes, the sentence `said` above them, and what the signs mean."""
    root = Element("div", {"class": "evidence", "data-links": _data(links)})
    if said:
        SubElement(root, "p", {"class": "standing", "role": "status"}).text = said
    if len(pictures) > 1:
        _tabs(root, len(pictures), first)
    for number, picture in enumerate(pictures):
        _picture(root, number, picture, [box for box in boxes if box.image == number], hidden=number != first)
    if pictures:
        bar = SubElement(root, "div", {"class": "bar"})
        SubElement(bar, "p", {"class": "said", "aria-live": "polite"}).text = ""
        SubElement(bar, "button", {"type": "button", "class": "enlarge"}).text = "Enlarge"
    if any(box.look != "row" for box in boxes) or links.nowhere:
        _legend(root)
    return _html(root)


def text(rows: Sequence[Box], count: int, *, first: int = 0) -> str:
    """Render the rows of text of `count` images, with a search and a button that copies those in sight."""
    root = Element("section", {"class": "read", "aria-label": "Text on this image"})
    bar = SubElement(root, "div", {"class": "bar"})
    search = {"type": "search", "placeholder": "Search the text", "aria-label": "Search the text", "class": "find"}
    SubElement(bar, "input", search)
    SubElement(bar, "output", {"class": "hits", "aria-live": "polite"})
    SubElement(bar, "button", {"type": "button", "class": "copy"}).text = "Copy"
    for number in range(count):
        own = [row for row in rows if row.image == number]
        if own:
            _rows(root, number, own, hidden=number != first)
        else:
            nothing = SubElement(root, "p", {"class": "none", "data-image": str(number)} | _hidden(number != first))
            nothing.text = "No text was read on this image."
    return _html(root)


def _tabs(root: Element, count: int, first: int) -> None:
    tabs = SubElement(root, "div", {"class": "pictures", "role": "group", "aria-label": "Images"})
    for number in range(count):
        pressed = "true" if number == first else "false"
        tab = {"type": "button", "class": "picture", "aria-pressed": pressed, "data-image": str(number)}
        SubElement(tabs, "button", tab).text = f"Image {number + 1}"


def _picture(root: Element, number: int, picture: Picture, boxes: Sequence[Box], *, hidden: bool) -> None:
    shown = SubElement(root, "figure", {"data-image": str(number)} | _hidden(hidden))
    canvas = SubElement(SubElement(shown, "div", {"class": "stage"}), "div", {"class": "canvas"})
    size = dict(zip(("width", "height"), map(str, picture.size), strict=True)) if picture.size else {}
    source = f"gradio_api/file={quote(str(picture.path))}"
    SubElement(canvas, "img", {"src": source, "alt": f"Image {number + 1}", "loading": "lazy"} | size)
    if picture.size and boxes:
        _overlay(canvas, picture.size, boxes)


def _overlay(canvas: Element, size: tuple[int, int], boxes: Sequence[Box]) -> None:
    """Draw the boxes in the image's own pixels: one is reached with Tab, the others from there with the arrow keys."""
    name = "Text on the image" if boxes[0].look == "row" else "Values on the image"
    view = {"viewBox": f"0 0 {size[0]} {size[1]}", "role": "group", "aria-label": name, "preserveAspectRatio": "none"}
    svg = SubElement(canvas, "svg", view)
    for number, box in enumerate(boxes):
        group = SubElement(
            svg,
            "g",
            {
                "class": f"box {box.look}",
                "role": "button",
                "tabindex": "-1" if number else "0",
                "data-key": box.key,
                "aria-label": box.label,
            },
        )
        SubElement(group, "title").text = box.label
        for corners in box.quads:
            SubElement(group, "polygon", {"points": " ".join(f"{x:g},{y:g}" for x, y in corners)})


def _legend(root: Element) -> None:
    legend = SubElement(root, "ul", {"class": "legend"})
    for look, meaning in (
        ("exact", "✓ stands on the image"),
        ("near", "≈ nearly"),
        ("nowhere", "✗ nowhere, without a box"),
    ):
        SubElement(legend, "li", {"class": look}).text = meaning


def _rows(root: Element, number: int, rows: Iterable[Box], *, hidden: bool) -> None:
    name = {"role": "listbox", "aria-label": f"Text on image {number + 1}", "data-image": str(number)}
    listed = SubElement(root, "div", {"class": "rows"} | name | _hidden(hidden))
    for at, row in enumerate(rows):
        option = {"class": "row", "role": "option", "tabindex": "-1" if at else "0", "data-key": row.key}
        SubElement(listed, "div", option | {"aria-selected": "false"}).text = row.label


def _hidden(hidden: bool) -> dict[str, str]:
    return {"hidden": ""} if hidden else {}


def _data(links: Links) -> str:
    return json.dumps({"fields": links.fields, "items": links.items, "nowhere": dict(links.nowhere)})


def _html(root: Element) -> str:
    """The markup on one line."""
    for element in root.iter():
        element.text = " ".join(element.text.splitlines()) if element.text else element.text
    return tostring(root, encoding="unicode", short_empty_elements=False)
