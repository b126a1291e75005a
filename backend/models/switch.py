"""Switches the model while the page is open: offers what this machine can run, loads it, goes back. Knows no page."""

from dataclasses import dataclass, replace
from math import isinf
from pathlib import Path

from backend.engine.engine import EngineSpec, LocalSpec, SwitchableEngine
from backend.errors import InputError
from backend.models.catalog import CATALOG, CPU_LADDER, POCKET, Entry, find, name_of
from backend.models.choose import best, fit, keep
from backend.models.hardware import Machine, memory_bandwidth, probe
from backend.settings import Settings


@dataclass(frozen=True, slots=True)
class Offer:
    """A model to choose: its id, its name, and how it would run here in a few words."""

    id: str
    name: str
    note: str


class ModelSwitch:
    """Switches one engine to another model and back."""

    def __init__(self, engine: SwitchableEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._first = engine.spec
        self._good: EngineSpec | None = None  # the last that was ready when another was asked for

    def offers(self) -> list[Offer]:
        """The models we know, those that fit first. It asks the driver, which may take a second."""
        here = self._emptied(probe())
        offers = [(fit(entry, here), entry) for entry in CATALOG]
        offers.sort(key=lambda each: each[0] is None)
        return [Offer(entry.id, entry.name, _note(entry, place, here)) for place, entry in offers]

    def suggestion(self) -> Offer | None:
        """The best small model for a machine that runs Pocket for want of a GPU: its note is size and expected speed.

        None where another model runs, where the network is not to be used, or where there is a GPU or too little
        memory for more. It asks the driver and measures the memory, which takes a moment.
        """
        if self._engine.spec.model != POCKET.id or self._settings.offline:
            return None
        here = probe()
        gpu = here.roomiest
        fits = next((entry for entry in CPU_LADDER if best(entry, here) == ("CPU", "none")), None)
        if fits is None or (gpu is not None and not here.obstacle(gpu)):
            return None
        rate = memory_bandwidth() / (4e9 * fits.billions)  # a CPU computes in 32 bits
        speed = f"about {rate:.0f} tokens a second" if rate >= 1.5 else f"about {1 / rate:.0f} s a token"
        size = "fetched" if fits.id in here.models else f"{2 * fits.billions:.1f} GB to fetch"
        return Offer(fits.id, fits.name, f"{size}, {speed} here")

    def load(self, model: str) -> None:
        """Load a model by its name, its Hugging Face id or its folder. Returns at once; the engine's status says more.

        Raises:
            InputError: nothing was named, or that model answers already.
            EngineUnavailable: the engine is closed.
        """
        if not model.strip():
            raise InputError("Choose a model, or write a Hugging Face id or a folder.")
        spec, ready = self._spec(model.strip()), self._engine.status.state == "ready"
        if ready and spec == self._engine.spec:
            raise InputError(f"{name_of(spec.model)} is already the model that answers.")
        self._good = self._engine.spec if ready else self._good
        self._engine.switch(spec)

    @property
    def instead(self) -> str | None:
        """The name of the model to go back to, while one is loaded and when that has failed."""
        waits = self._engine.status.state in ("loading", "failed")
        back = self._way_back()
        return name_of(back.model) if waits and back != self._engine.spec else None

    def go_back(self) -> None:
        """End a load that takes too long or has failed, and run the model before it, or Pocket if there was none.

        Raises:
            EngineUnavailable: the engine is closed.
        """
        if self.instead is not None:
            self._engine.switch(self._way_back())

    def keep(self) -> None:
        """Keep the choice for the next start, where another model than the first has been chosen and answers."""
        if self._engine.status.state == "ready" and self._engine.spec != self._first:
            keep(self._settings.data_dir, self._engine.spec)

    def _way_back(self) -> EngineSpec:
        return self._good or self._spec(POCKET.id)

    def _spec(self, model: str) -> EngineSpec:
        """The spec of a model, in the form in which it is offered; the one of the start stays as it was named."""
        entry, form = find(model), self._settings.quantization
        name = entry.id if entry else str(Path(model).expanduser()) if model.startswith("~") else model
        if name == self._first.model:
            return self._first
        if entry and entry is not POCKET and form == "auto" and (found := best(entry, self._emptied(probe()))):
            form = found[1]
        spec = self._settings.engine_spec(name, form)
        return replace(spec, revision=None, adapter=None) if isinstance(spec, LocalSpec) else spec

    def _emptied(self, here: Machine) -> Machine:
        """The machine as it is when the model that runs now is gone, as far as we know what that needs."""
        model, entry = self._engine.status.model, find(self._engine.spec.model)
        if model is None or entry is None:
            return here
        on_cpu = model.device == "CPU" or not here.gpus
        used = entry.need.bytes(self._engine.spec.quantization, cpu=on_cpu)
        if isinf(used):
            return here
        if on_cpu:
            return replace(here, memory_free=here.memory_free + int(used))
        own = next((gpu for gpu in here.gpus if gpu.name == model.device), here.gpus[0])
        freed = replace(own, free=min(own.total, own.free + int(used)))
        return replace(here, gpus=tuple(freed if gpu == own else gpu for gpu in here.gpus))


def _note(entry: Entry, place: str | None, here: Machine) -> str:
    missing = here.missing(entry.video_packages) if place else []
    wanted = f"for video: pip install {' '.join(missing)}" if missing else ""
    fetched = "fetched" if entry.id in here.models else "login needed" if entry.gated else ""
    return ", ".join(filter(None, (place or "too large here", fetched, wanted)))
