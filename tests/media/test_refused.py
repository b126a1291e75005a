"""A file that is no clip costs one sentence, soon, and leaves nothing behind: no file and no process."""

import time
from pathlib import Path

import pytest

from backend.errors import UnsupportedMedia
from backend.media.store import MediaStore
from tests.support.clips import encode
from tests.support.nasty import NASTY, frameless, song, unfinished

SEND = "send a picture (PNG, JPEG, WebP, …) or a clip (MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg)."
ALONE = "send the clip as MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg."
CUT = "“bad.mp4” is damaged or cut short; send the whole file again."
STILL = "“bad.mp4” has no moving picture, only sound or a still; send a clip or a picture."
SENTENCES = {
    "noise": f"“bad.mp4” is not a picture or a clip that we can read; {SEND}",
    "a sound": f"“bad.mp4” is a sound recording; {SEND}",
    "sound alone": STILL,
    "no frame": "“bad.mp4” holds no frames that can be read; record or export it again.",
    "never finished": CUT,
    "changed all over": CUT,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("files")
    clip = encode(folder / "clip.mp4", 30)
    changed = bytearray(clip.read_bytes())
    for place in range(48, len(changed), 7):
        changed[place] ^= 0x5A
    made = {
        "sound alone": song(folder / "song.mp4").read_bytes(),
        "no frame": frameless(clip),
        "never finished": unfinished(clip),
        "changed all over": bytes(changed),
    }
    return {kind: content for kind, (content, _) in NASTY.items()} | made


@pytest.mark.parametrize("kind", dict.fromkeys((*NASTY, *SENTENCES)))
async def test_what_is_no_clip_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, files: dict[str, bytes], kind: str
) -> None:
    (tmp_path / "bad.mp4").write_bytes(files[kind])
    store = MediaStore(tmp_path / "media")
    began = time.monotonic()
    with pytest.raises(UnsupportedMedia) as refusal:
        await store.add(tmp_path / "bad.mp4")
    assert time.monotonic() - began < 5
    said = str(refusal.value)
    # Of such a header FFmpeg once in a while makes a stream that moves nothing; either sentence is true.
    right = {SENTENCES.get(kind) or NASTY[kind][1].replace(ALONE, SEND)}
    assert said in right | ({STILL} if kind == "changed all over" else set())
    assert _files(tmp_path) == [tmp_path / "bad.mp4"]
    children = store.decoder.processes
    assert children <= {store.decoder.spare}
    store.close()
    assert all(child.returncode is not None for child in children)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
