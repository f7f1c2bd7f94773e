"""What the contract suite runs: every operation and case, on everything that this machine computes with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.frameworks import (
    FRAMEWORKS,
    Result,
    from_jax,
    from_torch,
    jax_missing,
    registered,
    to_jax,
    to_torch,
    torch_missing,
)
from parity.judge.guard import bit_view
from parity.judge.inputs import KINDS, Inputs, Kind, Raw, generate, layout_of
from parity.judge.runner import ORACLE, run_case, seed_of
from parity.record.records import CaseResult
from specs.lang.declare.kernel import Array, Rows
from specs.lang.declare.op import Case, Op
from specs.lang.declare.readiness import READY
from tests.small import row_axis
from tests.small import rows as rows_of

SEED = 20261121

DEVICES = tuple(name for name in ("cpu", "cuda") if torch_missing(name) is None and jax_missing(name) is None)
"""Where both frameworks can compute."""


@cache
def available(op: str, device: str) -> tuple[str, ...]:
    """Implementations, of `registered`, that run an operation on a device."""
    from jax_impl.ops import explain as explain_jax
    from torch_impl.ops import explain as explain_torch

    reasons: dict[str, str] = {f"torch:{name}": why for name, why in explain_torch(op, device).items()}
    reasons |= {f"jax:{name}": why for name, why in explain_jax(op, device).items()}
    return tuple(name for name in registered() if reasons[name] == READY)


INTERPRETERS: tuple[str, ...] = ("torch:interpret", "jax:interpret")
_COMPOSITE = 12
"""Steps from which on an operation is made of others, whose kernels the others' cases interpret."""
_BY_BOTH = 3
"""Cases that both interpreters run; later ones are run by one of the two, in turn."""


def compared(op: str, case: str, kind: Kind, device: str) -> tuple[str, ...]:
    """Implementations that a case runs on.

    Interpreters are slow. They show the memory accesses and masks of the generated sources, for which exact data will
    do; how they add up, which random data asks, one case answers, not the first, which often has one row. Both sources
    print one program, whose accesses either interpreter shows.
    """
    names, spec = available(op, device), specs.get(op)
    small = [one.name for one in spec.cases if not one.large]
    both = (small[1:2] or small) if kind == "random" else small[:_BY_BOTH]
    if case in both:
        return names
    left_out = INTERPRETERS
    if kind == "exact" and len(spec.steps) <= _COMPOSITE:
        left_out = (INTERPRETERS[small.index(case) % 2],)
    return tuple(name for name in names if name not in left_out)


def pairs(names: tuple[str, ...]) -> list[str]:
    """Every comparison: each implementation with the oracle, each of torch with each of JAX."""
    torch, jax = ([name for name in names if name.startswith(f"{framework}:")] for framework in FRAMEWORKS)
    return [f"{name} vs {ORACLE}" for name in names] + [f"{one} vs {other}" for one in torch for other in jax]


@cache
def rows(op: str, case: str, kind: Kind, device: str) -> Mapping[str, CaseResult]:
    """Results of one case by pair; computed once for all tests that look at them."""
    spec = specs.get(op)
    results = run_case(spec, spec.case(case), kind, SEED, compared(op, case, kind, device), device)
    return {result.pair: result for result in results}


def same_bytes(op: str, case: str, kind: Kind) -> bool:
    """Whether every result of a case is promised to the byte."""
    spec = specs.get(op)
    attributes = layout_of(spec, spec.case(case)).attributes
    present = [name for name, _ in spec.accuracy if spec.under(attributes)[name].shapes]
    return all(spec.accuracy_of(name).same_bytes(kind == "exact") for name in present)


def small_cases() -> list[tuple[str, str]]:
    """(operation, case) of everything that is not meant for GPUs alone."""
    return [(name, case.name) for name in specs.names() for case in specs.get(name).cases if not case.large]


def comparisons() -> list[Any]:
    """One parameter set (op, case, kind, device, pair) per comparison."""
    return [
        pytest.param(op, case, kind, device, pair, id=f"{op}-{case}-{kind}-{device}-{pair.replace(' ', '_')}")
        for op, case in small_cases()
        for kind in KINDS
        for device in DEVICES
        for pair in pairs(compared(op, case, kind, device))
    ]


def runners(framework: str = "", wanted: Callable[[Op], object] = bool, without: tuple[str, ...] = ()) -> list[Any]:
    """One parameter set (op, implementation, device) per implementation of the operations that are wanted."""
    return [
        pytest.param(op, name, device, id=f"{op}-{name}-{device}")
        for op in specs.names()
        if wanted(specs.get(op))
        for device in DEVICES
        for name in available(op, device)
        if name.startswith(framework) and name not in without
    ]


def base_case(op: Op) -> Case:
    """The first case with at least three rows, no leading dimensions of its own, and of ordinary size."""
    return next(case for case in op.cases if not case.large and case.lead is None and _rows(op, case) > 2)


def starts_with_rows(array: Array, attributes: Mapping[str, object]) -> bool:
    """Whether the leading dimensions of an array are those of the rows."""
    shapes = array.under(attributes).shapes
    return bool(shapes) and bool(shapes[0]) and isinstance(shapes[0][0], Rows)


def _rows(op: Op, case: Case) -> int:
    axis = row_axis(op)
    return rows_of(case) if axis is None else dict(case.sizes)[axis]


def with_rows(op: Op, lead: tuple[int, ...]) -> Case:
    """The base case with these leading dimensions in place of its rows."""
    axis, case = row_axis(op), base_case(op)
    count = int(np.prod(lead, dtype=np.int64))
    sizes = tuple((name, count if name == axis else size) for name, size in case.sizes)
    return replace(case, sizes=sizes, lead=lead)


def inputs_of(op: Op, case: Case, kind: Kind = "random") -> Inputs:
    """The inputs of a case. Its name alone decides the values."""
    return generate(op, case, kind, seed_of(SEED, op.name, case.name, kind))


def run(inputs: Inputs, implementation: str, device: str) -> dict[str, Raw]:
    """Results by name."""
    framework, _, name = implementation.partition(":")
    return {key: result.raw for key, result in FRAMEWORKS[framework].run(inputs, name, device).items()}


def assert_same(actual: Mapping[str, Raw], expected: Mapping[str, Raw]) -> None:
    """Same names, shapes, dtypes and bytes."""
    assert actual.keys() == expected.keys()
    for name, want in expected.items():
        got = actual[name]
        assert (got.shape, got.dtype) == (want.shape, want.dtype), name
        np.testing.assert_array_equal(bit_view(got), bit_view(want), err_msg=name)


def converters(framework: str) -> tuple[Any, Callable[..., Any], Callable[..., Result]]:
    """The public operations of a framework, and the way into it and back."""
    if framework == "torch":
        from torch_impl import ops

        return ops, to_torch, from_torch
    from jax_impl import ops as jax_ops

    return jax_ops, to_jax, from_jax
