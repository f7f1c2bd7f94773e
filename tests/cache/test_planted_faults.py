"""Caches and gathered rows as broken kernels would leave them: the comparison reports each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity.judge.inputs import Inputs
from specs.cache.layouts import V4
from tests.cache.judging import judge, verdicts
from tests.cache.problems import gather, insertion

NDArray = np.ndarray[Any, Any]
Fault = Callable[[NDArray, NDArray], None]
"""Changes a right result in place; the second array is what was there before the call."""

ROWS = 8


def data(cache: NDArray) -> NDArray:
    """Data of the rows, [pages, rows, 576]."""
    return cache[:, : ROWS * 576].reshape(len(cache), ROWS, 576)


def shares(cache: NDArray) -> NDArray:
    """Scales of the rows, [pages, rows, 8]."""
    return cache[:, ROWS * 576 : ROWS * 584].reshape(len(cache), ROWS, 8)


def put(cache: NDArray, part: Callable[[NDArray], NDArray], changed: NDArray) -> None:
    """Writes a changed copy of a part back."""
    start = 0 if part is data else ROWS * 576
    flat = changed.reshape(len(cache), -1)
    cache[:, start : start + flat.shape[1]] = flat


def zero_block(cache: NDArray, _: NDArray) -> None:
    """One group of one row was never written."""
    own = data(cache).copy()
    own[1, 3, 64:128] = 0
    put(cache, data, own)


def stale_row(cache: NDArray, before: NDArray) -> None:
    """One row holds what it held before."""
    own = data(cache).copy()
    own[1, 3] = data(before)[1, 3]
    put(cache, data, own)


def doubled_scale(cache: NDArray, _: NDArray) -> None:
    """One scale is the next power of two."""
    own = shares(cache).copy()
    own[1, 3, 2] += 1
    put(cache, shares, own)


def lost_tail(cache: NDArray, before: NDArray) -> None:
    """The last row that was to be written was not."""
    for part in (data, shares):
        own = part(cache).copy()
        own[2, ROWS - 1] = part(before)[2, ROWS - 1]
        put(cache, part, own)


def off_by_one_row(cache: NDArray, _: NDArray) -> None:
    """Every row stands one too low."""
    put(cache, data, np.roll(data(cache), 1, axis=1))


def scales_of_the_neighbour(cache: NDArray, _: NDArray) -> None:
    """Scales stand one row too low."""
    put(cache, shares, np.roll(shares(cache), 1, axis=1))


def pad_byte(cache: NDArray, before: NDArray) -> None:
    """The byte behind the scales was left as it was."""
    own = shares(cache).copy()
    own[1, 3, 7] = shares(before)[1, 3, 7]
    put(cache, shares, own)


def one_code(cache: NDArray, _: NDArray) -> None:
    """One code is off by one."""
    cache[1, 3 * 576 + 7] ^= 1


def big_endian(cache: NDArray, _: NDArray) -> None:
    """The bytes of one bfloat16 are swapped."""
    at = 3 * 576 + 448
    cache[1, at : at + 2] = cache[1, at : at + 2][::-1]


def page_padding(cache: NDArray, _: NDArray) -> None:
    """A byte behind the last row's scales was written."""
    cache[0, ROWS * 584] ^= 0x80


FAULTS: tuple[Fault, ...] = (
    zero_block,
    stale_row,
    doubled_scale,
    lost_tail,
    off_by_one_row,
    scales_of_the_neighbour,
    pad_byte,
    one_code,
    big_endian,
    page_padding,
)


def filled() -> tuple[Inputs, dict[str, NDArray]]:
    """An insertion into every row of three pages of noise, and its right result."""
    inputs = insertion(V4, ROWS, 3 * ROWS, 3 * ROWS, 3)
    noise = np.random.default_rng(3).integers(1, 256, inputs.arrays["cache"].shape, dtype=np.uint8)
    slots = np.arange(3 * ROWS).astype(inputs.arrays["slot_mapping"].dtype)
    inputs = inputs.replaced(cache=noise, slot_mapping=slots)
    return inputs, judge(inputs)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_fault_in_a_cache_is_reported(fault: Fault) -> None:
    inputs, right = filled()
    wrong = right["cache"].copy()
    fault(wrong, inputs.arrays["cache"])
    assert (wrong != right["cache"]).any(), "the fault changes nothing"
    assert verdicts(inputs, {"cache": wrong})["cache"].status == "failed"


GATHERED_FAULTS = ("zero block", "doubled scale", "stale row", "lost tail", "shifted", "one more")


def _gathered_faults(out: NDArray) -> dict[str, NDArray]:
    """Faulty copies of gathered rows [requests, rows, 512]; those of the first request are 2 .. 17."""
    found = {name: out.copy() for name in GATHERED_FAULTS}
    found["zero block"][0, 5, 64:128] = 0
    found["doubled scale"][0, 5, 64:128] *= out.dtype.type(2)
    found["stale row"][0, 5] = out[0, 6]
    found["lost tail"][0, 17] = out[0, 18]
    found["shifted"][0, 2:18] = np.roll(out[0, 2:18], 1, axis=0)
    found["one more"][0, 18] = out[0, 17]
    return found


@pytest.mark.parametrize("fault", GATHERED_FAULTS)
def test_fault_in_gathered_rows_is_reported(fault: str) -> None:
    inputs = gather(V4, ROWS, 2, 20, 2)
    lengths = np.array([16, 9], np.int32)
    table = np.array([[0, 1], [2, 3]], np.int32)
    inputs = inputs.replaced(seq_lens=lengths, gather_lens=lengths, block_table=table)
    right = judge(inputs)["out"]
    wrong = _gathered_faults(right)[fault]
    assert verdicts(inputs, {"out": wrong})["out"].status == "failed"
