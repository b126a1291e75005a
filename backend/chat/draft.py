"""Drafts: turns about to be answered, made from what a person wishes and what the conversation holds. Pure."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backend.chat.transcript import check_media, check_words, media_in, shown_last, transcript, user_message
from backend.errors import InputError
from backend.history import Turn
from backend.tasks.registry import find_task
from backend.tasks.task import Task
from backend.types import GenerationRequest, ImagePart, MediaPart, Message, SamplingParams


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person set beside a message. None leaves task, sampling, frames or interval of a clip as they were."""

    conversation_id: str
    owner: str
    task: str | None
    sampling: SamplingParams | None
    system: str
    frames: int | None
    interval: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A turn about to be answered: what is asked, after which turns and in place of which."""

    wish: Wish
    user: Message
    task: Task
    sampling: SamplingParams
    before: tuple[Turn, ...]
    replaced: tuple[Turn, ...] = ()

    @property
    def shown(self) -> tuple[MediaPart, ...]:
        """The images and clips that the model is shown with it, an interval that the words name among them."""
        return shown_last(self.before, self.user)

    def requests(self, keeps: Callable[[MediaPart], bool]) -> tuple[GenerationRequest, ...]:
        """What the engine is asked, by what the store still `keeps`: once, or of every image alone."""
        images = [part for part in self.user.media if isinstance(part, ImagePart)]
        if self.task.each and len(images) > 1:
            return tuple(self._request((), user_message(self.user.text, [image]), keeps) for image in images)
        return (self._request(self.before, self.user, keeps),)

    def _request(self, before: Sequence[Turn], user: Message, keeps: Callable[[MediaPart], bool]) -> GenerationRequest:
        return GenerationRequest(
            self.wish.conversation_id,
            transcript(before, user, self.task, self.wish.system, keeps),
            self.sampling,
            self.task.name,
            owner=self.wish.owner,
            grammar=self.task.grammar(user.text),
            reading=self.task.reading(user.text),
        )


def new_draft(wish: Wish, text: str, media: Sequence[MediaPart], before: Sequence[Turn]) -> Draft:
    """The draft of a message of this text and media after these turns.

    Raises:
        InputError: there is no such preset, or it cannot be asked so; EmptyMessage where nothing is said.
    """
    task = find_task(wish.task or "chat")
    seen = media_in(before)
    check_words(text, len(media), seen, task)
    check_media(text, (*seen, *media), task)
    sampling = task.sample(wish.sampling or SamplingParams())
    if sampling.seed is None:  # drawn here, so that the history knows with which seed an answer can be had again
        sampling = replace(sampling, seed=secrets.randbelow(2**31))
    return Draft(wish, user_message(text, media), task, sampling, tuple(before))


def revised_draft(wish: Wish, number: int | None, text: str | None, turns: Sequence[Turn]) -> Draft:
    """The draft that takes the place of turn `number` and all after it; of the last turn and its words for None.

    Raises:
        InputError: there is no turn of that number, and as `new_draft` does.
    """
    at = len(turns) if number is None else number
    if not 1 <= at <= len(turns):
        raise InputError("This message is not in the conversation any more; reload the page.")
    old = turns[at - 1]
    # The seed that was drawn for the old answer would only draw it again.
    sampling = wish.sampling or replace(old.sampling, seed=None)
    wish = replace(wish, task=wish.task or old.task, sampling=sampling)
    draft = new_draft(wish, old.user.text if text is None else text, old.media, turns[: at - 1])
    return replace(draft, replaced=tuple(turns[at - 1 :]))
