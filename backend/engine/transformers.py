"""A loaded model answers a request: the only caller of `generate`. Runs on the inference thread and knows no other."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from backend.engine import failures
from backend.engine.inference_thread import Cancelled
from backend.engine.loader import Loaded
from backend.engine.prompt import MediaSource, Prompt, build_prompt
from backend.engine.sampling import generation_config
from backend.engine.streamer import TokenStreamer
from backend.errors import GlimpseError
from backend.types import Finished, FinishReason, GenerationRequest, Progress, StreamEvent, TextDelta, Usage

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Where the events of an answer go, and from where its end may come."""

    def emit(self, item: StreamEvent) -> None:
        """Send an event to the reader."""
        ...

    def check(self) -> None:
        """Raise Cancelled if nobody reads any more."""
        ...


def answer(loaded: Loaded, request: GenerationRequest, media: MediaSource, outlet: Outlet) -> None:
    """Answer a request: its progress, text and end go to the outlet.

    Raises:
        Cancelled: the outlet wanted no more.
        GlimpseError: with a sentence for the person.
    """
    failure: Exception | None = None
    try:
        _answer(loaded, request, media, outlet)
        return
    except (Cancelled, GlimpseError):
        raise
    except Exception as error:
        log.exception("the answer failed")
        # Without its traceback the error no longer holds the tensors of the failed answer.
        failure = error.with_traceback(None)
    if failures.is_out_of_memory(failure):
        free_memory()
    raise failures.answering(failure) from failure


def free_memory() -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _answer(loaded: Loaded, request: GenerationRequest, media: MediaSource, outlet: Outlet) -> None:
    started = time.perf_counter()
    limit = request.sampling.max_new_tokens or loaded.info.sampling.max_new_tokens or 1
    reserve = min(limit, max(1, loaded.info.context_length // 8))
    prompt = build_prompt(loaded, request.messages, media, reserve, _teller(outlet))
    outlet.check()
    room = min(limit, loaded.info.context_length - prompt.tokens)
    stop = stop_tokens(loaded)
    with _layers_checked(loaded.model, outlet.check) as unhook:
        streamer = TokenStreamer(
            loaded.tokenizer._tokenizer,
            stop,
            emit=lambda text: outlet.emit(TextDelta(text)),
            check=outlet.check,
            first=unhook,
        )
        outlet.emit(Progress("reading the conversation"))
        _generate(loaded, request, prompt, room, streamer)
    usage = Usage(
        prompt_tokens=prompt.tokens,
        completion_tokens=len(streamer.tokens),
        images=prompt.images,
        frames=prompt.frames,
        time_to_first_token=(streamer.first_token_at or time.perf_counter()) - started,
        seconds=time.perf_counter() - started,
    )
    reason: FinishReason = "stop" if streamer.stopped or len(streamer.tokens) < room else "length"
    outlet.emit(Finished(reason, usage))


def _generate(
    loaded: Loaded, request: GenerationRequest, prompt: Prompt, max_new_tokens: int, streamer: TokenStreamer
) -> None:
    model, stop = loaded.model, stop_tokens(loaded)
    pad = loaded.tokenizer.pad_token_id
    config = generation_config(
        model.generation_config, request.sampling, max_new_tokens, stop, stop[0] if pad is None else pad
    )
    if request.sampling.seed is None:
        torch.seed()
    else:
        torch.manual_seed(request.sampling.seed)
    model.generate(**_placed(model, prompt.inputs), generation_config=config, streamer=streamer)


def _placed(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs where the model is, floats in its precision."""
    return {
        name: value.to(model.device, model.dtype if value.is_floating_point() else value.dtype)
        for name, value in inputs.items()
        if isinstance(value, torch.Tensor)
    }


def stop_tokens(loaded: Loaded) -> list[int]:
    """The ids that end an answer: the generation config's, else the tokenizer's."""
    known = loaded.model.generation_config.eos_token_id
    if known is None:
        known = loaded.tokenizer.eos_token_id
    return [known] if isinstance(known, int) else list(known or [])


def _teller(outlet: Outlet) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        outlet.check()
        outlet.emit(progress)

    return tell


@contextmanager
def _layers_checked(model: torch.nn.Module, check: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Call `check` before every layer, of the vision tower too, until the function given is called.

    In prefill the streamer is not asked for seconds, or for minutes with many images. Decode runs without hooks.
    """
    handles = [
        layer.register_forward_pre_hook(lambda *_: check())
        for module in model.modules()
        if isinstance(module, torch.nn.ModuleList)
        for layer in module
    ]

    def unhook() -> None:
        while handles:
            handles.pop().remove()

    try:
        yield unhook
    finally:
        unhook()
