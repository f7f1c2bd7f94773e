"""combine_topk_swa on batches written by hand, and on the lengths, ratios and list widths that layers have."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cache.calls import NDArray, i32, results

ROOM, ROWS = 100, 40  # of the workspace per request, and of those for compressed entries
SETTINGS = {"workspace_rows": ROOM, "compressed_rows": ROWS}


def batch(*requests: tuple[int, int, int]) -> dict[str, NDArray]:
    """(tokens before, tokens of this step, rows gathered) of every request."""
    before, queries, gathered = np.array(requests).T
    start = np.concatenate([[0], np.cumsum(queries)])
    return {"query_start_loc": i32(start), "seq_lens": i32(before + queries), "gather_lens": i32(gathered)}


def lists(found: dict[str, NDArray]) -> list[list[int]]:
    """The entries of every token; behind them, the row is -1."""
    rows = []
    for row, count in zip(found["combined_indices"], found["combined_lens"], strict=True):
        assert (row[count:] == -1).all()
        rows.append(row[:count].tolist())
    return rows


def test_two_requests_by_hand() -> None:
    """Window 3, ratio 2: the second request has 5 tokens before, and 2 of them are gathered beside its own two."""
    arrays = batch((0, 3, 3), (5, 2, 4)) | {"topk_indices": i32(np.tile([0, 1, 2, 3], (5, 1)))}
    found = results("combine_topk_swa", arrays, window=3, ratio=2, topk=2, **SETTINGS)
    assert found["combined_indices"].shape == (5, 128)
    second = ROOM
    assert lists(found) == [
        [ROWS],  # position 0: no entry is complete, and the window is the token itself
        [0, ROWS, ROWS + 1],
        [0, ROWS, ROWS + 1, ROWS + 2],
        [second, second + 1, *(second + ROWS + i for i in (0, 1, 2))],  # position 5, window 3 .. 5
        [second, second + 1, *(second + ROWS + i for i in (1, 2, 3))],
    ]


def test_minus_one_among_the_chosen_stays_minus_one() -> None:
    """It would else be a row of the request before."""
    arrays = batch((8, 1, 2), (8, 1, 2)) | {"topk_indices": i32([[3, -1, 1, -7], [-1, 2, ROWS, 0]])}
    found = results("combine_topk_swa", arrays, window=1, ratio=1, topk=4, **SETTINGS)
    last = ROWS + 1
    assert lists(found) == [[3, -1, 1, -1, last], [-1, ROOM + 2, -1, ROOM, ROOM + last]]


def test_window_rows_that_were_not_gathered_are_minus_one() -> None:
    arrays = batch((9, 1, 2)) | {"topk_indices": i32([[0]])}
    found = results("combine_topk_swa", arrays, window=4, ratio=1, topk=0, **SETTINGS)
    assert lists(found) == [[-1, -1, ROWS, ROWS + 1]]


def test_slice_of_a_batch_with_empty_requests_and_padding() -> None:
    arrays = {
        "query_start_loc": i32(17, 17, 19, 19, 20),
        "seq_lens": i32(4, 2, 0, 1),
        "gather_lens": i32(0, 2, 0, 1),
        "topk_indices": i32(np.zeros((5, 1))),
    }
    found = results("combine_topk_swa", arrays, window=2, ratio=1, topk=0, **SETTINGS)
    assert lists(found) == [[140], [140, 141], [340], [], []]


def test_images_see_further_both_ways() -> None:
    arrays = batch((10, 3, 13)) | {"topk_indices": i32(np.zeros((3, 1)))}
    arrays |= {"left_visible": i32(0, 4, 2), "right_visible": i32(2, 1, 0)}
    found = results("combine_topk_swa", arrays, window=2, ratio=1, topk=0, max_image_tokens=4, **SETTINGS)
    rows = [range(9, 13), range(7, 13), range(10, 13)]  # 4 to the left is 3 more than the window, 2 is one more
    assert lists(found) == [[ROWS + p for p in row] for row in rows]


@pytest.mark.parametrize("topk", [0, 512, 1024])
@pytest.mark.parametrize("ratio", [1, 4, 128])
def test_lengths_around_the_window(ratio: int, topk: int, rng: np.random.Generator) -> None:
    """Requests of one token at positions below, at and above the window, and of several that cross it."""
    window, room, compressed = 128, 20_000, 8192
    firsts = (0, 1, 2, 3, 126, 127, 128, 4095, 8191)
    requests = [(first, queries, min(first, window - 1) + queries) for first in firsts for queries in (1, 0, 3)]
    arrays = batch(*requests)
    tokens = int(arrays["query_start_loc"][-1])
    chosen = rng.permuted(np.tile(np.arange(compressed), (tokens, 1)), axis=1)[:, : max(topk, 1)]
    arrays["topk_indices"] = i32(chosen)
    settings = {"window": window, "ratio": ratio, "topk": topk}
    found = lists(results("combine_topk_swa", arrays, workspace_rows=room, compressed_rows=compressed, **settings))
    token = 0
    for b, (first, queries, _) in enumerate(requests):
        for position in range(first, first + queries):
            entries = min((position + 1) // ratio, topk)
            row, base = found[token], room * b
            assert row[:entries] == (base + chosen[token, :entries]).tolist()
            seen = min(position + 1, window)
            last = base + compressed + min(first, window - 1) + position - first
            assert row[entries:] == list(range(last - seen + 1, last + 1))
            token += 1
