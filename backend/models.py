"""Another model while the page is open: what this machine could run, and the way to it and back. Knows no page."""

from dataclasses import dataclass, replace
from math import isinf
from pathlib import Path
from typing import Protocol

from backend.catalog import CATALOG, POCKET, Entry, best, find, fit, name_of
from backend.engine.spec import EngineSpec
from backend.errors import InputError
from backend.last_model import keep
from backend.machine import Machine, look
from backend.settings import Settings
from backend.types import EngineStatus


class Switchable(Protocol):
    """An engine that can run another model."""

    @property
    def spec(self) -> EngineSpec:
        """What runs, or is being loaded."""
        ...

    @property
    def status(self) -> EngineStatus:
        """Where the engine stands."""
        ...

    def switch(self, spec: EngineSpec) -> None:
        """Run `spec` from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A model to choose: its id, its name, and how it would run here in a few words."""

    id: str
    name: str
    note: str


class Models:
    """The choice of one engine's model."""

    def __init__(self, engine: Switchable, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._first = engine.spec
        self._good: EngineSpec | None = None  # the last that was ready when another was asked for

    def offers(self) -> list[Offer]:
        """The models we know, those that fit first. It asks the driver, which may take a second."""
        here = self._emptied(look())
        offers = [(fit(entry, here), entry) for entry in CATALOG]
        offers.sort(key=lambda each: each[0] is None)
        return [Offer(entry.id, entry.name, _note(entry, place, here)) for place, entry in offers]

    def load(self, model: str) -> None:
        """Load a model by its name, its Hugging Face id or its folder. Returns at once; the engine's status says more.

        Raises:
            InputError: nothing was named, or it answers already.
            EngineUnavailable: the engine is closed.
        """
        if not model.strip():
            raise InputError("Choose a model, or write a Hugging Face id or a folder.")
        spec, ready = self._spec(model.strip()), self._engine.status.state == "ready"
        if ready and spec == self._engine.spec:
            raise InputError(f"{name_of(spec.model)} is the model that answers now.")
        self._good = self._engine.spec if ready else self._good
        self._engine.switch(spec)

    @property
    def instead(self) -> str | None:
        """The name of the model to go back to, while one is loaded and when that has failed."""
        waits = self._engine.status.state in ("loading", "failed")
        back = self._way_back()
        return name_of(back.model) if waits and back != self._engine.spec else None

    def go_back(self) -> None:
        """End a load that takes too long or has failed, and run what ran before it; else Pocket.

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
        if entry and entry is not POCKET and form == "auto" and (found := best(entry, self._emptied(look()))):
            form = found[1]
        return replace(self._first, model=name, quantization=form, revision=None, adapter=None)

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
        first, *others = here.gpus
        return replace(here, gpus=(replace(first, free=min(first.total, first.free + int(used))), *others))


def _note(entry: Entry, place: str | None, here: Machine) -> str:
    fetched = "fetched" if entry.id in here.models else "login needed" if entry.gated else ""
    return ", ".join(filter(None, (place or "too large here", fetched)))
