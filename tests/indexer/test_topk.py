"""Selections that a wrong shortcut would get wrong: ties, crowded groups, long lists, strides, zeros of both signs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from specs.indexer.oracle import top_k
from specs.indexer.select import GROUP, LONGEST
from torch_impl import ops

WIDTH = LONGEST + 5 * GROUP + 3
"""Two levels, and a last group that is not full."""
K = 700


def chosen(logits: torch.Tensor, starts: list[int], ends: list[int], k: int) -> np.ndarray:
    first, last = (torch.tensor(values, dtype=torch.int32) for values in (starts, ends))
    return ops.topk_rows(logits, first, last, topk=k, implementation="eager").numpy()


def expected(logits: torch.Tensor, starts: list[int], ends: list[int], k: int) -> np.ndarray:
    rows = logits.double().numpy()
    return np.array([top_k(row, a, min(b, len(row)), k) for row, a, b in zip(rows, starts, ends, strict=True)])


@pytest.mark.parametrize("width", [900, WIDTH])
def test_the_largest_logits_may_all_lie_in_neighbouring_groups(width: int) -> None:
    logits = torch.zeros((2, width))
    logits[0, 100 : 100 + K // 2] = torch.arange(K // 2) + 1.0
    logits[1, width - 3 :] = 1.0
    found = chosen(logits, [0, 0], [width, width], K)
    assert np.array_equal(found, expected(logits, [0, 0], [width, width], K))


@pytest.mark.parametrize("width", [900, WIDTH])
def test_of_equal_logits_the_first_ones_are_taken(width: int) -> None:
    found = chosen(torch.full((1, width), -2.5), [3], [width - 2], K)
    assert np.array_equal(found[0], np.arange(K))


def test_zeros_of_both_signs_are_equal() -> None:
    logits = torch.zeros((1, 2 * K))
    logits[0, ::2] = -0.0
    assert np.array_equal(chosen(logits, [0], [2 * K], K)[0], np.arange(K))


def test_what_lies_outside_of_a_row_does_not_matter() -> None:
    logits = torch.randn((3, WIDTH), generator=torch.Generator().manual_seed(1))
    starts, ends = [5, 1000, 0], [WIDTH - 4, 1000 + K + 1, WIDTH]
    within = expected(logits, starts, ends, K)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        logits[row, :start] = logits[row, end:] = float("nan")
    assert np.array_equal(chosen(logits, starts, ends, K), within)


def test_infinities_are_ordinary_logits() -> None:
    logits = torch.randn((2, WIDTH), generator=torch.Generator().manual_seed(2))
    logits[0, 17:] = float("-inf")
    logits[1, ::50] = float("inf")
    ends = [WIDTH, WIDTH]
    assert np.array_equal(chosen(logits, [0, 0], ends, K), expected(logits, [0, 0], ends, K))


def test_rows_of_any_stride_on_both_sides() -> None:
    memory = torch.randn((4, 1500), generator=torch.Generator().manual_seed(3))
    logits, ends = memory[::2, 100:1400], torch.tensor([1300, 77], dtype=torch.int32)
    buffer = torch.full((2, 300), 7, dtype=torch.int32)
    out = buffer[:, 10:138]
    found = ops.topk_rows(logits, torch.zeros(2, dtype=torch.int32), ends, topk=128, implementation="eager", out=out)
    assert found is out
    assert np.array_equal(out.numpy(), expected(logits, [0, 0], [1300, 77], 128))
    assert (buffer[:, :10] == 7).all()
    assert (buffer[:, 138:] == 7).all()
