"""The probe of how matrix units add, on emulations that add in different ways."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from parity.xpu import accumulation, card
from parity.xpu.accumulation import WAYS, Way, aligned, probe, sums
from specs.lang.declare.accuracy import DPAS_FLOAT32, FLOAT32
from specs.tile.targets import PALLAS_XPU, PALLAS_XPU_VECTOR


def unit(way: Way) -> Any:
    """A product whose sums are added in this way."""

    def multiply(form: Any, a: Any, b: Any) -> Any:
        a, b = (x.astype(form.numpy_dtype).astype(np.float32) for x in (a, b))
        return np.array([[way(tuple(map(float, row * column))) for column in b.T] for row in a], np.float32)

    return multiply


@pytest.mark.parametrize("name", list(WAYS))
def test_way_of_adding_is_recognised(name: str) -> None:
    found = probe(unit(WAYS[name]))
    assert found.ways == (name,)
    narrow = "cut at 14 bits" in name
    assert bool(found.outside) == narrow
    assert ("does NOT cover it" in str(found)) == narrow
    assert name in str(found)


def test_ways_differ_on_the_rows() -> None:
    assert len({sums(way).tobytes() for way in WAYS.values()}) == len(WAYS)


def test_way_that_is_not_known_is_said_to_be_so() -> None:
    found = probe(unit(aligned(19)))
    assert not found.ways
    assert "in none of the ways that are known here" in str(found)


def test_columns_that_differ_are_no_way_of_adding() -> None:
    def multiply(form: Any, a: Any, b: Any) -> Any:
        product = unit(WAYS["one term after the other, to nearest"])(form, a, b)
        product[3, 5] += 4
        return product

    found = probe(multiply)
    assert not found.ways
    assert found.outside == (list(accumulation.ROWS)[3],)


def test_bound_is_that_of_kernels_with_matrix_units() -> None:
    assert dict(PALLAS_XPU.accumulators).get(16) is DPAS_FLOAT32
    assert dict(PALLAS_XPU_VECTOR.accumulators).get(16, FLOAT32) is FLOAT32


@pytest.mark.parametrize(
    ("program", "failures"),
    [
        ("print('[]')", ()),
        ("""print('noise'); print('["a product of float16 is wrong"]')""", ("a product of float16 is wrong",)),
        ("import os; os.abort()", ("its process ended with status -6: ",)),
    ],
)
def test_self_test_in_a_process_of_its_own(program: str, failures: tuple[str, ...]) -> None:
    assert card.in_child("on", (sys.executable, "-c", program)) == failures
