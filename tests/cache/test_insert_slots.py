"""Which rows an insertion writes, by slot; bytes between rows and behind them keep their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.judge.inputs import Inputs
from specs.cache.layouts import ALL, V4, V32, V41_FP4
from specs.lang.formats.paged import Paged
from tests.cache.judging import judge
from tests.cache.problems import POSITIONS, insertion, rotation
from tests.contract import suite

NDArray = np.ndarray[Any, Any]
BACKENDS = ("torch:eager", "torch:interpret", "jax:xla", "jax:interpret")
SKIPPED = (-1, -7, -(2**31), -(2**40), 24, 25, 2**31, 2**40)
"""Slots that three pages of eight rows do not have."""


def with_slots(inputs: Inputs, slots: list[int]) -> Inputs:
    """The call with these slots, positions that the table has, and a cache of noise."""
    rng = np.random.default_rng(len(slots))
    noise = rng.integers(0, 256, inputs.arrays["cache"].shape, dtype=np.uint8)
    form = inputs.arrays["slot_mapping"].dtype
    inside = {n: np.clip(x, 0, POSITIONS - 1) for n, x in inputs.arrays.items() if n == "positions"}
    return inputs.replaced(slot_mapping=np.array(slots, form), cache=noise, **inside)


@pytest.mark.parametrize("make", [insertion, rotation], ids=["insert", "rope-insert"])
@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_every_layout(layout: Paged, make: Any) -> None:
    slots = [3, -1, 17, -7, 24, 0, 23, 8, 2**31 - 1]
    inputs = with_slots(make(layout, 8, 11, len(slots), 3), slots)
    found = judge(inputs)["cache"]
    changed = {int(page) * 8 for page, _ in np.argwhere(found != inputs.arrays["cache"])}
    assert changed == {0, 8, 16}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("make", "layout"), [(insertion, V41_FP4), (rotation, V4)], ids=["insert", "rope-insert"])
def test_nothing_is_written_for_slots_to_skip(make: Any, layout: Paged, backend: str) -> None:
    inputs = make(layout, 8, 9, 8, 3)
    wide = inputs.arrays["slot_mapping"].dtype.itemsize == 8
    slots = [slot for slot in SKIPPED if wide or -(2**31) <= slot < 2**31]
    inputs = with_slots(inputs, (slots * 2)[:8])
    np.testing.assert_array_equal(judge(inputs, backend)["cache"], inputs.arrays["cache"])


@pytest.mark.parametrize("slots", [0, 1, 4, 9])
@pytest.mark.parametrize("make", [insertion, rotation], ids=["insert", "rope-insert"])
def test_fewer_slots_than_rows(make: Any, slots: int) -> None:
    """Rows behind the slots are not inserted; queries are normalised all the same."""
    inputs = with_slots(make(V4, 8, 9, slots, 3), list(range(5, 5 + slots)))
    results = judge(inputs)
    changed = (results["cache"] != inputs.arrays["cache"]).reshape(3, -1)[:, : 8 * 576].reshape(24, 576).any(1)
    assert np.flatnonzero(changed).tolist() == list(range(5, 5 + slots))
    if "q" in results:
        assert (results["q"] != inputs.arrays["q"]).any((1, 2)).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tokens", [0, 5])
def test_pages_of_two_rows(tokens: int, backend: str) -> None:
    """As the cache of a ratio of 128 has them: 560 bytes of padding behind 1168."""
    inputs = with_slots(insertion(V4, 2, tokens, tokens, 3), [5, 0, 3, -1, 2][:tokens])
    found = judge(inputs, backend)["cache"]
    np.testing.assert_array_equal(found[:, 1168:], inputs.arrays["cache"][:, 1168:])


@pytest.mark.parametrize("rows", [1, 3, 64, 256])
def test_any_number_of_rows_in_a_page(rows: int) -> None:
    slots = [2 * rows - 1, 0, rows, -1]
    judge(with_slots(insertion(V32, rows, 4, 4, 2), slots if rows > 1 else [1, 0, -1, -2]))


def test_positions_outside_the_table_leave_query_and_cache_alone() -> None:
    inputs = with_slots(rotation(V4, 8, 4, 4, 3), [0, 1, 2, 3])
    form = inputs.arrays["positions"].dtype
    good = judge(inputs.replaced(positions=np.array([0, 3, 18, 7], form)))
    found = suite.run(inputs.replaced(positions=np.array([0, -1, 19, 7], form)), "torch:eager", "cpu")
    for name in ("q", "cache"):
        assert (found[name] != inputs.arrays[name]).any()
    np.testing.assert_array_equal(found["q"][1:3], inputs.arrays["q"][1:3])
    np.testing.assert_array_equal(found["q"][[0, 3]], good["q"][[0, 3]])
    rows = found["cache"][0, : 8 * 576].reshape(8, 576)
    np.testing.assert_array_equal(rows[1:3], inputs.arrays["cache"][0, : 8 * 576].reshape(8, 576)[1:3])
