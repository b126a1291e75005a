"""The project's own rules: which room may import which, and how large a file or a function may grow."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
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
    "backend.media.video": (
        "backend.types",
        "backend.errors",
        "backend.media.clip",
        "backend.media.formats",
        "backend.media.video",
    ),
    "backend.engine": ("backend.types", "backend.errors", "backend.engine.engine"),
    "backend.engine.families": ("backend.types", "backend.errors", "backend.media", "backend.engine.families"),
    "backend.engine.local": (
        "backend.types",
        "backend.errors",
        "backend.media",
        "backend.models.catalog",
        "backend.models.hardware",
        "backend.engine.engine",
        "backend.engine.grammars",
        "backend.engine.families",
        "backend.engine.local",
    ),
    "backend.engine.process": (
        "backend.types",
        "backend.errors",
        "backend.engine.engine",
        "backend.engine.local.engine",
        "backend.engine.scripted",
        "backend.engine.process",
    ),
    "backend.models": (
        "backend.types",
        "backend.errors",
        "backend.engine.engine",
        "backend.settings",
        "backend.models",
    ),
    "backend.models.catalog": ("backend.engine.engine", "backend"),
    "backend.models.hardware": (),
    "backend.settings": ("backend.types", "backend.errors", "backend.engine.engine"),
    "backend.reader": ("backend.types", "backend.errors", "backend.media", "backend.reader"),
    "backend.tasks": ("backend.types", "backend.errors", "backend.tasks"),
    "backend.tasks.forms": (
        "backend.types",
        "backend.errors",
        "backend.engine.grammars",
        "backend.tasks.result",
        "backend.tasks.forms",
    ),
    "backend.evidence": (
        "backend.types",
        "backend.errors",
        "backend.engine.engine",
        "backend.engine.grammars",
        "backend.reader",
        "backend.tasks.forms",
        "backend.tasks.presets.document",
        "backend.tasks.presets.receipt",
        "backend.tasks.presets.table",
        "backend.evidence",
    ),
    "backend.history": ("backend.types", "backend.errors", "backend.history"),
    "backend.chat": (
        "backend.types",
        "backend.errors",
        "backend.engine.engine",
        "backend.engine.grammars",
        "backend.evidence",
        "backend.history",
        "backend.media",
        "backend.reader.page",
        "backend.tasks",
        "backend.chat",
    ),
    "backend.batch": (
        "backend.types",
        "backend.errors",
        "backend.chat",
        "backend.engine.engine",
        "backend.media",
        "backend.tasks",
        "backend.batch",
    ),
    "backend.terminal": ("backend.types", "backend.errors", "backend.chat.results", "backend.tasks.forms"),
    "backend.runtime": (
        "backend.errors",
        "backend.chat",
        "backend.engine",
        "backend.evidence",
        "backend.history",
        "backend.media",
        "backend.models",
        "backend.reader",
        "backend.settings",
    ),
    "backend": (),
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


@pytest.mark.parametrize("path", [p for p in SOURCES if _name(p).split(".")[0] == "tests"])
def test_what_tests_share_stands_in_their_support(path: Path) -> None:
    strangers = [name for name in _modules(path) if _inside(name, "tests") and not _inside(name, "tests.support")]
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


SMALL = 40  # lines: a module below that with one importer is a part of it


def test_no_crumb_has_a_file_of_its_own() -> None:
    product = {_name(path): path for path in SOURCES if _name(path).split(".")[0] in ("app", "ui", "backend")}
    importers: dict[str, set[str]] = {name: set() for name in product}
    for name, path in product.items():
        for imported in _modules(path):
            if imported in importers:
                importers[imported].add(name)
    crumbs = {
        name: importers[name]
        for name, path in product.items()
        if path.name != "__init__.py" and len(importers[name]) == 1 and path.read_text().count("\n") < SMALL
    }
    assert crumbs == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    product = {_name(path): path for path in SOURCES if _name(path).split(".")[0] in ("app", "ui", "backend")}
    graph = {name: {one for one in _modules(path) if one in product and one != name} for name, path in product.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def _modules(path: Path) -> Iterator[str]:
    """The modules that a file imports; of `from package import module` the module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if (ROOT / (inner.replace(".", "/") + ".py")).exists() else node.module


def test_only_the_engine_knows_how_answers_are_held_to_a_grammar() -> None:
    knows = [_name(path) for path in SOURCES if any(_inside(name, "llguidance") for name in _imports(path))]
    outside = [name for name in knows if name.startswith(("app", "ui", "backend", "training"))]
    assert outside == ["backend.engine.grammars", "backend.engine.local.grammar"]


# What other people's libraries call so although it is meant to be used.
THEIRS = {
    *(
        "_can_compile_fullgraph",
        "_dynamo",
        "_exit",
        "_forward_pre_hooks",
        "_replace",
        "_set_model_specific_special_tokens",
    ),
}
# Tests that look behind an object break when it is built anew although it does the same. Only ever lower this.
LOOKS = 20


def test_fewer_and_fewer_tests_look_at_what_is_private() -> None:
    looks = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        if _name(path).split(".")[0] == "tests"
        for line, name in _private_looks(ast.parse(path.read_text()))
    ]
    assert len(looks) == LOOKS, "\n".join(looks)


def _private_looks(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Attributes with an underscore of anything but `self`, and such names given to `monkeypatch.setattr`."""
    for node in ast.walk(tree):
        name: object = None
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            name = node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
        if isinstance(name, str) and name.startswith("_") and not name.startswith("__") and name not in THEIRS:
            yield node.lineno, name


def test_the_files_that_the_documentation_sends_people_to_are_there() -> None:
    where = (ROOT / "docs" / "architecture.md").read_text().partition("## Where to add things")[2]
    named = set(re.findall(r"`((?:backend|ui|tests|training|benchmarks)/[\w/]*(?:\.py)?)`", where))
    assert len(named) > 8
    assert {name for name in named if not (ROOT / name).exists()} == set()
