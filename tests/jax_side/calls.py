"""Small right calls of every operation as JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

import specs
from jax_impl import ops
from parity.judge.frameworks import from_jax, to_jax
from parity.judge.inputs import Kind, generate
from specs.lang.declare.op import Case
from specs.lang.formats.elements import INT64
from tests.small import small_case

Arrays = tuple[jax.Array, ...]


def jax_case(op: str) -> Case:
    """The small case of an operation that needs no 64-bit types, which JAX has off."""
    return small_case(op, without=INT64)


def small_call(op: str, implementation: str | None = "xla", kind: Kind = "random") -> tuple[Callable[..., Any], Arrays]:
    """A function of the arrays that are passed, and those arrays. What is left out and attributes are bound."""
    inputs = generate(specs.get(op), jax_case(op), kind, 0)
    names = list(inputs.arrays)
    arrays = tuple(to_jax(inputs.arrays[name], inputs.formats[name]) for name in names)

    def function(*given: Any) -> Any:
        passed = dict(zip(names, given, strict=True))
        positional = [passed.get(array.name) for array in inputs.op.inputs]
        return getattr(ops, op)(*positional, **inputs.attributes, implementation=implementation)

    return function, arrays


def names_of(op: str) -> tuple[list[str], list[str]]:
    """Names of the arguments of `small_call`, and names of the ones that are written in place."""
    names = list(generate(specs.get(op), jax_case(op), "random", 0).arrays)
    return names, [array.name for array in specs.get(op).mutated if array.name in names]


def as_tuple(results: Any) -> Arrays:
    """Results as a tuple."""
    return (results,) if isinstance(results, jax.Array) else tuple(results)


def raw(results: Any) -> list[bytes]:
    """The bytes of results."""
    return [from_jax(array).raw.tobytes() for array in as_tuple(results)]
