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
from backend.engine.prefix_cache import PrefixCache, Start
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


class Generator:
    """Answers requests with one model, on the thread that loaded it. Keeps what the next turns can continue on."""

    def __init__(self, loaded: Loaded, media: MediaSource) -> None:
        self.info = loaded.info
        self._loaded = loaded
        self._media = media
        self._spoken = False  # whether the answer has its first token
        self._prefixes = PrefixCache(loaded.model.config, loaded.prefix, _cache_limit(loaded.model.device))

    def answer(self, request: GenerationRequest, outlet: Outlet) -> Finished:
        """Answer a request: its progress and text go to the outlet, its last event is returned.

        Raises:
            Cancelled: the outlet wanted no more.
            GlimpseError: with a sentence for the person.
        """
        outcome = self._tried(request, outlet)
        if isinstance(outcome, Exception) and failures.is_out_of_memory(outcome):
            self._prefixes.clear()
            free_memory()
            if not self._spoken:
                outcome = self._tried(request, outlet)
        if isinstance(outcome, Exception):
            raise failures.answering(outcome) from outcome
        return outcome

    def _tried(self, request: GenerationRequest, outlet: Outlet) -> Finished | Exception:
        self._spoken = False
        try:
            return self._answer(request, outlet)
        except (Cancelled, GlimpseError):
            raise
        except Exception as error:
            log.exception("the answer failed")
            # Without its traceback the error no longer holds the tensors of the failed answer.
            return error.with_traceback(None)

    def _answer(self, request: GenerationRequest, outlet: Outlet) -> Finished:
        started = time.perf_counter()
        context, own = self.info.context_length, self.info.sampling.max_new_tokens
        limit = request.sampling.max_new_tokens or own or 1
        reserve = min(limit, max(1, context // 8))
        prompt = build_prompt(self._loaded, request.messages, self._media, reserve, _teller(outlet))
        room = min(limit, context - prompt.tokens)
        outlet.check()
        outlet.emit(Progress("reading the conversation"))
        start = self._prefixes.take(request.conversation_id, prompt)
        streamer = self._generate(request, prompt, start, room, outlet)
        usage = Usage(
            prompt_tokens=prompt.tokens,
            completion_tokens=len(streamer.tokens),
            reused_tokens=start.reused,
            images=prompt.images,
            frames=prompt.frames,
            time_to_first_token=(streamer.first_token_at or time.perf_counter()) - started,
            seconds=time.perf_counter() - started,
        )
        reason: FinishReason = "stop" if streamer.stopped or len(streamer.tokens) < room else "length"
        return Finished(reason, usage)

    def _generate(
        self, request: GenerationRequest, prompt: Prompt, start: Start, room: int, outlet: Outlet
    ) -> TokenStreamer:
        model, tokenizer, stop = self._loaded.model, self._loaded.tokenizer, stop_tokens(self._loaded)
        pad = stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        config = generation_config(model.generation_config, request.sampling, room, stop, pad)
        cache = {} if start.cache is None else {"past_key_values": start.cache}
        _seed(request.sampling.seed)
        with _layers_checked(model, outlet.check) as unhook:

            def first() -> None:
                self._spoken = True
                unhook()

            streamer = TokenStreamer(
                tokenizer._tokenizer,
                stop,
                emit=lambda text, tokens: outlet.emit(TextDelta(text, tokens)),
                check=outlet.check,
                first=first,
            )
            try:
                model.generate(**_placed(model, start.inputs), **cache, generation_config=config, streamer=streamer)
            except Cancelled:
                self._keep(request, prompt, start, streamer)
                raise
        self._keep(request, prompt, start, streamer)
        return streamer

    def _keep(self, request: GenerationRequest, prompt: Prompt, start: Start, streamer: TokenStreamer) -> None:
        if streamer.tokens:
            self._prefixes.keep(request.conversation_id, start, prompt, streamer.tokens)
        else:
            self._prefixes.put_back(request.conversation_id, start, prompt)


def free_memory() -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _cache_limit(device: torch.device) -> int:
    """Bytes that kept conversations may take: a quarter of what the model leaves free on a GPU, 2 GiB elsewhere."""
    return torch.cuda.mem_get_info(device)[0] // 4 if device.type == "cuda" else 2 * 2**30


def _seed(seed: int | None) -> None:
    # Fresh processes all begin with the same seed, so an answer without one needs a new one too.
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)


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
