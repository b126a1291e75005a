"""An engine of which another model can be asked, for the tests of the choice."""

from dataclasses import dataclass, field

from backend.engine.engine import EngineSpec, LocalSpec
from backend.engine.scripted import SCRIPTED
from backend.types import EngineStatus

FIRST = LocalSpec("ada/first", revision="v1", adapter="ada/tuned", queue_size=7)
QWEN = "Qwen/Qwen2.5-VL-3B-Instruct"


@dataclass
class Engine:
    """Does as it is told, and is ready when the test says so."""

    spec: EngineSpec = FIRST
    status: EngineStatus = field(default_factory=lambda: EngineStatus("ready", model=SCRIPTED))

    def switch(self, spec: EngineSpec) -> None:
        self.spec, self.status = spec, EngineStatus("loading")

    def ready(self) -> None:
        self.status = EngineStatus("ready", model=SCRIPTED)
