"""A loaded model answers a request: the only caller of `generate`. Runs on the inference thread and knows no other."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from transformers import LogitsProcessorList

from backend.engine import failures
from backend.engine.decoding import Decoding
from backend.engine.grammar import GrammarProcessor, Grammars, unsure
from backend.engine.inference_thread import Cancelled
from backend.engine.loader import Loaded
from backend.engine.lru import ByteLRU
from backend.engine.memory import Budget, cache_limit, footprint
from backend.engine.outlet import Outlet
from backend.engine.pictures import MediaSource, Pictures, Tell, placed
from backend.engine.prefix_cache import PrefixCache, Start
from backend.engine.prompt import Limits, Prompt, build_prompt
from backend.engine.sampling import generation_config
from backend.engine.spec import Compile
from backend.engine.streamer import TokenStreamer
from backend.errors import GlimpseError
from backend.types import Finished, FinishReason, GenerationRequest, Progress, TextDelta, Usage

log = logging.getLogger(__name__)


class Generator:
    """Answers requests with one model, on the thread that loaded it. Keeps what the next turns can continue on.

    `cache_bytes` bounds what is kept; None leaves it to what the model leaves free. `pace` is how many seconds are
    between two pieces of text, at least.
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
        self._spoken = False  # whether the answer has its first token
        self._step: int | None = None  # at which step media were shown when memory ran out
        device = loaded.model.device
        self._grammars = Grammars(loaded.tokenizer, stop_tokens(loaded))
        self._memory = ByteLRU(cache_limit(device) if cache_bytes is None else cache_bytes)
        self._prefixes = PrefixCache(loaded.model.config, loaded.prefix, self._memory)
        self._footprint = footprint(loaded.model.config, loaded.model.dtype)
        self._decoding = Decoding(loaded.model, loaded.prefix is not None, compile)
        self.warm_up = self._decoding.warm_up

    def answer(self, request: GenerationRequest, outlet: Outlet) -> Finished:
        """Answer a request: its progress and text go to the outlet, its last event is returned.

        Where memory runs out before the first token, what is kept is dropped and less is shown, once.

        Raises:
            Cancelled: the outlet wanted no more.
            GlimpseError: with a sentence for the person.
        """
        self._step = None
        outcome = self._tried(request, outlet)
        if isinstance(outcome, Exception) and failures.is_out_of_memory(outcome):
            self._memory.clear()
            self._decoding.give_up()
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
        tell = _teller(outlet)
        pictures = Pictures(self._loaded, self._media, self._memory, tell)
        prompt = self._prompt(request, pictures, reserve, tell)
        room = min(limit, context - prompt.tokens)
        tell(Progress("reading the conversation"))
        held = self._held(request)
        start = self._prefixes.take(request.conversation_id, prompt)
        streamer = self._generate(request, prompt, start, pictures, room, outlet, held)
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

    def _prompt(self, request: GenerationRequest, pictures: Pictures, reserve: int, tell: Tell) -> Prompt:
        """The prompt, small enough for memory; what is kept of other conversations makes room for it."""
        budget = Budget(self._footprint, self._memory, self._loaded.model.device, reserve)
        step = self._prefixes.step(request.conversation_id) if self._step is None else self._step
        limits = Limits(reserve, budget.fits, step, down=self._step is not None)
        prompt = build_prompt(self._loaded, request.messages, pictures, limits, tell)
        self._step = prompt.step
        budget.make_room(prompt, self._prefixes.bytes(request.conversation_id))
        return prompt

    def _generate(
        self,
        request: GenerationRequest,
        prompt: Prompt,
        start: Start,
        pictures: Pictures,
        room: int,
        outlet: Outlet,
        held: GrammarProcessor | None,
    ) -> TokenStreamer:
        model, tokenizer, stop = self._loaded.model, self._loaded.tokenizer, stop_tokens(self._loaded)
        pad = stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        rules = self._loaded.prefix
        config = generation_config(model.generation_config, request.sampling, room, stop, pad)
        extras: dict[str, Any] = {} if start.cache is None else {"past_key_values": start.cache}
        if held is not None:
            extras["logits_processor"] = LogitsProcessorList([held])
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
                pace=self._pace,
            )
            try:
                features = pictures.look(start.new)
                given = rules.given(model, features) if rules else nullcontext({})
                with given as seen, self._decoding.drawing(start.cache):
                    inputs = placed(model, {**prompt.inputs, **seen})
                    model.generate(**inputs, **extras, generation_config=config, streamer=streamer)
            except Cancelled:
                self._keep(request, prompt, start, streamer)
                raise
            finally:
                streamer.end()
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


def _teller(outlet: Outlet) -> Tell:
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
