"""global_topk on lists written by hand: what stays, in which order, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cache.calls import NDArray, i32, results

TABLE = i32([[7, 3], [5, -9]])


def call(lists: NDArray, request: NDArray, valid: NDArray | None = None, table: NDArray = TABLE) -> list[list[int]]:
    """The slots of every list, with pages of 4 entries."""
    arrays = {
        "topk_indices": lists,
        "token_to_req": request,
        "block_table": table,
        "is_valid": np.ones(len(lists), np.bool_) if valid is None else valid,
    }
    found = results("global_topk", arrays, block_size=4)
    rows = []
    for t, (row, count) in enumerate(zip(found["indices"], found["lens"], strict=True)):
        kept = row[row >= 0]
        np.testing.assert_array_equal(row, np.concatenate([kept, np.full(len(row) - len(kept), -1)]))
        assert count == (len(kept) if valid is None or valid[t] else 0)
        rows.append(kept.tolist())
    return rows


def test_slots_by_hand() -> None:
    assert call(i32([[0, 5, 2, -1], [3, 1, -1, -1]]), i32(0, 1)) == [[28, 13, 30], [23, 21]]


def test_holes_close_and_the_order_stays() -> None:
    lists = i32([[-1, 6, -7, 8, 1, 1_000_000, 0, -1]])  # entry 8 lies behind the table's two pages
    assert call(lists, i32([0])) == [[14, 29, 28]]


def test_missing_pages_and_requests_have_no_slots() -> None:
    lists = i32(np.tile([0, 4], (4, 1)))
    assert call(lists, i32(1, -1, 2, 1_000_000)) == [[20], [], [], []]


def test_tokens_of_padding_have_no_length() -> None:
    lists = i32([[0, 1], [0, 1]])
    assert call(lists, i32(0, 0), np.array([False, True])) == [[28, 29], [28, 29]]


@pytest.mark.parametrize("k", [0, 1, 3, 511, 512, 1024, 2048])
def test_lists_of_every_length(k: int, rng: np.random.Generator) -> None:
    table = i32(rng.permutation(600).reshape(1, 600))
    lists = np.where(rng.random((3, k)) < 1 / 3, -1, rng.integers(0, 2400, (3, k)))
    lists[0], lists[1] = -1, np.abs(lists[1])
    got = call(i32(lists), i32(0, 0, 0), table=table)
    for row, slots in zip(lists, got, strict=True):
        kept = row[row >= 0]
        assert slots == (table[0, kept // 4] * 4 + kept % 4).tolist()
