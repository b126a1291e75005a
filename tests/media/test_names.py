"""How a file is called in a sentence, and what its first bytes say it is."""

from pathlib import Path

import pytest

from backend.media.formats import quoted, sniff


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo.jpg", "“photo.jpg”"),
        ("été 2.jpg", "“été 2.jpg”"),
        ("two\nlines\t.png", "“two lines .png”"),
        ("a\u202egpj.exe", "“agpj.exe”"),
        ("\x00\x1b", "“The file”"),
        ("x" * 100 + ".mp4", "“" + "x" * 40 + "…" + "x" * 15 + ".mp4”"),
    ],
)
def test_a_name_is_shown_on_one_line_without_tricks(name: str, shown: str) -> None:
    assert quoted(name) == shown


PACKET = b"\x47" + bytes(187)


@pytest.mark.parametrize(
    ("content", "kind", "suffix"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", "image", ".webp"),
        (b"RIFF\0\0\0\0AVI LIST", "video", ".avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "other", ".wav"),
        (b"XXXX\0\0\0\0AVI LIST", "other", ""),
        (b"\0\0\0\x1cftypavif", "image", ".avif"),
        (b"\0\0\0\x1cftypheic", "image", ".heic"),
        (b"\0\0\0\x14ftypqt  ", "video", ".mov"),
        (b"\0\0\0\x18ftypmp42", "video", ".mp4"),
        (b"\0\0\0\x18ftypM4A ", "other", ".m4a"),
        (b"\0\0\0\x08wide", "video", ".mov"),
        (PACKET * 6, "video", ".ts"),
        ((bytes(4) + PACKET) * 6, "video", ".ts"),
        (PACKET + bytes(2000), "other", ""),
        (b"\x1aE\xdf\xa3", "video", ".mkv"),
        (b"BM", "image", ".bmp"),
        (b"", "other", ""),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(tmp_path: Path, content: bytes, kind: str, suffix: str) -> None:
    (tmp_path / "file").write_bytes(content)
    sniffed = sniff(tmp_path / "file")
    assert (sniffed.kind, sniffed.suffix) == (kind, suffix)
