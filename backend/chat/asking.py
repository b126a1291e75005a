"""One answer out of several streams of the engine: an image at a time, and once more where the first try is wrong.

Knows requests and events, neither history nor page.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from backend.engine.engine import Engine
from backend.types import (
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Restarted,
    StreamEvent,
    TextDelta,
    TextPart,
    Unsure,
    Usage,
)

GAP = "\n\n\n"  # between the answers to two images; no form has it inside


async def answers(
    engine: Engine, requests: Sequence[GenerationRequest], complaint: Callable[[str], str]
) -> AsyncGenerator[StreamEvent]:
    """The events of one answer to all requests, their texts parted by two empty lines.

    A whole text that `complaint` has words for goes back to the model with them, once; the second text stands.
    Ends without `Finished` where a stream of the engine does.
    """
    text, parts = "", list[_Part]()
    for number, request in enumerate(requests):
        if number:
            text += GAP
            yield TextDelta(GAP)
        for last in (False, True):
            part = _Part(len(text))
            async with aclosing(engine.stream(request)) as events:
                async for event in events:
                    if not part.take(event):
                        yield event
            if part.finished is None:
                return
            parts.append(part)
            wrong = complaint(part.text) if part.finished.finish_reason == "stop" and not last else ""
            if not wrong:
                break
            yield Restarted(wrong)
            if text:
                yield TextDelta(text)
            part.void = True
            request = _told(request, part.text, wrong)
        text += part.text
    yield _joined(parts)


class _Part:
    """One stream's text and end; `start` is where its text stands in the answer, `void` whether it was taken back."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.text = ""
        self.void = False
        self.finished: Finished | None = None

    def take(self, event: StreamEvent) -> bool:
        """Note an event; whether it was the stream's last one, which is not the answer's."""
        if isinstance(event, TextDelta):
            self.text += event.text
        if isinstance(event, Finished):
            self.finished = event
        return isinstance(event, Finished)

    @property
    def unsure(self) -> list[Unsure]:
        """The doubtful stretches by their place in the whole answer."""
        known = () if self.void or self.finished is None else self.finished.unsure
        return [replace(one, start=one.start + self.start, end=one.end + self.start) for one in known]


def _told(request: GenerationRequest, text: str, wrong: str) -> GenerationRequest:
    """The request once more, with the answer and what is wrong with it."""
    said = Message("assistant", (TextPart(text),)), Message("user", (TextPart(wrong),))
    return replace(request, messages=(*request.messages, *said))


def spent(usages: Sequence[Usage]) -> Usage:
    """What all of them took together; what was shown and when the first token came is as the first has it."""
    return replace(
        usages[0],
        prompt_tokens=sum(one.prompt_tokens for one in usages),
        completion_tokens=sum(one.completion_tokens for one in usages),
        reused_tokens=sum(one.reused_tokens for one in usages),
        seconds=sum(one.seconds for one in usages),
    )


def _joined(parts: Sequence[_Part]) -> Finished:
    ends = [part.finished for part in parts if part.finished is not None]
    cut: FinishReason = next((end.finish_reason for end in ends if end.finish_reason != "stop"), "stop")
    standing = [part.finished.usage for part in parts if part.finished and not part.void]
    usage = replace(
        spent([end.usage for end in ends]),
        images=sum(one.images for one in standing),
        frames=sum(one.frames for one in standing),
        left_out=max(one.left_out for one in standing),
        shown=next((one.shown for one in standing if one.shown), ""),
    )
    return Finished(cut, usage, tuple(one for part in parts for one in part.unsure))
