"""How the tokens after a prompt are drawn: by a compiled step where it is warm, and else the plain way.

Either way a cross-attention mask that hides no tile is left out: with one, attention takes a slower way, at every
token and every layer. Lives on the inference thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from backend.engine.compiled import LENGTHS, CompiledDecoder, Size, can_compile
from backend.engine.spec import Compile


class Decoding:
    """The decoding of one loaded model. `exact`: whether caches of it are known well enough to be copied."""

    def __init__(self, model: Any, exact: bool, wish: Compile) -> None:
        self._model = model
        asked = wish == "on" or (wish == "auto" and model.device.type == "cuda")
        self._compiled = CompiledDecoder(model) if asked and exact and can_compile(model) else None
        if self._compiled:
            tiles = (4, 0) if self._compiled.cross else (0,)
            self._compiled.wanted.update(dict.fromkeys(Size(LENGTHS[0], held) for held in tiles))

    @contextmanager
    def drawing(self, cache: Any) -> Iterator[None]:
        """Draw what `generate` draws meanwhile; `cache` is the DynamicCache that it is given, if it is given one."""
        compiled = self._compiled.decoding(cache) if self._compiled and cache is not None else nullcontext()
        with unmasked(self._model), compiled:
            yield

    def warm_up(self) -> bool:
        """Compile one of the sizes that were asked for; false where there is none. It may take a minute."""
        wanted = next(iter(self._compiled.wanted), None) if self._compiled else None
        if self._compiled is None or wanted is None:
            return False
        self._compiled.warm_up(wanted)
        return True

    def give_up(self) -> None:
        """Free what compiled decoding takes, and decode the plain way from now on."""
        if self._compiled:
            self._compiled.give_up()


@contextmanager
def unmasked(model: Any) -> Iterator[None]:
    """Leave the cross-attention mask out of each step after the prompt, if its row hides no tile.

    The row of a token that is drawn is that of the token before it, so one look is enough for an answer.
    """
    hides: bool | None = None

    def drop(_: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        nonlocal hides
        mask, ids = inputs.get("cross_attention_mask"), inputs.get("input_ids")
        if mask is None or ids is None or ids.shape[-1] != 1:
            return None
        if hides is None:
            hides = not bool(mask.all())
        return None if hides else (args, {**inputs, "cross_attention_mask": None})

    # An adapter's wrapper has its model generate, and is never called itself.
    called = model.get_base_model() if hasattr(model, "get_base_model") else model
    handle = called.register_forward_pre_hook(drop, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
