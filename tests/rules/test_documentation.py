"""Every module says what it is for, and every public function says what it takes and gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.rules.source import PACKAGES, Module, modules, own_modules, planted, report

Function = ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(module: Module) -> list[str]:
    """The module, when it has code and no docstring."""
    if module.tree.body and not ast.get_docstring(module.tree):
        return [f"{module.path}:1: the module has no docstring"]
    return []


def public_functions(module: Module) -> Iterator[Function]:
    """Functions and methods reachable by a public name; `__init__` and its like are public."""
    scopes: list[ast.Module | ast.ClassDef] = [module.tree]
    while scopes:
        for node in scopes.pop().body:
            private = _is_private(getattr(node, "name", ""))
            if isinstance(node, ast.ClassDef) and not private:
                scopes.append(node)
            elif isinstance(node, Function) and not private:
                yield node


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def unannotated(module: Module) -> list[str]:
    """Parameters and results of public functions that have no annotation."""
    found = []
    for function in public_functions(module):
        every = function.args
        parameters = [*every.posonlyargs, *every.args, *every.kwonlyargs]
        parameters += [extra for extra in (every.vararg, every.kwarg) if extra is not None]
        for index, parameter in enumerate(parameters):
            bound = index == 0 and parameter.arg in ("self", "cls", "mcs")
            if parameter.annotation is None and not bound:
                found.append(module.at(function, f"{function.name}: {parameter.arg} has no annotation"))
        if function.returns is None:
            found.append(module.at(function, f"{function.name}: the result has no annotation"))
    return found


def test_every_module_has_a_docstring() -> None:
    found = [line for module in modules() for line in undocumented(module)]
    assert not found, report(found)


def test_public_functions_are_annotated() -> None:
    found = [line for module in own_modules() if module.within(*PACKAGES) for line in unannotated(module)]
    assert not found, report(found)


@pytest.mark.parametrize("text", ["x = 1", "# comment\nimport math\n'''late'''"])
def test_missing_docstring_is_reported(text: str) -> None:
    assert undocumented(planted("specs/a.py", text))


@pytest.mark.parametrize("text", ["", '"""What it is."""\nx = 1', '# licence\n"""What it is."""'])
def test_docstring_is_accepted(text: str) -> None:
    assert undocumented(planted("specs/a.py", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(x) -> int: ...",
        "def f(x: int): ...",
        "def f(*args) -> None: ...",
        "def f(*, key) -> None: ...",
        "def f(**kw) -> None: ...",
        "async def f(x) -> None: ...",
        "class C:\n  def f(self, x) -> None: ...",
        "class C:\n  def __init__(self, x) -> None: ...",
    ],
)
def test_missing_annotation_is_reported(text: str) -> None:
    assert len(unannotated(planted("specs/a.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def f(x: int, /, y: str, *args: int, z: int = 1, **kw: int) -> None: ...",
        "class C:\n  def f(self) -> None: ...\n  @classmethod\n  def g(cls, x: int) -> None: ...",
        "def _private(x): ...",
        "class _C:\n  def f(self, x): ...",
        "def f() -> None:\n  def inner(x): ...",
    ],
)
def test_annotation_is_accepted(text: str) -> None:
    assert unannotated(planted("specs/a.py", text)) == []
