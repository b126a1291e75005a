"""Tells what a file is, from its first bytes and never from its name."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["image", "video", "other"]

HEAD = 4096


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The kind of a file by its first bytes: `suffix` is usual for it, `what` names it in words ("a PDF document")."""

    kind: Kind
    suffix: str = ""
    what: str = ""


_HEIF = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")

_PDF = Sniffed("other", ".pdf", "a PDF document")
# Readers look for its header in the first 1024 bytes: a line feed, a byte order mark, or the head of a form that it
# was posted with may stand before it.
_LED_PDF, _PDF_LEAD = re.compile(rb"%PDF-\d"), 1024 + 6

# Offset and bytes that begin a file, most telling first.
_MAGIC: tuple[tuple[int, bytes, Sniffed], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Sniffed("image", ".png", "a PNG picture")),
    (0, b"\xff\xd8\xff", Sniffed("image", ".jpg", "a JPEG picture")),
    (0, b"GIF8", Sniffed("image", ".gif", "a GIF picture")),
    (8, b"WEBP", Sniffed("image", ".webp", "a WebP picture")),
    (0, b"BM", Sniffed("image", ".bmp", "a BMP picture")),
    (4, b"ftypavif", Sniffed("image", ".avif", "an AVIF picture")),
    (4, b"ftypavis", Sniffed("image", ".avif", "an AVIF picture")),
    *((4, b"ftyp" + brand.encode(), Sniffed("image", ".heic", "a HEIC picture")) for brand in _HEIF),
    (4, b"ftypcrx ", Sniffed("other")),  # Canon's raw pictures
    (4, b"ftypM4A", Sniffed("other", ".m4a", "a sound recording")),
    (4, b"ftypM4B", Sniffed("other", ".m4a", "a sound recording")),
    (4, b"ftypqt", Sniffed("video", ".mov", "a QuickTime clip")),
    (4, b"ftyp", Sniffed("video", ".mp4", "an MP4 clip")),
    *((4, box, Sniffed("video", ".mov", "a QuickTime clip")) for box in (b"moov", b"mdat", b"wide", b"free", b"skip")),
    (0, b"\x1aE\xdf\xa3", Sniffed("video", ".mkv", "a Matroska clip")),
    (8, b"AVI ", Sniffed("video", ".avi", "an AVI clip")),
    (0, b"\x00\x00\x01\xba", Sniffed("video", ".mpg", "an MPEG clip")),
    (0, b"OggS", Sniffed("video", ".ogv", "an Ogg clip")),
    (8, b"WAVE", Sniffed("other", ".wav", "a sound recording")),
    (0, b"ID3", Sniffed("other", ".mp3", "a sound recording")),
    (0, b"\xff\xfb", Sniffed("other", ".mp3", "a sound recording")),
    (0, b"fLaC", Sniffed("other", ".flac", "a sound recording")),
    (0, b"%PDF", _PDF),
    (0, b"PK\x03\x04", Sniffed("other", ".zip", "a ZIP archive or an office document")),
    (0, b"II*\x00", Sniffed("other", ".tiff", "a TIFF or raw picture")),
    (0, b"MM\x00*", Sniffed("other", ".tiff", "a TIFF or raw picture")),
    (0, b"8BPS", Sniffed("other", ".psd", "a Photoshop file")),
    (0, b"FLV", Sniffed("other", ".flv", "a Flash clip")),
    (0, b"0&\xb2u\x8ef\xcf\x11", Sniffed("other", ".wmv", "a Windows Media clip")),
    (0, b"MZ", Sniffed("other", ".exe", "a program")),
    (0, b"\x7fELF", Sniffed("other", "", "a program")),
    (0, b"%!PS", Sniffed("other", ".eps", "a PostScript file")),
)


def sniff(path: Path) -> Sniffed:
    """Tell what a file is by its content; kind "other" with an empty `what` where that is unknown.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = _by_magic(head)
    if (found is None or found.kind == "other") and _LED_PDF.search(head, 0, _PDF_LEAD):
        return _PDF
    if found:
        return found
    if _is_transport_stream(head):
        return Sniffed("video", ".ts", "an MPEG transport stream")
    return Sniffed("other", "", "a text file" if _is_text(head) else "")


def _by_magic(head: bytes) -> Sniffed | None:
    for offset, magic, sniffed in _MAGIC:
        if head.startswith(magic, offset) and (offset != 8 or head.startswith((b"RIFF", b"RIFX"))):
            return sniffed
    return None


def _is_transport_stream(head: bytes) -> bool:
    """Whether a sync byte stands every 188 bytes, or every 192 with camcorders' time stamp before each packet."""
    return any(
        len(head) > offset + 4 * size and all(head[offset + n * size] == 0x47 for n in range(5))
        for offset, size in ((0, 188), (4, 192))
    )


def _is_text(head: bytes) -> bool:
    return bool(head) and not any(byte < 9 for byte in head)


LONGEST = 60


def quoted(name: str) -> str:
    """The file name in quotation marks on one line: control marks dropped, the middle of a long one cut out."""
    clean = "".join(mark for mark in name if unicodedata.category(mark)[0] != "C" or mark in "\t\n")
    clean = re.sub(r"\s+", " ", clean).strip() or "The file"
    if len(clean) > LONGEST:
        clean = f"{clean[: LONGEST - 20]}…{clean[-19:]}"
    return f"“{clean}”"


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Limits on one file.

    `file_bytes` on the file as it came; `image_pixels` and `video_pixels` on width times height as stored (a JPEG past
    it is read at a fraction of its size instead of being refused; telephones make pictures of 48 million pixels, and
    JPEGs of 200 million); `video_seconds` on the length of a clip;
    `frames` on how many are taken of one clip; `pdf_pages` on the pages of a PDF; `clean_pixels` on the copy of an
    image that the model and the page get; `memory_bytes` on the address space of a decoding child, `children_bytes` on
    that of all that work at once (at least two do); `image_seconds` and `clip_seconds` on its run time.
    """

    file_bytes: int = 200_000_000
    image_pixels: int = 50_000_000
    video_pixels: int = 36_000_000
    video_seconds: float = 6 * 3600.0
    frames: int = 512
    pdf_pages: int = 2000
    clean_pixels: int = 12_600_000
    memory_bytes: int = 3 << 30
    children_bytes: int = 12 << 30
    image_seconds: float = 30.0
    clip_seconds: float = 300.0
