"""No import circle, and no import that runs up: neither at the top of a module nor inside of a function.

An import inside of a function only puts a circle off until the function is called, and hides from a reader that two
modules need each other. Free are imports for type annotations alone (`if TYPE_CHECKING:`), which run nothing, and those
of a module that is run as a program (`if __name__ == "__main__":`), which no import runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.rules.source import Module, modules, planted, report
from tests.rules.test_imports import bindings

Graph = Mapping[str, Mapping[str, int]]
"""Module -> module that it imports -> line."""

LAYERS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("specs.version", "specs.lang.errors"),
        ("specs.lang.formats",),
        ("specs.lang.declare",),
        ("specs.lang.call", "specs.tuned"),
        ("specs.tile.ir", "specs.tile.constants", "specs.tile.targets"),
        ("specs.tile.frontend",),
        ("specs.tile.language", "specs.tile.library"),
        ("specs.tile.passes", "specs.tile.emit"),
        ("specs.tile.launch", "specs.tile.interpret"),
        ("specs.tile.passes.accesses", "specs.tile.passes.cost"),  # of the launches of cases
        ("specs.tile",),
        ("specs",),  # families
        ("specs.registry",),
        ("specs.registration",),
        ("specs.export",),
    ),
    (
        ("parity.judge", "parity.xpu.tools", "parity.xpu.topologies"),
        ("parity.record.pictures", "parity.record.records"),
        ("parity.judge.runner",),
        ("parity.record", "parity.show"),
        ("parity.functions",),
        ("parity.conformance", "parity.fuzz", "parity.models", "parity.report", "parity.tune", "parity.write"),
        ("parity.xpu",),
        ("parity.commands", "parity.xpu.command"),
        ("parity.testing",),
        ("parity.cli", "parity.__main__"),
    ),
    (
        ("jax_impl.platforms",),
        ("jax_impl.pallas", "jax_impl.triton", "jax_impl.xla"),
        ("jax_impl.backends",),
        ("jax_impl.launch",),
        ("jax_impl.ops",),
    ),
    (
        ("torch_impl.platforms",),
        ("torch_impl.triton", "torch_impl.eager"),
        ("torch_impl.backends",),
        ("torch_impl.launch",),
        ("torch_impl.ops",),
        ("torch_impl.flash_attn",),
    ),
)
"""Floors of the packages, from the lowest: a module imports from its own floor and from those below.

A module stands on the floor of the longest name that it begins with, and on none where no name fits.
"""


def graph(found: Iterable[Module]) -> Graph:
    """What every module imports of the others, where it runs."""
    given = {module.dotted: module for module in found}
    return {name: dict(_imports(module, given)) for name, module in given.items()}


def _imports(module: Module, known: Mapping[str, Module]) -> Iterator[tuple[str, int]]:
    free = {
        inner
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith(("TYPE_CHECKING", "__name__ == '__main__'"))
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(module.tree):
        for _, dotted in bindings(node, module) if node not in free else ():
            parts = dotted.split(".")
            prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
            imported = next((name for name in prefixes if name in known), module.dotted)
            if imported != module.dotted:
                yield imported, getattr(node, "lineno", 1)


def circles(given: Graph) -> list[tuple[str, ...]]:
    """The shortest circle through a module of every knot of modules that import each other."""
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in sorted(given):
        if start not in seen and (circle := _circle(given, start)):
            found.append(circle)
            seen |= {name for name in given if _path(given, start, name) and _path(given, name, start)}
    return found


def _circle(given: Graph, start: str) -> tuple[str, ...]:
    return min((found for name in given[start] if (found := _path(given, name, start))), key=len, default=())


def _path(given: Graph, start: str, end: str) -> tuple[str, ...]:
    """The fewest modules from `start` to `end`, both included; empty where no import leads there."""
    before = {start: ""}
    todo = [start]
    for name in todo:
        if name == end:
            path = [name]
            while before[path[-1]]:
                path.append(before[path[-1]])
            return tuple(reversed(path))
        for following in given[name]:
            if following not in before:
                before[following] = name
                todo.append(following)
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Where a module stands: in which of `LAYERS`, and how high."""

    house: int
    height: int


def floor(name: str) -> Floor | None:
    """The floor of a module."""
    places = [
        (len(prefix), Floor(house=house, height=height))
        for house, floors in enumerate(LAYERS)
        for height, prefixes in enumerate(floors)
        for prefix in prefixes
        if f"{name}.".startswith(f"{prefix}.") and name != "specs"  # which is the way to the registry
    ]
    return max(places, key=lambda place: place[0])[1] if places else None


def upward(given: Graph) -> list[str]:
    """Imports from a higher floor."""
    found = []
    for name, imported in given.items():
        own = floor(name)
        for other, line in imported.items():
            theirs = floor(other)
            if own is not None and theirs is not None and own.house == theirs.house and own.height < theirs.height:
                found.append(f"{name}:{line}: imports {other}, which stands above it (LAYERS)")
    return found


def told(circle: Sequence[str], given: Graph) -> str:
    """A circle with the line of each import."""
    steps = zip(circle, (*circle[1:], circle[0]), strict=True)
    return " -> ".join(f"{name}:{given[name][following]}" for name, following in steps) + f" -> {circle[0]}"


def test_no_module_needs_itself() -> None:
    given = graph(modules())
    found = [told(circle, given) for circle in circles(given)]
    assert not found, report(found)


def test_no_import_runs_up() -> None:
    found = upward(graph(modules()))
    assert not found, report(found)


def _planted(*files: tuple[str, str]) -> Graph:
    return graph([planted(path, text) for path, text in files])


CIRCLES = [
    (("specs/a.py", "import specs.b"), ("specs/b.py", "from specs import a")),
    (("specs/a.py", "import specs.b"), ("specs/b.py", "def f():\n    from specs.a import x")),
    (
        ("specs/a.py", "from .b import x"),
        ("specs/b.py", "def f():\n    import specs.c"),
        ("specs/c.py", "import specs.a"),
    ),
    (("specs/a/__init__.py", "from specs.a.b import x"), ("specs/a/b.py", "def f():\n    from specs.a import y")),
]
STRAIGHT = [
    (("specs/a.py", "import specs.b"), ("specs/b.py", "import specs.c"), ("specs/c.py", "import math")),
    (("specs/a.py", "import specs.b"), ("specs/b.py", "if TYPE_CHECKING:\n    from specs.a import A")),
    (("specs/a.py", "import specs.b"), ("specs/b.py", "if __name__ == '__main__':\n    import specs.a")),
    (("specs/a.py", "import specs.b"), ("specs/b.py", "text = 'import specs.a'")),
]


@pytest.mark.parametrize("files", CIRCLES)
def test_a_circle_is_reported_once(files: tuple[tuple[str, str], ...]) -> None:
    given = _planted(*files)
    (found,) = circles(given)
    assert set(found) == set(given)
    assert all(f"{name}:" in told(found, given) for name in given)


@pytest.mark.parametrize("files", STRAIGHT)
def test_what_is_no_circle_is_accepted(files: tuple[tuple[str, str], ...]) -> None:
    assert circles(_planted(*files)) == []


UP = [
    ("specs/lang/declare/a.py", "from specs.tile import ir", "specs/tile/ir.py"),
    ("specs/lang/a/b.py", "def f():\n    import specs.export", "specs/export.py"),
    ("specs/lang/formats/a.py", "from specs.lang.call import bind", "specs/lang/call/bind.py"),
    ("specs/tile/emit/a.py", "from specs.gemm import fp8", "specs/gemm/fp8.py"),
    ("parity/report/a.py", "def f():\n    from parity.xpu import page", "parity/xpu/page.py"),
    ("jax_impl/platforms/a.py", "from jax_impl.launch import run", "jax_impl/launch.py"),
    ("torch_impl/eager/a.py", "from torch_impl import launch", "torch_impl/launch.py"),
]
DOWN = [
    ("specs/tile/ir.py", "from specs.lang.declare import kernel", "specs/lang/declare/kernel.py"),
    ("specs/gemm/a.py", "from specs.gemm import fp8", "specs/gemm/fp8.py"),
    ("parity/xpu/a.py", "from parity.report import parts", "parity/report/parts.py"),
    ("jax_impl/launch.py", "from jax_impl.platforms import primitive", "jax_impl/platforms/primitive.py"),
]


@pytest.mark.parametrize(("path", "text", "above"), UP)
def test_an_import_that_runs_up_is_reported(path: str, text: str, above: str) -> None:
    assert upward(_planted((path, text), (above, "")))


@pytest.mark.parametrize(("path", "text", "below"), DOWN)
def test_an_import_that_runs_down_is_accepted(path: str, text: str, below: str) -> None:
    assert upward(_planted((path, text), (below, ""))) == []
