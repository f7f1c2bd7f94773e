"""Products and quotients with subnormal operands and results: the same bits everywhere, also where XLA has zeros."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.axes import cdiv as size_cdiv
from specs.lang.declare.op import Op
from specs.lang.formats.elements import F32
from specs.tile.language import arange, divide, load, multiply, program_id, rescale, store
from tests.tile.kernels import Raw, implementations, run, tiny

N = Axis(name="N")
COUNT = 1 << 13
LEAST = np.float32(2.0**-126)

each_implementation = pytest.mark.parametrize("implementation", implementations())


def all_of_them(p: Any) -> None:
    """Every marked operation."""
    at = program_id(0) * p.BLOCK + arange(p.BLOCK)
    inside = at < p.N
    x, y, power = (load(array, (at,), inside) for array in (p.x, p.y, p.power))
    store(p.product, (at,), multiply(x, y), inside)
    store(p.quotient, (at,), divide(x, y), inside)
    store(p.scaled, (at,), multiply(x, power, power_of_two=True), inside)
    store(p.rescaled, (at,), rescale(x, y), inside)


@cache
def kernel() -> Op:
    outputs: Any = dict.fromkeys(("product", "quotient", "scaled", "rescaled"), ((N,), F32))
    inputs: Any = dict.fromkeys(("x", "y", "power"), ((N,), F32))
    return tiny(
        all_of_them,
        inputs,
        outputs,
        axes=(N,),
        grid=(size_cdiv(N, Ref("BLOCK")),),
        block={"interpret": 1 << 16, "cuda": 1024, "xpu": 1024},
    )


@cache
def operands() -> dict[str, Raw]:
    """Any float32; pairs whose product or quotient is about the least normal number; all pairs of special ones."""
    rng = np.random.default_rng(20261130)
    x, y = rng.integers(0, 1 << 32, (2, COUNT), dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.where(np.isfinite(x) & (x != 0), x, np.float32(1))
    near = np.ldexp(rng.uniform(1, 2, (2, COUNT)), rng.integers(-152, -122, (2, COUNT)))
    least = [0, 1, 2, 3, 0x3FFFFF, 0x400000, 0x400001, 0x7FFFFF, 0x800000, 0x800001, 0xFFFFFF]
    special = np.array([*least, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000], np.uint32)
    special = np.concatenate([special, special | np.uint32(1 << 31)]).view(np.float32)
    left, right = (part.reshape(-1) for part in np.meshgrid(special, special))
    with np.errstate(over="ignore"):
        ys = [y, (near[0] / x.astype(np.float64)).astype(np.float32), (x / near[1]).astype(np.float32), right]
    found = {"x": np.concatenate([x, x, x, left]), "y": np.concatenate(ys)}
    power = np.ldexp(np.float32(1), rng.integers(-127, 128, len(found["x"]))).astype(np.float32)
    power[::97] = np.nan
    return found | {"power": power}


@cache
def results(implementation: str) -> dict[str, Raw]:
    with np.errstate(all="ignore"):  # Triton's interpreter is numpy
        return run(kernel(), operands(), implementation)


def assert_same(got: Raw, want: Raw, where: Raw) -> None:
    """The same bits, or NaN on both sides."""
    wrong = np.flatnonzero((got != want.view(np.uint32)) & where & ~(np.isnan(got.view(np.float32)) & np.isnan(want)))
    x, y = operands()["x"], operands()["y"]
    assert not wrong.size, [(x[i], y[i], got.view(np.float32)[i], want[i]) for i in wrong[:5]]


@each_implementation
@pytest.mark.parametrize("name", ["product", "quotient", "scaled", "rescaled"])
def test_bits(name: str, implementation: str) -> None:
    x, y, power = (operands()[key] for key in ("x", "y", "power"))
    with np.errstate(all="ignore"):
        want = {"product": x * y, "quotient": x / y, "scaled": x * power, "rescaled": x * y}[name]
    where = np.ones(len(x), np.bool_)
    if name in ("scaled", "rescaled"):
        where &= (np.abs(x) >= LEAST) | (x == 0) | np.isnan(x)
    if name == "rescaled":
        where &= (np.abs(want) >= LEAST) | np.isnan(want)
    assert (want[where] != 0).sum() > COUNT
    assert_same(results(implementation)[name], want, where)
