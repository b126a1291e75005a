"""Builds prompts: turns a conversation into processor inputs that fit the model's context. Does not run the model."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from backend.engine.families.base import Shown
from backend.engine.families.processors import inputs_left_out, options
from backend.engine.local import failures
from backend.engine.local.load import Loaded
from backend.engine.local.turns import PromptTurn, render, split, with_earlier_media
from backend.engine.local.vision_cache import Picture, Tell, VisionCache
from backend.errors import ContextOverflow, EmptyMessage, OutOfMemory, UnsupportedMedia
from backend.types import ImagePart, MediaPart, Message, Progress, TextPart

Span = tuple[int, int]
Showing = dict[MediaPart, tuple[Shown, int]]  # how each file is shown, and at which step


@dataclass(frozen=True)
class Prompt:
    """The model's input: tensors on the CPU, and counts of what is in them.

    Where an earlier answer's cache can be continued on (`Loaded.prefix`), `pictures` are the images in order, `spans`
    the half-open ranges of their tokens, and `inputs` has no pixels. Elsewhere `pictures` is None and `inputs` whole.
    `tiles` counts tiles in cross-attention layers, and images where there are none. `images` and `frames` count what
    a person would: images sent and frames of clips, however they are shown, once. `step` is that of the family at
    which media are shown, `left_out` how many of the oldest turns are not in it.
    """

    inputs: dict[str, Any]
    ids: list[int]
    pictures: tuple[Picture, ...] | None
    spans: tuple[Span, ...]
    tiles: int
    images: int
    frames: int
    step: int
    left_out: int = 0

    @property
    def tokens(self) -> int:
        """The length of the prompt."""
        return len(self.ids)


@dataclass(frozen=True)
class Limits:
    """Bounds a prompt: `reserve` tokens of the context are left for the answer, and `fits` says if there is memory.

    `step` is the step of detail to begin with; with `down` memory has run out at that step, and the next one is tried
    first.
    """

    reserve: int
    fits: Callable[[Prompt], bool] = lambda _: True
    step: int = 0
    down: bool = False


@dataclass(frozen=True)
class _Draft:
    """One try at a prompt: how many of the oldest turns are left out, and at which step media are shown."""

    left_out: int = 0
    step: int = 0


def build_prompt(
    loaded: Loaded, messages: Sequence[Message], pictures: VisionCache, limits: Limits, tell: Tell
) -> Prompt:
    """Build the prompt for a conversation, within limits.

    Where there are too many tokens, the oldest turns are dropped first, then detail of the media, by the steps of the
    family; where memory is short, detail goes first. The system prompt and the current turn always stay. `tell` is
    called with what is left out or reduced.

    Raises:
        EmptyMessage: nothing to answer.
        UnsupportedMedia: media of a kind that the model cannot read.
        ContextOverflow: the current turn does not fit even alone.
        OutOfMemory: there is not the memory for it, however little is shown.
    """
    builder = _Builder(loaded, messages, pictures, tell)
    room = loaded.info.context_length - limits.reserve
    draft = _Draft(step=limits.step)
    prompt = builder.build(draft)
    if limits.down:
        draft, prompt = builder.lighter(draft, prompt) or (draft, prompt)
    while prompt.tokens > room or not limits.fits(prompt):
        if prompt.tokens > room:
            draft, prompt = builder.shorter(draft, prompt, prompt.tokens - room)
        elif smaller := builder.lighter(draft, prompt) or builder.without_oldest(draft):
            draft, prompt = smaller
        else:
            raise OutOfMemory(failures.ANSWERING)
    if draft.left_out:
        turns = "oldest turn" if draft.left_out == 1 else f"{draft.left_out} oldest turns"
        tell(Progress(f"leaving out the {turns}"))
    return prompt


class _Builder:
    """Builds the prompts of one request, draft by draft."""

    def __init__(self, loaded: Loaded, messages: Sequence[Message], pictures: VisionCache, tell: Tell) -> None:
        self._loaded = loaded
        self._system, self._turns = split(messages)
        if not self._turns:
            raise EmptyMessage("Write something or add a file first.")
        self._special = _special_tokens(loaded)
        self._pictures = pictures
        self._tell = tell

    def build(self, draft: _Draft) -> Prompt:
        """Build the whole prompt of a draft."""
        shown = self._show(draft.step)
        turns = self._visible(draft, shown)
        messages = [message for turn in turns for message in turn.messages]
        text = self._render([self._content(message, shown) for message in messages])
        media = [part for message in messages for part in message.media]
        return self._spliced(text, media, shown, draft) or self._processed(text, media, shown, draft)

    def shorter(self, draft: _Draft, prompt: Prompt, excess: int) -> tuple[_Draft, Prompt]:
        """The next draft, shorter by about `excess` tokens.

        Raises:
            ContextOverflow: there is none.
        """
        if (last := len(self._turns) - 1) > draft.left_out:
            draft = _Draft(self._enough(draft.left_out, last, prompt, excess), draft.step)
            return draft, self.build(draft)
        # In cross-attention models an image is one token, however small it is shown.
        among_tokens = not self._loaded.family.reach.latest_only
        if among_tokens and (smaller := self.lighter(draft, prompt)):
            return smaller
        context = self._loaded.info.context_length
        raise ContextOverflow(
            f"This message takes {prompt.tokens} tokens and the model reads {context}, its answer included; "
            "shorten it or send fewer files."
        )

    def lighter(self, draft: _Draft, prompt: Prompt) -> tuple[_Draft, Prompt] | None:
        """The next draft whose media take fewer tokens or less memory, if there is one."""
        steps = self._loaded.family.steps
        for step in range(draft.step + 1, len(steps) + 1):
            smaller = _Draft(draft.left_out, step)
            candidate = self.build(smaller)
            if (candidate.tiles, candidate.tokens) < (prompt.tiles, prompt.tokens):
                self._tell(Progress(f"showing {steps[step - 1]}, so that it fits"))
                return smaller, candidate
        return None

    def without_oldest(self, draft: _Draft) -> tuple[_Draft, Prompt] | None:
        """The next draft with one turn less, if there is one."""
        if draft.left_out + 1 == len(self._turns):
            return None
        draft = _Draft(draft.left_out + 1, draft.step)
        return draft, self.build(draft)

    def _enough(self, left_out: int, last: int, prompt: Prompt, excess: int) -> int:
        """Count the turns to leave out so that about `excess` tokens go; one more than before at least."""
        text = sum(self._text_tokens(turn) for turn in self._turns[left_out:])
        an_image = max(0, prompt.tokens - text) / max(1, prompt.tiles)
        while left_out < last and excess > 0:
            turn = self._turns[left_out]
            excess -= self._text_tokens(turn) + int(an_image * len(turn.media))
            left_out += 1
        return left_out

    def _text_tokens(self, turn: PromptTurn) -> int:
        """Tokens of a turn but for its media; what a template puts around a lone turn makes it a little too many."""
        words = [
            {"role": message.role, "content": [{"type": "text", "text": self._plain(message.text)}]}
            for message in turn.messages
        ]
        text = render(self._loaded.processor, "", words, self._loaded.family.images)
        return len(self._loaded.tokenizer.encode(text, add_special_tokens=False))

    def _show(self, step: int) -> Showing:
        parts = list(dict.fromkeys(part for turn in self._turns for part in turn.media))
        self._pictures.read(parts, step)
        return {part: self._show_one(part, step) for part in parts}

    def _show_one(self, part: MediaPart, step: int) -> tuple[Shown, int]:
        try:
            return self._pictures.shown(part, step)
        except UnsupportedMedia:
            if part in self._turns[-1].media:
                raise
            # From earlier in the conversation, before another model was chosen.
            return Shown(({"type": "text", "text": "[a file that this model cannot see]"},)), 0

    def _visible(self, draft: _Draft, shown: Showing) -> list[PromptTurn]:
        reach = self._loaded.family.reach
        if not reach.latest_only:
            return self._turns[draft.left_out :]
        sizes = {part: one.pictures for part, (one, _) in shown.items()}
        return with_earlier_media(self._turns, draft.left_out, reach.repeat, sizes)

    def _content(self, message: Message, shown: Showing) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                parts.append({"type": "text", "text": self._plain(part.text)})
            else:
                parts += shown[part][0].content
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

    def _spliced(self, text: str, media: Sequence[MediaPart], shown: Showing, draft: _Draft) -> Prompt | None:
        """The prompt without pixels, each image's tokens put where its place is; None where that cannot be done."""
        rules = self._loaded.prefix
        if rules is None or any(shown[part][0].clips for part in media):
            return None
        words = self._loaded.tokenizer(text, **options(self._loaded.tokenizer, text))["input_ids"]
        numbered = [(part, n) for part in media for n in range(shown[part][0].pictures)]
        if words.count(rules.image_token) != len(numbered):
            return None
        pictures = tuple(self._pictures.picture(part, shown[part][1], n) for part, n in numbered)
        ids: list[int] = []
        spans: list[Span] = []
        for word in words:
            own = pictures[len(spans)].ids if word == rules.image_token else (word,)
            if word == rules.image_token:
                spans.append((len(ids), len(ids) + len(own)))
            ids += own
        row = torch.tensor([ids])
        masks = rules.masks(ids, [picture.tiles for picture in pictures])
        inputs = {"input_ids": row, "attention_mask": torch.ones_like(row), **masks}
        tiles = sum(max(1, picture.tiles) for picture in pictures)
        return Prompt(inputs, ids, pictures, tuple(spans), tiles, *_counted(media, shown), draft.step, draft.left_out)

    def _processed(self, text: str, media: Sequence[MediaPart], shown: Showing, draft: _Draft) -> Prompt:
        """The prompt as the processor makes it, of pixels and all."""
        whole = [self._pictures.whole(part, *shown[part]) for part in media]
        family, processor = self._loaded.family, self._loaded.processor
        extra = options(processor, text) | inputs_left_out(processor, self._loaded.model)
        made = dict(processor(text=[text], return_tensors="pt", **extra, **family.call(whole)))
        made |= family.corrected_inputs(processor, whole)
        ids = made["input_ids"][0].tolist()
        padded = getattr(getattr(self._loaded.processor, "image_processor", None), "max_image_tiles", 1)
        tiles = padded * sum(one.pictures for one in whole)
        return Prompt(made, ids, None, (), tiles, *_counted(media, shown), draft.step, draft.left_out)


def _counted(media: Sequence[MediaPart], shown: Showing) -> tuple[int, int]:
    """Images and frames that a person would count."""
    parts = set(media)
    return sum(isinstance(part, ImagePart) for part in parts), sum(shown[part][0].frames for part in parts)


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
