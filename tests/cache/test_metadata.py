"""Metadata of a step on batches written by hand."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jax_impl import ops as jax_ops
from specs.lang.errors import Unsupported
from tests.cache.calls import NDArray, i32, results

MIXED = {"query_start_loc": i32(3, 5, 5, 9), "seq_lens": i32(7, 4, 4)}
"""Two tokens at positions 5 and 6; an empty request; four tokens from position 0; counted from 3."""


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_tokens(dtype: type) -> None:
    slots: NDArray = np.array([4, -1, 9, 2, 5, -7, 3, -1], dtype)
    found = results("token_metadata", MIXED | {"slot_mapping": slots})
    assert found["token_to_req"].tolist() == [0, 0, 2, 2, 2, 2, -1, -1]
    assert found["positions"].tolist() == [5, 6, 0, 1, 2, 3, 0, 0]
    assert found["positions"].dtype == dtype
    assert found["is_valid"].tolist() == [True, False, True, True, True, False, False, False]


def test_many_requests_are_found() -> None:
    """More requests than are compared at a time, most of them empty, up to 4000."""
    counts = np.zeros(4000, np.int64)
    counts[[0, 63, 64, 65, 1023, 1024, 3999]] = [2, 1, 3, 1, 2, 1, 2]
    start = np.concatenate([[0], np.cumsum(counts)])
    arrays = {"query_start_loc": i32(start), "seq_lens": i32(counts + np.arange(4000))}
    found = results("token_metadata", arrays | {"slot_mapping": np.arange(start[-1], dtype=np.int32)})
    assert found["token_to_req"].tolist() == np.repeat(np.arange(4000), counts).tolist()
    assert found["positions"].tolist() == [0, 1, 63, 64, 65, 66, 65, 1023, 1024, 1024, 3999, 4000]


def test_windows_of_decode_tokens() -> None:
    """Window 4 in pages of 2: positions below, at and above the window, one token without a slot."""
    arrays = {
        "query_start_loc": i32(0, 1, 3, 4, 5),
        "seq_lens": i32(3, 5, 9, 2),
        "slot_mapping": i32(1, 1, 1, -1, 1),
        "block_table": i32([[9, 8, 0, 0, 0], [7, 6, 5, 0, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]),
    }
    found = results("swa_decode_metadata", arrays, window=4, block_size=2)
    assert found["lens"].tolist() == [3, 4, 4, 0, 2]
    rows = [[18, 19, 16, -1], [14, 15, 12, 13], [15, 12, 13, 10], [-1] * 4, [0, 1, -1, -1]]
    assert found["indices"].tolist() == rows


def test_pages_that_the_table_does_not_have() -> None:
    arrays = {
        "query_start_loc": i32(0, 1),
        "seq_lens": i32([6]),
        "slot_mapping": i32([0]),
        "block_table": i32([[3, -1_000_000]]),
    }
    found = results("swa_decode_metadata", arrays, window=6, block_size=2)
    assert found["indices"].tolist() == [[6, 7, -1, -1, -1, -1]]
    assert found["lens"].tolist() == [6]


def test_rows_to_gather() -> None:
    """Nothing before; one less than, as much as and more than the window needs; no tokens."""
    arrays = {"query_start_loc": i32(2, 7, 8, 10, 11, 11), "seq_lens": i32(5, 3, 5, 90, 6)}
    found = results("prefill_gather_lens", arrays, window=4)
    assert found["gather_lens"].tolist() == [5, 3, 5, 4, 3]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_all_entries_of_decode_tokens(dtype: type) -> None:
    """Entries appear with tokens 128 and 256; the list ends at its width; pages hold two."""
    arrays = {
        "positions": np.array([126, 127, 254, 255, 511, 511, 511], dtype),
        "token_to_req": i32(0, 0, 0, 0, 1, 1, 2),
        "slot_mapping": np.array([0, 1, 2, 3, 4, -1, 5], dtype),
        "block_table": i32([[5, 0], [2, 1]]),
    }
    found = results("c128a_decode_metadata", arrays, width=3)
    assert found["lens"].tolist() == [0, 1, 1, 2, 3, 0, 3]
    nothing = [-1, -1, -1]
    first = [10, -1, -1]
    assert found["indices"].tolist() == [nothing, first, first, [10, 11, -1], [4, 5, 2], nothing, nothing]


def test_all_entries_of_prefill_tokens() -> None:
    found = results("c128a_prefill_metadata", {"positions": i32(0, 126, 127, 383, 9999, -1)}, width=4)
    lists = [[-1] * 4, [-1] * 4, [0, -1, -1, -1], [0, 1, 2, -1], [0, 1, 2, 3], [-1] * 4]
    assert found["indices"].tolist() == lists


def mapping(ratio: int, slots: NDArray, dtype: type = np.int32, page: int = 3, **attributes: int) -> NDArray:
    """Slots of the entries that tokens complete, of one request and one that does not exist."""
    arrays = {
        "positions": np.array([3, 127, 128, 255, 256, 511, 255], dtype),
        "token_to_req": i32(0, 0, 0, 0, 0, 0, 1),
        "slot_mapping": slots.astype(dtype),
        "block_table": i32([[page, page + 1]]),
    }
    return results("compressed_slot_mapping", arrays, ratio=ratio, **attributes)["slots"]


def test_slots_of_new_entries() -> None:
    slots: NDArray = np.array([5, 5, 5, 5, 5, 5, 5, 5, -1])  # longer than the tokens: padding
    assert mapping(128, slots).tolist() == [-1, 6, -1, 7, -1, 9, -1, -1, -1]
    assert mapping(4, slots).tolist() == [192, 223, -1, 255, -1, 319, -1, -1, -1]
    every = mapping(1, slots)
    assert every.tolist() == [771, 895, 896, 1023, 1024, 1279, -1, -1, -1], "ordinary slots in pages of 256"
    slots[[1, 3]] = [-1, -9]
    assert mapping(128, slots).tolist() == [-1, -1, -1, -1, -1, 9, -1, -1, -1]


def test_slots_beyond_32_bits() -> None:
    page = 1_500_000_000
    found = mapping(4, np.full(7, 1 << 40), np.int64, page)
    assert found.tolist() == [page * 64, page * 64 + 31, -1, page * 64 + 63, -1, (page + 1) * 64 + 63, -1]


def test_wide_slots_in_jax_need_wide_integers() -> None:
    arrays = (*MIXED.values(), np.zeros(6, np.int64))
    with pytest.raises(Unsupported, match=r"slot_mapping.*int64.*jax_enable_x64"):
        jax_ops.token_metadata(*arrays)
    with jax.enable_x64(True):
        _, positions, _ = jax_ops.token_metadata(*arrays)
    assert positions.dtype == np.int64
