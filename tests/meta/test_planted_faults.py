"""Every comparison passes honest results and reports every planted fault."""

from __future__ import annotations

import numpy as np
import pytest

from parity.judge.compare import Exact
from parity.judge.ulp import AnyArray, Float64
from specs.lang.formats.elements import E4M3, UINT8, ElementFormat
from tests.meta.faults import FAULTS, Fault
from tests.meta.problems import COMPARISONS, DATA, FORMATS, SHAPES, Problem, bounded, exact

formats = pytest.mark.parametrize("element", FORMATS, ids=lambda element: element.name)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
data_kinds = pytest.mark.parametrize("data", DATA)
comparisons = pytest.mark.parametrize("comparison", COMPARISONS)
faults = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)


@comparisons
@data_kinds
@shapes
@formats
def test_honest_output_passes(comparison: str, data: str, shape: tuple[int, int, int], element: ElementFormat) -> None:
    problem = DATA[data](shape, element)
    verdict = COMPARISONS[comparison](problem).compare(problem.honest)
    assert verdict.passed, verdict.message


@comparisons
@faults
@data_kinds
@shapes
@formats
def test_planted_fault_is_reported(
    comparison: str, fault: Fault, data: str, shape: tuple[int, int, int], element: ElementFormat
) -> None:
    problem = DATA[data](shape, element)
    faulty = fault(problem)
    verdict = COMPARISONS[comparison](problem).compare(faulty)
    assert verdict.status == "failed"
    assert verdict.mismatches > 0
    assert verdict.bound_share > 1


def _accumulate(problem: Problem, order: AnyArray) -> Float64:
    """A B summed over K in this order, every partial sum rounded to float32."""
    total = np.zeros(problem.product.shape, np.float32)
    a, b = problem.a.astype(np.float32), problem.b.astype(np.float32)
    for k in order:
        total += a[:, k, None] * b[None, k]
    return total.astype(np.float64)


def _orders(k: int) -> dict[str, AnyArray]:
    forward = np.arange(k)
    shuffled = np.random.default_rng(k).permutation(k)
    return {"forward": forward, "backward": forward[::-1], "shuffled": shuffled}


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
@data_kinds
@shapes
@formats
def test_any_order_of_summation_keeps_the_bound(
    order: str, data: str, shape: tuple[int, int, int], element: ElementFormat
) -> None:
    problem = DATA[data](shape, element)
    verdict = bounded(problem).compare(problem.round(_accumulate(problem, _orders(shape[2])[order])))
    assert verdict.passed, verdict.message
    assert verdict.bound_share > 0 or data == "grid"


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
@shapes
@formats
def test_on_the_grid_any_order_of_summation_gives_the_same_bytes(
    order: str, shape: tuple[int, int, int], element: ElementFormat
) -> None:
    problem = DATA["grid"](shape, element)
    verdict = exact(problem).compare(problem.round(_accumulate(problem, _orders(shape[2])[order])))
    assert verdict.passed, verdict.message


def _codes(rows: int, columns: int) -> AnyArray:
    return np.random.default_rng([rows, columns]).integers(0, 0x7F, (rows, columns), dtype=np.uint8)


def _code_faults(codes: AnyArray) -> dict[str, AnyArray]:
    """Faulty copies of `codes` (uint8), by what is wrong with them."""
    one_code, one_sign, zero_block, unwritten = (codes.copy() for _ in range(4))
    one_code[3, 7] ^= 1
    one_sign[2, 2] ^= 0x80
    zero_block[4, :16] = 0
    unwritten[:, -1] = 0xA5
    return {
        "swapped nibbles": (codes << 4) | (codes >> 4),
        "one code": one_code,
        "one sign": one_sign,
        "zero block": zero_block,
        "lost column": unwritten,
        "off by one row": np.roll(codes, 1, axis=0),
        "signed bytes": codes.view(np.int8),
    }


@pytest.mark.parametrize("fault", _code_faults(_codes(8, 48)))
@pytest.mark.parametrize("element", [E4M3, UINT8], ids=["e4m3 codes", "packed bytes"])
def test_planted_fault_in_codes_is_reported(fault: str, element: ElementFormat) -> None:
    codes = _codes(8, 48)
    comparison = Exact(expected=codes, element=element)
    assert comparison.compare(codes.copy()).passed
    assert comparison.compare(_code_faults(codes)[fault]).status == "failed"
