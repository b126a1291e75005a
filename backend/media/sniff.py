"""What a file is, read from its first bytes and never from its name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["image", "video", "other"]

HEAD = 4096


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes say: `suffix` is the usual one, `what` names the file in a sentence ("a PDF document")."""

    kind: Kind
    suffix: str = ""
    what: str = ""


_HEIF = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")

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
    (0, b"%PDF", Sniffed("other", ".pdf", "a PDF document")),
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
    """What the file is by its content; kind "other" with an empty `what` where that cannot be told.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    for offset, magic, sniffed in _MAGIC:
        if head.startswith(magic, offset) and (offset != 8 or head.startswith((b"RIFF", b"RIFX"))):
            return sniffed
    if _is_transport_stream(head):
        return Sniffed("video", ".ts", "an MPEG transport stream")
    return Sniffed("other", "", "a text file" if _is_text(head) else "")


def _is_transport_stream(head: bytes) -> bool:
    """Sync bytes every 188 bytes, or every 192 with a time stamp before each packet as camcorders write them."""
    return any(
        len(head) > offset + 4 * size and all(head[offset + n * size] == 0x47 for n in range(5))
        for offset, size in ((0, 188), (4, 192))
    )


def _is_text(head: bytes) -> bool:
    return bool(head) and not any(byte < 9 for byte in head)
