"""Stubs say what the modules really define. That they are up to date is test_golden's matter."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from types import ModuleType

import pytest

import specs
from parity.write.stubs import STUBS, Stub, implementations, stub

BOTH = pytest.mark.parametrize("kind", STUBS, ids=lambda kind: kind.package)


def module_of(kind: Stub) -> ModuleType:
    return importlib.import_module(f"{kind.package}.ops")


@cache
def defined(kind: Stub) -> dict[str, ast.FunctionDef]:
    """Functions of a stub, by name; of overloads the first, which has the docstring."""
    tree = ast.parse(stub(kind, [specs.get(name) for name in specs.names()]))
    return {node.name: node for node in reversed(tree.body) if isinstance(node, ast.FunctionDef)}


def exported(kind: Stub) -> set[str]:
    """Everything that a stub passes on to those who import it."""
    tree = ast.parse(stub(kind, [specs.get(name) for name in specs.names()]))
    names = set(defined(kind))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {item.asname for item in node.names if item.asname is not None}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@BOTH
def test_signatures_are_the_real_ones(kind: Stub) -> None:
    for name in specs.names():
        real = inspect.signature(getattr(module_of(kind), name)).parameters.values()
        arguments = defined(kind)[name].args
        assert [p.name for p in real if p.kind is p.POSITIONAL_OR_KEYWORD] == [a.arg for a in arguments.args]
        keywords = [p for p in real if p.kind is p.KEYWORD_ONLY]
        assert [p.name for p in keywords] == [a.arg for a in arguments.kwonlyargs]
        given = [None if d is None else ast.literal_eval(d) for d in arguments.kw_defaults]
        assert given == [None if p.default is p.empty else p.default for p in keywords]
        positional = [ast.literal_eval(default) for default in arguments.defaults]
        assert positional == [p.default for p in real if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty]


@BOTH
def test_docstrings_are_the_real_ones(kind: Stub) -> None:
    for name in specs.names():
        real = getattr(module_of(kind), name).__doc__
        assert (ast.get_docstring(defined(kind)[name]) or "").split() == real.split(), name


@BOTH
def test_implementations_are_the_real_ones(kind: Stub) -> None:
    real = importlib.import_module(f"{kind.package}.backends").BACKENDS
    assert implementations(kind.package) == tuple(real)


@BOTH
def test_every_public_name_is_there(kind: Stub) -> None:
    assert set(module_of(kind).__all__) <= exported(kind)


@BOTH
def test_arguments_and_results_are_typed(kind: Stub) -> None:
    for name, function in defined(kind).items():
        arguments = [*function.args.args, *function.args.kwonlyargs]
        assert all(argument.annotation is not None for argument in arguments), name
        assert function.returns is not None, name
