"""A conversation becomes what a model reads: processor inputs that fit its context. Does not run the model."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from backend.engine.chat_template import render
from backend.engine.families.family import Shown
from backend.engine.loader import Loaded
from backend.engine.turns import Turn, split, with_earlier_media
from backend.errors import ContextOverflow, EmptyMessage, UnsupportedMedia
from backend.media.frame import Frame
from backend.types import ImagePart, MediaPart, Message, Progress, TextPart, VideoPart

Tell = Callable[[Progress], None]


class MediaSource(Protocol):
    """Where clean pixels come from; `backend.media.store.MediaStore` is one."""

    def image(self, media_id: str) -> Image.Image:
        """The RGB pixels of an image."""
        ...

    def frames(self, part: VideoPart) -> list[Frame]:
        """The frames of a clip, in order."""
        ...


@dataclass(frozen=True)
class Prompt:
    """What goes to the model: tensors on the CPU, and what is in them.

    `image_keys` names each image that the processor was given, in order: two with the same key have the same pixels.
    `images` and `frames` count what a person would: images sent and frames of clips, however they are shown, once.
    """

    inputs: dict[str, Any]
    ids: list[int]
    image_keys: tuple[Hashable, ...]
    images: int
    frames: int

    @property
    def tokens(self) -> int:
        """The length of the prompt."""
        return len(self.ids)


@dataclass(frozen=True)
class _Draft:
    """One try at a prompt: how many of the oldest turns are left out, and how small the clips are shown."""

    left_out: int = 0
    step: int = 0


def build_prompt(loaded: Loaded, messages: Sequence[Message], media: MediaSource, reserve: int, tell: Tell) -> Prompt:
    """The prompt for a conversation, with room for `reserve` tokens of answer.

    What does not fit goes in this order: the oldest turns, then detail of the clips. The system prompt and the current
    turn always stay. `tell` hears of each step.

    Raises:
        EmptyMessage: nothing to answer.
        UnsupportedMedia: media of a kind that the model cannot read.
        ContextOverflow: the current turn does not fit even alone.
    """
    builder = _Builder(loaded, messages, media, tell)
    room = loaded.info.context_length - reserve
    draft = _Draft()
    while (prompt := builder.build(draft)).tokens > room:
        draft = builder.smaller(draft, prompt, prompt.tokens - room)
    if draft.left_out:
        turns = "oldest turn" if draft.left_out == 1 else f"{draft.left_out} oldest turns"
        tell(Progress(f"leaving out the {turns}"))
    return prompt


class _Builder:
    """One request on its way to a prompt; reads each image and clip once."""

    def __init__(self, loaded: Loaded, messages: Sequence[Message], media: MediaSource, tell: Tell) -> None:
        self._loaded = loaded
        self._system, self._turns = split(messages)
        if not self._turns:
            raise EmptyMessage("Write something or add a file first.")
        self._special = _special_tokens(loaded)
        self._pixels = _read(self._turns, media, tell)
        self._steps = 0
        self._tell = tell

    def build(self, draft: _Draft) -> Prompt:
        """The whole prompt of a draft."""
        shown = self._show(draft.step)
        turns = self._visible(draft, shown)
        messages = [message for turn in turns for message in turn.messages]
        text = self._render([self._content(message, shown) for message in messages])
        media = [part for message in messages for part in message.media]
        inputs = self._process(text, [shown[part] for part in media])
        return Prompt(
            inputs=inputs,
            ids=inputs["input_ids"][0].tolist(),
            image_keys=tuple((part, draft.step, n) for part in media for n in range(len(shown[part].images))),
            images=sum(isinstance(part, ImagePart) for part in set(media)),
            frames=sum(shown[part].frames for part in set(media)),
        )

    def smaller(self, draft: _Draft, prompt: Prompt, excess: int) -> _Draft:
        """The next draft, smaller by about `excess` tokens.

        Raises:
            ContextOverflow: there is none.
        """
        if (last := len(self._turns) - 1) > draft.left_out:
            return _Draft(self._enough(draft.left_out, last, prompt, excess), draft.step)
        if any(isinstance(part, VideoPart) for part in self._turns[-1].media) and self._has_step(draft.step + 1):
            self._tell(Progress("showing the clip smaller, so that it fits"))
            return _Draft(draft.left_out, draft.step + 1)
        context = self._loaded.info.context_length
        raise ContextOverflow(
            f"This message takes {prompt.tokens} tokens and the model reads {context}, its answer included; "
            "shorten it or send fewer files."
        )

    def _enough(self, left_out: int, last: int, prompt: Prompt, excess: int) -> int:
        """How many turns to leave out so that about `excess` tokens go; one more than before at least."""
        text = sum(self._text_tokens(turn) for turn in self._turns[left_out:])
        an_image = max(0, prompt.tokens - text) / max(1, len(prompt.image_keys))
        while left_out < last and excess > 0:
            turn = self._turns[left_out]
            excess -= self._text_tokens(turn) + int(an_image * len(turn.media))
            left_out += 1
        return left_out

    def _text_tokens(self, turn: Turn) -> int:
        """Tokens of a turn but for its media; what a template puts around a lone turn makes it a little too many."""
        words = [
            {"role": message.role, "content": [{"type": "text", "text": self._plain(message.text)}]}
            for message in turn.messages
        ]
        text = render(self._loaded.processor, "", words, self._loaded.family.images)
        return len(self._loaded.tokenizer.encode(text, add_special_tokens=False))

    def _show(self, step: int) -> dict[MediaPart, Shown]:
        return {part: self._show_one(part, pixels, step) for part, pixels in self._pixels.items()}

    def _show_one(self, part: MediaPart, pixels: Image.Image | list[Frame], step: int) -> Shown:
        family = self._loaded.family
        try:
            if isinstance(pixels, Image.Image):
                return family.show_image(pixels)
            while (clip := family.show_clip(pixels, step)) is None:
                step -= 1  # a shorter clip runs out of steps before a longer one
            return clip
        except UnsupportedMedia:
            if part in self._turns[-1].media:
                raise
            # From earlier in the conversation, before another model was chosen.
            return Shown(({"type": "text", "text": "[a file that this model cannot see]"},))

    def _has_step(self, step: int) -> bool:
        clips = [pixels for pixels in self._pixels.values() if not isinstance(pixels, Image.Image)]
        return any(self._loaded.family.show_clip(frames, step) is not None for frames in clips)

    def _visible(self, draft: _Draft, shown: dict[MediaPart, Shown]) -> list[Turn]:
        reach = self._loaded.family.reach
        if not reach.latest_only:
            return self._turns[draft.left_out :]
        sizes = {part: len(one.images) for part, one in shown.items()}
        return with_earlier_media(self._turns, draft.left_out, reach.repeat, sizes)

    def _content(self, message: Message, shown: dict[MediaPart, Shown]) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                parts.append({"type": "text", "text": self._plain(part.text)})
            else:
                parts += shown[part].content
        if self._loaded.family.reach.latest_only:  # a word between two images would part them
            parts.sort(key=lambda part: part["type"] == "text")
        return {"role": message.role, "content": _texts_joined(parts)}

    def _plain(self, text: str) -> str:
        """Text in which nothing is a control token: a space is put into what would read as one."""
        # Half a surrogate pair, from a client that cut a string, is no text to a tokenizer.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _render(self, messages: list[dict[str, Any]]) -> str:
        return render(self._loaded.processor, self._plain(self._system), messages, self._loaded.family.images)

    def _process(self, text: str, shown: Sequence[Shown]) -> dict[str, Any]:
        loaded = self._loaded
        begin = loaded.tokenizer.bos_token
        options = {"add_special_tokens": False} if begin and text.startswith(begin) else {}
        return dict(loaded.processor(text=[text], return_tensors="pt", **options, **loaded.family.call(shown)))


def _read(turns: Sequence[Turn], media: MediaSource, tell: Tell) -> dict[MediaPart, Image.Image | list[Frame]]:
    parts = list(dict.fromkeys(part for turn in turns for part in turn.media))
    kinds = {type(part) for part in parts}
    what = "file" if len(kinds) > 1 else "image" if ImagePart in kinds else "clip"
    pixels: dict[MediaPart, Image.Image | list[Frame]] = {}
    for number, part in enumerate(parts, 1):
        tell(Progress(f"reading the {what}{'s' if len(parts) > 1 else ''}", number, len(parts)))
        pixels[part] = media.image(part.media_id) if isinstance(part, ImagePart) else media.frames(part)
    return pixels


def _special_tokens(loaded: Loaded) -> re.Pattern[str]:
    added = loaded.tokenizer.added_tokens_decoder.values()
    tokens = {token.content for token in added if token.special} | set(loaded.tokenizer.all_special_tokens)
    tokens |= {str(getattr(loaded.processor, name, "") or "") for name in ("image_token", "video_token")}
    longest_first = sorted((token for token in tokens if token.strip()), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _texts_joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring texts as one, since templates put nothing between them."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        if joined and part["type"] == joined[-1]["type"] == "text":
            joined[-1] = {"type": "text", "text": f"{joined[-1]['text']}\n{part['text']}"}
        else:
            joined.append(part)
    return joined
