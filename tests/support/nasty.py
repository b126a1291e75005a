"""Files that are no clips, whatever their names say, and the sentence for each."""

from pathlib import Path

import av
import numpy as np

SEND = "send the clip as MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg."
TEXT = f"“bad.mp4” is a text file; {SEND}"
CUT = "“bad.mp4” is damaged or cut short; send the whole file again."
NASTY = {
    "a playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", TEXT),
    "a concat script": (b"ffconcat version 1.0\nfile clip.mp4\n", TEXT),
    "a session description": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", TEXT),
    "a manifest": (b"<?xml version='1.0'?><MPD></MPD>", TEXT),
    "subtitles": (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", TEXT),
    "prose": ("Grüße aus dem Süden".encode(), TEXT),
    "nothing": (b"", "“bad.mp4” is empty; send it again."),
    "noise": (bytes(range(256)) * 8, f"“bad.mp4” is not a clip we can read; {SEND}"),
    "a sound": (b"ID3\4" + bytes(400), f"“bad.mp4” is a sound recording; {SEND}"),
    "a head alone": (
        b"\0\0\0\x18ftypisom" + bytes(40),
        "“bad.mp4” is damaged or cut short; send the whole file again.",
    ),
    "a Matroska head": (b"\x1aE\xdf\xa3" + bytes(40), "“bad.mp4” is damaged or cut short; send the whole file again."),
}


def song(path: Path) -> Path:
    """Sound without a picture, in a container for clips."""
    with av.open(str(path), "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return path


def unfinished(clip: Path) -> bytes:
    """A recording that broke off before its index was written."""
    content = clip.read_bytes()
    return content[: content.index(b"moov") - 4]


def frameless(clip: Path) -> bytes:
    """A clip with nothing but zeros where its frames should be."""
    content = bytearray(clip.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : content.index(b"moov") - 4] = bytes(content.index(b"moov") - 4 - start)
    return bytes(content)
