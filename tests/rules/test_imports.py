"""Arrows go one way: jax_impl -> specs <- torch_impl, parity -> all three, nothing imports parity."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rules.source import Module, modules, planted, report


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """Files in `inside`, except those in `outside`, do not use `names` (or anything below them)."""

    names: tuple[str, ...]
    inside: tuple[str, ...]
    outside: tuple[str, ...] = ()
    reason: str


EVERYWHERE = ("specs", "checkpoints", "jax_impl", "torch_impl", "parity", "tests", "benchmarks", "examples")
USERS_OF_PARITY = ("parity", "tests", "benchmarks", "examples")

BANS = (
    Ban(
        names=("torch", "torch_impl"),
        inside=("jax_impl",),
        reason="jax_impl runs where torch is not installed",
    ),
    Ban(
        names=("jax", "jaxlib", "jax_impl"),
        inside=("torch_impl",),
        reason="torch_impl runs where jax is not installed",
    ),
    Ban(
        names=("jax", "jaxlib", "jax_impl", "torch", "torch_impl"),
        inside=("checkpoints",),
        reason="checkpoints are read for both frameworks, by either",
    ),
    Ban(
        names=("parity",),
        inside=EVERYWHERE,
        outside=USERS_OF_PARITY,
        reason="parity compares the packages, so none of them may need it",
    ),
    Ban(
        names=("tests", "benchmarks", "examples"),
        inside=("specs", "checkpoints", "jax_impl", "torch_impl", "parity"),
        reason="an installed package has no tests, benchmarks or examples beside it",
    ),
    Ban(
        names=("jax._src", "jaxlib"),
        inside=EVERYWHERE,
        outside=("jax_impl/platforms",),
        reason="internals of JAX move; one folder follows them",
    ),
    Ban(
        names=("triton.runtime", "triton._C", "triton.compiler", "triton.backends"),
        inside=EVERYWHERE,
        outside=("torch_impl/platforms", "jax_impl/platforms"),
        reason="internals of Triton move; one folder of each side follows them",
    ),
)

ALLOWED_IN_SPECS = frozenset(sys.stdlib_module_names) | {"numpy", "ml_dtypes", "specs"}


def used_names(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Dotted names that a module imports, at any depth, or reaches as attributes of an import."""
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        for bound, dotted in bindings(node, module):
            aliases[bound] = dotted
            yield node, dotted
        if (dynamic := _dynamic_import(node)) is not None:
            yield node, dynamic
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (chain := _chain(node)) and chain[0] in aliases:
            yield node, ".".join((aliases[chain[0]], *chain[1:]))


def bindings(node: ast.AST, module: Module) -> Iterator[tuple[str, str]]:
    """(name bound in the module, dotted name it stands for) of an import statement."""
    if isinstance(node, ast.Import):
        for item in node.names:
            yield item.asname or item.name, item.name
            if not item.asname:
                top = item.name.split(".")[0]
                yield top, top
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.dotted if module.path.name == "__init__.py" else module.dotted.rpartition(".")[0]
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*parents, base]).strip(".")
        for item in node.names:
            yield item.asname or item.name, f"{base}.{item.name}"


def _dynamic_import(node: ast.AST) -> str | None:
    """The name in `importlib.import_module("name")` or `__import__("name")`."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return None
    function = _chain(node.func)
    named = function[-1:] in (["import_module"], ["__import__"], ["LazyModule"])
    return str(node.args[0].value) if named else None


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its parts; empty when it does not start with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def violations(module: Module) -> list[str]:
    """Uses of names that the module's folder may not use."""
    found = set()
    for node, name in used_names(module):
        for ban in BANS:
            if not module.within(*ban.inside) or module.within(*ban.outside):
                continue
            found |= {
                module.at(node, f"{banned} is not for {module.folder}: {ban.reason}")
                for banned in ban.names
                if f"{name}.".startswith(f"{banned}.")
            }
        if module.folder == "specs" and name.split(".")[0] not in ALLOWED_IN_SPECS:
            found.add(module.at(node, f"specs needs numpy and ml_dtypes only, not {name.split('.')[0]}"))
    return sorted(found)


def test_imports_go_one_way() -> None:
    found = [line for module in modules() for line in violations(module)]
    assert not found, report(found)


BAD = [
    ("specs/lang/a.py", "import jax"),
    ("specs/lang/a.py", "def f():\n    def g():\n        from torch import nn"),
    ("specs/lang/a.py", "if TYPE_CHECKING:\n    import triton.language as tl"),
    ("specs/lang/a.py", "import parity.cli"),
    ("specs/lang/a.py", "import importlib\nimportlib.import_module('jax_impl.ops')"),
    ("specs/lang/a.py", "import scipy.special"),
    ("jax_impl/a.py", "def f():\n    import torch"),
    ("jax_impl/a.py", "from torch_impl import ops"),
    ("jax_impl/a.py", "from parity import compare"),
    ("jax_impl/ops/a.py", "from jax._src import core"),
    ("jax_impl/ops/a.py", "from jax import _src"),
    ("jax_impl/ops/a.py", "import jax\ny = jax._src.core.Jaxpr"),
    ("jax_impl/ops/a.py", "import jax as j\ny = j._src"),
    ("jax_impl/ops/a.py", "import jaxlib"),
    ("torch_impl/a.py", "__import__('jax.numpy')"),
    ("torch_impl/a.py", "from triton.runtime.jit import JITFunction"),
    ("torch_impl/a.py", "import triton\ny = triton.compiler.ASTSource"),
    ("torch_impl/a.py", "from tests.support import x"),
    ("parity/a.py", "from jax._src import core"),
    ("tests/a.py", "import triton._C.libtriton"),
]

GOOD = [
    ("specs/lang/a.py", "import math\nimport numpy as np\nimport ml_dtypes\nfrom specs.lang import axes"),
    ("specs/lang/a.py", "from . import axes\nfrom .errors import SpecError\nfrom ..tile import ir"),
    ("specs/lang/a.py", "text = 'import jax'"),
    ("jax_impl/a.py", "import jax\ny = jax.numpy.ones\nimport jax_impl.ops\nfrom specs import get"),
    ("jax_impl/platforms/a.py", "from jax._src import core"),
    ("torch_impl/a.py", "import torch, triton\nimport triton.language as tl\ny = tl.load"),
    ("torch_impl/platforms/a.py", "from triton.runtime.jit import JITFunction"),
    ("parity/a.py", "def f():\n    import torch_impl, jax_impl, parity.judge.compare"),
    ("tests/a.py", "import parity, torch, jax"),
]


@pytest.mark.parametrize(("path", "text"), BAD)
def test_the_rule_reports(path: str, text: str) -> None:
    assert violations(planted(path, text))


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_the_rule_accepts(path: str, text: str) -> None:
    assert violations(planted(path, text)) == []


LAYERS = {
    "jax_impl/layers": ("jax_impl.ops", "jax_impl.layers"),
    "torch_impl/layers": ("torch_impl.ops", "torch_impl.layers"),
    "jax_impl/serving": ("jax_impl.layers", "jax_impl.ops", "jax_impl.serving"),
    "torch_impl/serving": ("torch_impl.layers", "torch_impl.ops", "torch_impl.serving"),
}
"""Folders that are built on what users have too, and what of their own package they use."""


def private_uses(module: Module, allowed: tuple[str, ...]) -> list[str]:
    """Imports from the module's package of anything but `allowed`."""
    package = module.folder
    return [
        module.at(node, f"uses {dotted}")
        for node, dotted in used_names(module)
        if dotted.split(".")[0] == package
        and dotted != package
        and not any(dotted == name or dotted.startswith(f"{name}.") for name in allowed)
    ]


@pytest.mark.parametrize("folder", LAYERS)
def test_layers_are_built_of_public_operations(folder: str) -> None:
    own = [module for module in modules() if module.within(folder)]
    found = [line for module in own for line in private_uses(module, LAYERS[folder])]
    assert not found, report(found)


def test_an_internal_of_an_operation_is_no_part_of_a_layer() -> None:
    module = planted("jax_impl/layers/x.py", "from jax_impl.launch import run\nfrom jax_impl import ops\n")
    assert private_uses(module, LAYERS["jax_impl/layers"]) == ["jax_impl/layers/x.py:1: uses jax_impl.launch.run"]
