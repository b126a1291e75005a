"""Pictures from strangers: what is read, how it looks, and what is refused in which words."""

import io
import struct
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from backend.errors import GlimpseError, MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits
from backend.media.image import read_image, shrink

ADVICE = "send the picture as PNG, JPEG, WebP, GIF, BMP or AVIF."


def _scene(size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Left red, right blue, so that turning and mirroring show."""
    scene = Image.new("RGB", size, (0, 0, 255))
    scene.paste((255, 0, 0), (0, 0, size[0] // 2, size[1]))
    return scene


def _close(pixel, wanted, by: int = 6) -> bool:
    return all(abs(a - b) <= by for a, b in zip(pixel, wanted, strict=True))


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF"])
@pytest.mark.parametrize("suffix", [".png", "", ".jpg"])
def test_every_format_is_read_by_content_whatever_its_name(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    _scene().save(path, format=kind)
    image = read_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert _close(image.getpixel((5, 15)), (255, 0, 0), 12)
    assert _close(image.getpixel((35, 15)), (0, 0, 255), 12)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_however_the_camera_was_held(tmp_path: Path, orientation: int) -> None:
    turn = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = _scene() if turn is None else _scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "photo.jpg")
    assert image.size == (40, 30)
    assert _close(image.getpixel((5, 15)), (254, 0, 0), 12)


def test_a_photo_with_damaged_exif_is_still_a_photo(tmp_path: Path) -> None:
    _scene().save(tmp_path / "photo.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03")
    assert read_image(tmp_path / "photo.jpg").size == (40, 30)


def test_what_is_transparent_shows_white_and_not_what_hides_under_it(tmp_path: Path) -> None:
    hidden = Image.new("RGBA", (20, 20), (10, 20, 30, 0))
    hidden.paste((200, 0, 0, 128), (10, 0, 20, 20))
    hidden.save(tmp_path / "hidden.png")
    image = read_image(tmp_path / "hidden.png")
    assert (image.getpixel((5, 5)), image.getpixel((15, 5))) == ((255, 255, 255), (227, 127, 127))


@pytest.mark.parametrize("mode", ["P", "LA", "L", "1", "RGB"])
def test_transparency_of_every_mode_shows_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("RGB" if mode == "RGB" else mode)
    options = {} if mode == "LA" else {"transparency": 0}
    if mode == "RGB":
        options["transparency"] = (0, 0, 0)
    image.save(tmp_path / "clear.png", **options)
    assert read_image(tmp_path / "clear.png").getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    row = np.asarray(read_image(tmp_path / "deep.png"))[0, :, 0].astype(int)
    assert np.abs(row - np.arange(256)).max() <= 1


def test_the_transparent_level_of_sixteen_bits_shows_white(tmp_path: Path) -> None:
    levels = np.array([[0, 256, 257, 65535]], np.uint16).repeat(4, 0)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    png = (tmp_path / "deep.png").read_bytes()
    kind, content = b"tRNS", struct.pack(">H", 256)
    chunk = struct.pack(">I", 2) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    (tmp_path / "deep.png").write_bytes(png[:33] + chunk + png[33:])
    assert np.asarray(read_image(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 255, 1, 255]


def test_print_colours_become_screen_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=95)
    red, green, blue = read_image(tmp_path / "print.jpg").getpixel((8, 8))
    assert red > 200
    assert max(green, blue) < 60


def test_wide_colours_are_brought_into_srgb(tmp_path: Path) -> None:
    pale = Image.new("RGB", (8, 8), (100, 160, 90))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"_XYZ").replace(b"gXYZ", b"rXYZ").replace(b"_XYZ", b"gXYZ")
    pale.save(tmp_path / "swapped.png", icc_profile=swapped)
    pale.save(tmp_path / "srgb.png", icc_profile=srgb)
    pale.save(tmp_path / "junk.png", icc_profile=b"not a profile at all")
    assert read_image(tmp_path / "srgb.png").getpixel((0, 0)) == (100, 160, 90)
    assert read_image(tmp_path / "junk.png").getpixel((0, 0)) == (100, 160, 90)
    assert _close(read_image(tmp_path / "swapped.png").getpixel((0, 0)), (160, 100, 90))


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    for kind in ("GIF", "WEBP", "PNG"):
        first.save(tmp_path / "moving", format=kind, save_all=True, append_images=[second] * 3, lossless=True)
        assert read_image(tmp_path / "moving").getpixel((4, 4))[0] > 240


def test_too_many_pixels_are_refused_from_the_header_alone(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(_png_header(13300, 13300))
    with pytest.raises(MediaTooLarge) as refusal:
        read_image(tmp_path / "bomb.png")
    assert str(refusal.value) == (
        "“bomb.png” has 13300 × 13300 pixels, more than the 50 million we read; send a smaller version."
    )
    (tmp_path / "huge.png").write_bytes(_png_header(100_000, 100_000))
    with pytest.raises(MediaTooLarge, match=r"^“huge.png” has more pixels than we read; send a smaller version\.$"):
        read_image(tmp_path / "huge.png")


def test_a_large_photo_is_read_smaller_instead_of_refused(tmp_path: Path) -> None:
    _scene((800, 600)).save(tmp_path / "large.jpg")
    image = read_image(tmp_path / "large.jpg", limits=MediaLimits(image_pixels=130_000))
    assert image.size == (400, 300)
    assert _close(image.getpixel((50, 150)), (254, 0, 0))
    with pytest.raises(MediaTooLarge):
        read_image(tmp_path / "large.jpg", limits=MediaLimits(image_pixels=110_000))


def test_the_largest_photo_of_a_telephone_is_read(tmp_path: Path) -> None:
    Image.new("L", (16320, 12240), 200).save(tmp_path / "large.jpg")
    image = read_image(tmp_path / "large.jpg", pixels=1_000_000)
    assert (image.size, image.getpixel((500, 400))) == ((1154, 866), (200, 200, 200))


def test_a_sliver_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (1010, 10)).save(tmp_path / "line.png")
    with pytest.raises(UnsupportedMedia) as refusal:
        read_image(tmp_path / "line.png")
    assert str(refusal.value) == "“line.png” is only a sliver of 1010 × 10 pixels; crop it to the part you mean."
    Image.new("RGB", (1000, 10)).save(tmp_path / "line.png")
    assert read_image(tmp_path / "line.png").size == (1000, 10)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.png", b"", "“a.png” is empty; send it again."),
        ("a.png", b"<html>", f"“a.png” is a text file; {ADVICE}"),
        (
            "a.png",
            b"%!PS-Adobe-3.0 EPSF",
            f"“a.png” is a PostScript file; {ADVICE}",
        ),
        ("a.jpg", b"%PDF-1.7\0", f"“a.jpg” is a PDF document; {ADVICE}"),
        (
            "a.tif",
            b"II*\0\x08",
            f"“a.tif” is a TIFF or raw picture; {ADVICE}",
        ),
        ("a", b"\0\1\2", f"“a” is not a picture we can read; {ADVICE}"),
        ("b.HEIC", b"\0\0\0\x18ftypheic", "“b.HEIC” is a HEIC picture; install pillow-heif or send it as JPEG."),
    ],
)
def test_what_is_no_picture_is_refused_with_what_it_is(tmp_path, monkeypatch, name, content, sentence) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedMedia) as refusal:
        read_image(tmp_path / name)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("kind", "what"), [("PNG", "a PNG"), ("JPEG", "a JPEG"), ("WEBP", "a WebP"), ("AVIF", "an AVIF")]
)
def test_a_picture_cut_short_is_refused(tmp_path: Path, kind: str, what: str) -> None:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 80).convert("RGB").save(whole, format=kind)
    (tmp_path / "half").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(UnsupportedMedia) as refusal:
        read_image(tmp_path / "half")
    assert str(refusal.value) == f"“half” is {what} picture that is damaged or cut short; send the whole file again."


def test_a_missing_file_is_refused_by_the_name_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=r"^“mine.png” cannot be read; send it again\.$"):
        read_image(tmp_path / "0123", name="mine.png")


def test_heic_is_offered_to_pillow_where_its_plugin_is_there(tmp_path: Path, monkeypatch) -> None:
    registered = []
    plugin = types.SimpleNamespace(register_heif_opener=lambda **options: registered.append(options))
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    monkeypatch.setitem(Image.OPEN, "HEIF", Image.OPEN["PNG"])
    _scene().save(tmp_path / "photo.heic", format="PNG")
    assert read_image(tmp_path / "photo.heic").size == (40, 30)
    assert registered


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    assert shrink(Image.new("RGB", (4000, 1000)), 1_000_000).size == (2000, 500)
    assert shrink(Image.new("RGB", (40, 10)), 1_000_000).size == (40, 10)
    assert shrink(Image.new("RGB", (5000, 1)), 2).size == (100, 1)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]), data=st.data())
def test_damage_anywhere_gives_a_picture_or_one_sentence(tmp_path: Path, kind: str, data) -> None:
    whole = io.BytesIO()
    _scene().save(whole, format=kind)
    content = bytearray(whole.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "hit").write_bytes(content)
    assert _mode_or_sentence(tmp_path / "hit").startswith(("RGB", "“hit” "))


def _mode_or_sentence(path: Path) -> str:
    try:
        return read_image(path).mode
    except GlimpseError as refusal:
        return str(refusal)
