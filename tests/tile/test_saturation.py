"""Float to integer: numbers out of range become the nearest integer there is, on every implementation alike."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.inputs import Inputs, encode
from parity.judge.runner import run_inputs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import BF16, F16, F32, INT16, INT32, UINT8, UINT32, ElementFormat
from specs.tile.language import arange, load, program_id, store
from specs.tile.library import codec
from tests.contract import suite
from tests.tile.kernels import Raw, implementations, run, tiny

GOALS = (INT32, UINT32, INT16, UINT8)
N = Axis(name="N")


@cache
def numbers() -> Raw:
    """Around every power of two and its halves, where rounding to integers has ties, and what is no number."""
    powers = np.ldexp(np.float32(1), np.arange(-3, 40))
    near = np.concatenate([np.nextafter(powers, np.float32(end)) for end in (0, np.inf)])
    halves = np.concatenate([powers + np.float32(0.5), powers - np.float32(0.5), powers + np.float32(1.5)])
    found = np.concatenate(
        [powers, near, halves, np.array([0, 3e38, np.inf, np.nan, 2**22 + 1, 2**23 - 1], np.float32)]
    )
    return np.concatenate([found, -found])


def integers(p: Any) -> None:
    """One value in every integer format."""
    at = program_id(0) * p.BLOCK + arange(p.BLOCK)
    inside = at < p.N
    x = load(p.x, (at,), inside)
    for form in GOALS:
        store(getattr(p, form.name), (at,), codec.encode(x, form), inside)


@cache
def kernel() -> Op:
    outputs: Any = {form.name: ((N,), INT32) for form in GOALS}
    return tiny(
        integers, {"x": ((N,), F32)}, outputs, axes=(N,), grid=(cdiv(N, Ref("BLOCK")),), block={"interpret": 512}
    )


@cache
def results(implementation: str) -> dict[str, Raw]:
    return run(kernel(), {"x": numbers()}, implementation)


@pytest.mark.parametrize("implementation", implementations())
@pytest.mark.parametrize("form", GOALS, ids=lambda form: form.name)
def test_every_number_has_its_nearest_integer(form: ElementFormat, implementation: str) -> None:
    np.testing.assert_array_equal(results(implementation)[form.name], form.encode(numbers()).astype(np.uint32))


@pytest.mark.parametrize("form", [F32, F16, BF16], ids=lambda form: form.name)
def test_zero_points_of_rows_far_from_zero(form: ElementFormat) -> None:
    """Constant rows and rows of two values, at distances of up to where the zero point has no more bits."""
    op = specs.get("per_token_quant_int8")
    places = [40.0, 41.123, 83.9, 21474.8, 21474.9, 30000.0, 60000.0, *np.ldexp(1.0, np.arange(7, 16))]
    rows = np.repeat(np.array([*places, *np.negative(places)])[:, None], 4, axis=1)
    wide = rows * [1.0, 1.0, 1.001, 1.0]
    x = encode(np.concatenate([rows, wide]), form)
    inputs = Inputs(op=op, arrays={"x": x}, formats={"x": form}, attributes=check_attributes(op, {"element": UINT8}))
    case = Case(name="far", sizes=(("M", len(x)), ("N", 4)))
    for row in run_inputs(inputs, case, "random", implementations=suite.available(op.name, "cpu")):
        assert row.status == "passed", f"{row.pair}: {row.reason}"
