"""The house's own rules: which room may import which, and how large a file or a function may grow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("backend", "ui", "training", "benchmarks", "tests")
SOURCES = sorted([ROOT / "app.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))])

# Each room with the rooms that it may import; the longest matching name counts.
ARROWS = {
    "backend.types": (),
    "backend.errors": (),
    "backend.media": ("backend.types", "backend.errors", "backend.media"),
    "backend.engine": (
        "backend.types",
        "backend.errors",
        "backend.media",
        "backend.catalog",
        "backend.machine",
        "backend.engine",
    ),
    "backend.reader": ("backend.types", "backend.errors", "backend.media", "backend.reader"),
    "backend.tasks": ("backend.types", "backend.errors", "backend.tasks"),
    "backend.evidence": (
        "backend.types",
        "backend.errors",
        "backend.engine.engine",
        "backend.reader",
        "backend.tasks.currency",
        "backend.tasks.json_text",
        "backend.evidence",
    ),
    "backend.history": ("backend.types", "backend.errors", "backend.history"),
    "backend": ("backend",),
    "ui": ("backend", "ui", "assets"),
    "training": ("backend", "training"),
    "app": ("backend", "ui"),
}
OURS = {"app", "ui", "backend", "training", "benchmarks", "tests"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _inside(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if _name(p).split(".")[0] in ("app", "ui", "backend", "training")]
)
def test_imports_follow_the_arrows(path: Path) -> None:
    room = max((room for room in ARROWS if _inside(_name(path), room)), key=len)
    strangers = [
        name
        for name in _imports(path)
        if name.split(".")[0] in OURS and not any(_inside(name, allowed) for allowed in ARROWS[room])
    ]
    assert strangers == []


@pytest.mark.parametrize("path", [p for p in SOURCES if _name(p).split(".")[0] in ("app", "backend", "training")])
def test_only_the_page_knows_gradio(path: Path) -> None:
    assert [name for name in _imports(path) if name.split(".")[0] == "gradio"] == []


def test_no_file_is_longer_than_500_lines() -> None:
    assert {str(p.relative_to(ROOT)): n for p in SOURCES if (n := p.read_text().count("\n")) > 500} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []
