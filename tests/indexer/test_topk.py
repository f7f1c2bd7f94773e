"""Selections that a wrong shortcut would get wrong: ties, crowded groups, long lists, strides, zeros of both signs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from specs.indexer.oracle import top_k
from specs.indexer.select import GROUP, LONGEST, MOST
from specs.lang.errors import ArgumentError
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


SPREADS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": lambda x: x,
    "below-zero": lambda x: -np.abs(x) - 1e-30,
    "both-signs-of-tiny": lambda x: x * 2.0**-140,
    "wide": lambda x: np.sign(x) * np.exp(20 * np.abs(x)),
    "few-values": np.round,
    "runs": np.sort,
    "one-value-and-one-more": lambda x: np.where(np.arange(x.size) == x.size // 2, 1.0, -7.5),
}


@pytest.mark.parametrize("k", [1, 31, 600])
@pytest.mark.parametrize("width", [700, 5000, WIDTH])
@pytest.mark.parametrize("spread", list(SPREADS))
def test_the_search_ends_at_the_right_key_whatever_its_bounds(spread: str, width: int, k: int) -> None:
    rows = SPREADS[spread](np.random.default_rng(4).standard_normal(width)).astype(np.float32)
    logits = torch.from_numpy(np.stack([rows, np.roll(rows, 17)]))
    starts, ends = [0, 3], [width, width - 5]
    assert np.array_equal(chosen(logits, starts, ends, k), expected(logits, starts, ends, k))


def test_nan_is_the_largest_or_with_a_sign_the_smallest() -> None:
    logits = torch.arange(900.0)[None, :].repeat(2, 1)
    bits = logits.view(torch.int32)
    bits[0, :2] = torch.tensor([0x7FC00000, 0x7FFFFFFF], dtype=torch.int32)  # the second: every bit but the sign
    bits[1, 898:] = torch.tensor([0x7FC00000 - (1 << 31), -1], dtype=torch.int32)
    found = chosen(logits, [0, 0], [900, 900], 10)
    assert found[0].tolist() == [0, 1, *range(892, 900)]
    assert found[1].tolist() == list(range(888, 898))


@pytest.mark.parametrize("width", [3500, WIDTH, 2 * LONGEST + 4096])
@pytest.mark.parametrize("k", [3000, MOST])
def test_large_k(k: int, width: int) -> None:
    """More than there are groups, and as many equal keys as half an integer counts."""
    logits = torch.randn((3, width), generator=torch.Generator().manual_seed(5))
    logits[1] = 0.0
    logits[2] = torch.round(logits[2])
    starts, ends = [0, 0, 7], [width, width, width - 3]
    assert np.array_equal(chosen(logits, starts, ends, k), expected(logits, starts, ends, k))


def test_no_more_than_that() -> None:
    with pytest.raises(ArgumentError, match=f"topk.*1 .. {MOST}"):
        chosen(torch.zeros((1, 9)), [0], [9], MOST + 1)
