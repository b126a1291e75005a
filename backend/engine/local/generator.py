"""Answers requests with a loaded model: the only caller of `generate`. Runs on the inference thread alone."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from transformers import LogitsProcessorList

from backend.engine.engine import Compile
from backend.engine.local import failures
from backend.engine.local.decode import Decoding, TokenStreamer
from backend.engine.local.grammar import GrammarProcessor, Grammars, unsure
from backend.engine.local.inference_thread import Cancelled, EventSink
from backend.engine.local.load import Loaded
from backend.engine.local.lru import LRU
from backend.engine.local.memory import Budget, cache_limit, footprint
from backend.engine.local.prefix_cache import CachedPrefix, PrefixCache
from backend.engine.local.prompt import Limits, Prompt, build_prompt
from backend.engine.local.sampling import generation_config
from backend.engine.local.vision_cache import MediaSource, Tell, VisionCache, placed
from backend.errors import GlimpseError
from backend.types import Finished, FinishReason, GenerationRequest, Progress, TextDelta, Usage

log = logging.getLogger(__name__)


class Generator:
    """Answers requests with one model, on the thread that loaded it. Keeps what the next turns can continue on.

    `cache_bytes` bounds what is kept; None derives it from the memory that the model leaves free. `pace` is how many
    seconds are between two pieces of text, at least.
    """

    def __init__(
        self,
        loaded: Loaded,
        media: MediaSource,
        cache_bytes: int | None = None,
        compile: Compile = "auto",
        pace: float = 0.0,
    ) -> None:
        self.info = loaded.info
        self._loaded = loaded
        self._media = media
        self._pace = pace
        device = loaded.model.device
        self._grammars = Grammars(loaded.tokenizer, stop_tokens(loaded))
        self._memory = LRU(cache_limit(device) if cache_bytes is None else cache_bytes)
        self._prefixes = PrefixCache(loaded.model.config, loaded.prefix, self._memory)
        self._footprint = footprint(loaded.model.config, loaded.model.dtype)
        self._decoding = Decoding(loaded.model, loaded.prefix is not None, compile)
        self.warm_up = self._decoding.warm_up

    @property
    def model(self) -> Any:
        """The model as transformers has it."""
        return self._loaded.model

    @property
    def memory(self) -> LRU:
        """The cache between answers: KV caches by ("prefix", conversation), and images by what was made of them."""
        return self._memory

    def answer(self, request: GenerationRequest, sink: EventSink) -> Finished:
        """Answer a request: its progress and text go to the sink, its last event is returned.

        Where memory runs out before the first token, what is kept is dropped and less is shown, once.

        Raises:
            Cancelled: the sink wanted no more.
            GlimpseError: with a sentence for the person.
        """
        first = _Attempt()
        outcome = self._tried(request, sink, first)
        if isinstance(outcome, Exception) and failures.is_out_of_memory(outcome):
            self._memory.clear()
            self._decoding.give_up()
            free_memory()
            if not first.spoken:
                outcome = self._tried(request, sink, _Attempt(failed_at=first.step))
        if isinstance(outcome, Exception):
            raise failures.answering(outcome) from outcome
        return outcome

    def _tried(self, request: GenerationRequest, sink: EventSink, attempt: "_Attempt") -> Finished | Exception:
        try:
            return self._answer(request, sink, attempt)
        except (Cancelled, GlimpseError):
            raise
        except Exception as error:
            log.exception("the answer failed")
            # Without its traceback the error no longer holds the tensors of the failed answer.
            return error.with_traceback(None)

    def _answer(self, request: GenerationRequest, sink: EventSink, attempt: "_Attempt") -> Finished:
        started = time.perf_counter()
        context, own = self.info.context_length, self.info.sampling.max_new_tokens
        limit = request.sampling.max_new_tokens or own or 1
        reserve = min(limit, max(1, context // 8))
        tell = _teller(sink)
        pictures = VisionCache(self._loaded, self._media, self._memory, tell)
        prompt = self._prompt(request, pictures, reserve, tell, attempt)
        room = min(limit, context - prompt.tokens)
        tell(Progress("reading the conversation"))
        held = self._held(request)
        start = self._prefixes.take(_key(request), prompt)
        streamer = self._generate(request, prompt, start, pictures, room, sink, held, attempt)
        usage = Usage(
            prompt_tokens=prompt.tokens,
            completion_tokens=len(streamer.tokens),
            reused_tokens=start.reused,
            images=prompt.images,
            frames=prompt.frames,
            time_to_first_token=(streamer.first_token_at or time.perf_counter()) - started,
            seconds=time.perf_counter() - started,
            left_out=prompt.left_out,
            shown=self._loaded.family.steps[prompt.step - 1] if prompt.step else "",
            detail=prompt.step,
        )
        reason: FinishReason = "stop" if streamer.stopped or len(streamer.tokens) < room else "length"
        if held is None:
            return Finished(reason, usage)
        held.finish(streamer.tokens)
        return Finished(reason, usage, unsure(held.probabilities, streamer.ends))

    def _held(self, request: GenerationRequest) -> GrammarProcessor | None:
        temperature = request.sampling.temperature
        greedy = not (self.info.sampling.temperature if temperature is None else temperature)
        return self._grammars.processor(request.grammar, greedy) if request.grammar else None

    def _prompt(
        self, request: GenerationRequest, pictures: VisionCache, reserve: int, tell: Tell, attempt: "_Attempt"
    ) -> Prompt:
        """Build a prompt small enough for memory; what is kept of other conversations is dropped for it."""
        budget = Budget(self._footprint, self._memory, self._loaded.model.device, reserve)
        failed_at = attempt.failed_at
        step = self._prefixes.step(_key(request)) if failed_at is None else failed_at
        limits = Limits(reserve, budget.fits, step, down=failed_at is not None)
        prompt = build_prompt(self._loaded, request.messages, pictures, limits, tell)
        attempt.step = prompt.step
        budget.make_room(prompt, self._prefixes.bytes(_key(request)))
        return prompt

    def _generate(
        self,
        request: GenerationRequest,
        prompt: Prompt,
        start: CachedPrefix,
        pictures: VisionCache,
        room: int,
        sink: EventSink,
        held: GrammarProcessor | None,
        attempt: "_Attempt",
    ) -> TokenStreamer:
        model, tokenizer, stop = self._loaded.model, self._loaded.tokenizer, stop_tokens(self._loaded)
        pad = stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        rules = self._loaded.prefix
        config = generation_config(model.generation_config, request.sampling, room, stop, pad)
        extras: dict[str, Any] = {} if start.cache is None else {"past_key_values": start.cache}
        if held is not None:
            extras["logits_processor"] = LogitsProcessorList([held])
        _seed(request.sampling.seed)
        with _layers_checked(model, sink.check) as unhook:

            def first() -> None:
                attempt.spoken = True
                unhook()

            streamer = TokenStreamer(
                tokenizer.backend_tokenizer,
                stop,
                emit=lambda text, tokens: sink.emit(TextDelta(text, tokens)),
                check=sink.check,
                first=first,
                pace=self._pace,
            )
            try:
                features = pictures.look(start.new)
                given = rules.inject_features(model, features) if rules else nullcontext({})
                with given as seen, self._decoding.compiled_step(start.cache):
                    inputs = placed(model, {**prompt.inputs, **seen})
                    model.generate(**inputs, **extras, generation_config=config, streamer=streamer)
            except Cancelled:
                self._keep(request, prompt, start, streamer)
                raise
            finally:
                streamer.end()
        self._keep(request, prompt, start, streamer)
        return streamer

    def _keep(self, request: GenerationRequest, prompt: Prompt, start: CachedPrefix, streamer: TokenStreamer) -> None:
        if streamer.tokens:
            self._prefixes.keep(_key(request), start, prompt, streamer.tokens)
        else:
            self._prefixes.put_back(_key(request), start, prompt)


@dataclass
class _Attempt:
    """One try at an answer: at which step media are shown, and whether it has its first token.

    `failed_at` is the step at which memory ran out before; None in the first try.
    """

    failed_at: int | None = None
    step: int | None = None
    spoken: bool = False


def _key(request: GenerationRequest) -> str:
    """The name under which the cache of a request is kept."""
    return request.cache_key or request.conversation_id


def free_memory() -> None:
    """Collect garbage and give unused GPU memory back to the driver."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _seed(seed: int | None) -> None:
    # Fresh processes all begin with the same seed, so an answer without one needs a new one too.
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)


def stop_tokens(loaded: Loaded) -> list[int]:
    """The ids that end an answer: the generation config's, else the tokenizer's."""
    known = loaded.model.generation_config.eos_token_id
    if known is None:
        known = loaded.tokenizer.eos_token_id
    return [known] if isinstance(known, int) else list(known or [])


def _teller(sink: EventSink) -> Tell:
    def tell(progress: Progress) -> None:
        sink.check()
        sink.emit(progress)

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
