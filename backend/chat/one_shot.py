"""Answers one message without keeping the conversation: for a folder of files, and for programs that call a preset."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from backend.chat.chat import Chat
from backend.chat.results import Grounded
from backend.errors import GlimpseError
from backend.history import History
from backend.types import Finished, Restarted, SamplingParams, StreamEvent, TextDelta

log = logging.getLogger(__name__)

# No login name has a colon, so nobody is shown these conversations while they last.
OWNER = ":once"
_LEFT_OVER = 24 * 3600.0  # seconds after which nobody is writing in one any more


class OneShot:
    """Answers single messages in conversations that are deleted with their files at the end.

    What a process that was killed left behind is deleted here, a day later.
    """

    def __init__(self, chat: Chat, history: History) -> None:
        self._chat = chat
        self._history = history
        self._swept = False
        for left in history.conversations(OWNER):
            if left.updated < time.time() - _LEFT_OVER:
                history.delete(left.id, OWNER)

    async def stream(
        self,
        text: str,
        files: Sequence[Path],
        *,
        task: str,
        sampling: SamplingParams | None = None,
        video_frames: int = 64,
        ground: Callable[[Sequence[Grounded]], None] | None = None,
    ) -> AsyncGenerator[StreamEvent]:
        """Answer one message; events, errors and closing as in `Chat.submit`.

        `ground` is called at its end with the results and their evidence, while the images are still there.
        """
        conversation = self._history.create(OWNER)
        try:
            events = self._chat.submit(
                conversation, text, files, task=task, sampling=sampling, video_frames=video_frames, owner=OWNER
            )
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Finished) and ground is not None:
                        ground(self._chat.grounded(conversation, OWNER))
                    yield event
        finally:
            try:
                await self._chat.delete(conversation, OWNER, sweep=not self._swept)
                self._swept = True
            except GlimpseError:  # the answer is there; what is left goes with the next start
                log.exception("a conversation of one answer could not be deleted")


def grown(answer: str, event: StreamEvent) -> str:
    """Return the text of the answer after one more event."""
    if isinstance(event, Restarted):
        return ""
    return answer + event.text if isinstance(event, TextDelta) else answer
