"""Which keys count: holes anywhere, slots that do not exist, lengths of any value, and entries past them.

Rows of caches that no list names hold NaN throughout (see the samplers), so that every call here also shows that nobody
reads them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs
from specs.lang.formats.elements import INT64
from tests.attention.problems import decode, prefill
from tests.cache.judging import judge

NDArray = np.ndarray[Any, Any]

LOW, HIGH = -(2**31), 2**31 - 1
TOKENS = 6
MAKERS: dict[str, Any] = {
    "decode": lambda: decode(TOKENS, 3, 70, 40),
    "decode-in-parts": lambda: decode(TOKENS, 3, 140, 140, splits=4),
    "prefill": lambda: prefill(TOKENS, 3, 70, rows=500),
}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def lists_of(inputs: Inputs) -> list[tuple[str, str]]:
    """Names of lists and of their lengths."""
    pairs = (("swa_indices", "swa_lens"), ("topk_indices", "topk_lens"), ("indices", "topk_length"))
    return [pair for pair in pairs if pair[0] in inputs.arrays]


def rewritten(inputs: Inputs, change: Any) -> Inputs:
    """The call with every list and its lengths [T] as `change` gives them."""
    arrays: dict[str, NDArray] = {}
    for index, length in lists_of(inputs):
        arrays[index], arrays[length] = change(inputs.arrays[index].copy(), inputs.arrays[length].copy())
    return inputs.replaced(**arrays)


def behind(index: NDArray, length: NDArray) -> NDArray:
    """Which entries lie past their token's length, bool."""
    return np.asarray(np.arange(index.shape[-1]) >= np.clip(length, 0, None)[:, None])


def assert_same(inputs: Inputs, other: Inputs) -> None:
    """Both calls give the same bytes."""
    one, two = judge(inputs), judge(other)
    for name, raw in one.items():
        np.testing.assert_array_equal(bit_view(two[name]), bit_view(raw), err_msg=name)


@makers
@pytest.mark.parametrize("garbage", [LOW, 0, HIGH])
def test_nobody_looks_behind_the_length(make: Any, garbage: int) -> None:
    def change(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        return np.where(behind(index, length), garbage, index).astype(index.dtype), length

    inputs = make()
    assert_same(inputs, rewritten(inputs, change))


@makers
def test_lengths_are_held_to_the_list(make: Any) -> None:
    """Negative ones are zero, larger ones the width."""

    def whole(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        index[behind(index, length)] = -1
        length[:] = [index.shape[1], 0, index.shape[1], 0, index.shape[1], 5]
        return index, length

    def beyond(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        length[:] = [HIGH, LOW, index.shape[1] + 1, -1, 2**30, 5]
        return index, length

    inputs = rewritten(make(), whole)
    assert_same(inputs, rewritten(inputs, beyond))


@makers
@pytest.mark.parametrize("hole", ["negative", "behind-the-rows"])
@pytest.mark.parametrize("where", ["first-tile", "last-tile", "every-other", "all-but-one", "everywhere"])
def test_holes(make: Any, where: str, hole: str) -> None:
    values = {"negative": np.array([-1, -7, LOW, -64]), "behind-the-rows": np.array([HIGH, 10**6, 5000, 2**30])}[hole]

    def change(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        entry = np.arange(index.shape[1])
        chosen = {
            "first-tile": entry < 64,
            "last-tile": entry >= (index.shape[1] - 1) // 64 * 64,
            "every-other": entry % 2 == 0,
            "all-but-one": entry != 3,
            "everywhere": entry >= 0,
        }[where]
        index = np.where(chosen, values[entry % 4], index).astype(index.dtype)
        return index, length

    judge(rewritten(make(), change))


@makers
def test_a_first_and_a_last_row_that_exist(make: Any) -> None:
    """Slot 0 and the last slot count; the next one does not."""
    inputs = make()
    caches = {"swa_indices": ("swa_cache", 16), "topk_indices": ("comp_cache", 2), "indices": ("kv", 1)}
    arrays: dict[str, NDArray] = {}
    for index, _ in lists_of(inputs):
        name, rows = caches[index]
        arrays[name], arrays[index] = inputs.arrays[name].copy(), inputs.arrays[index].copy()
        # Bytes that are small numbers in every field, with small scales.
        arrays[name][[0, -1]] = 1 if name == "kv" else 0x30
        total = len(arrays[name]) * rows
        arrays[index][:, :3] = [total, 0, total - 1]
    judge(inputs.replaced(**arrays))


@makers
def test_a_key_that_is_listed_twice_counts_twice(make: Any) -> None:
    def change(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        half = index.shape[1] // 2
        index[:, half : 2 * half] = index[:, :half]
        return index, length

    judge(rewritten(make(), change))


@makers
def test_wide_indices(make: Any) -> None:
    """64-bit entries: what is beyond 32 bits is no row, and does not wrap around to one."""
    inputs = make()
    arrays, formats = dict(inputs.arrays), dict(inputs.formats)
    for name, _ in lists_of(inputs):
        wide = arrays[name].astype(np.int64)
        wide[:, ::5] += 1 << 32
        wide[:, 1::5] -= 1 << 40
        arrays[name], formats[name] = wide, INT64
    judge(Inputs(op=inputs.op, arrays=arrays, formats=formats, attributes=inputs.attributes))


@pytest.mark.parametrize(("make", "backend"), [("decode", "torch:interpret"), ("prefill", "jax:xla")])
def test_elsewhere(make: str, backend: str) -> None:
    """Everything at once: holes in the first tile, garbage behind lengths, lengths of any value."""

    def change(index: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
        index[behind(index, length)] = HIGH
        index[:, :33:2] = -7
        length[:4] = [HIGH, LOW, -1, 70]
        return index, length

    judge(rewritten(MAKERS[make](), change), backend)
