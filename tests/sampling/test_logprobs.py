"""Known answers of log-probabilities, and rows as long as only GPUs' cases have them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import jax_impl.ops
import torch_impl.ops

NDArray = np.ndarray[Any, Any]


def both(logits: NDArray, tokens: NDArray, n: int) -> tuple[NDArray, NDArray, NDArray]:
    """Results of torch, with the same ids and ranks as JAX."""
    mine = torch_impl.ops.logprobs(torch.from_numpy(logits), torch.from_numpy(tokens), n=n, implementation="eager")
    other = jax_impl.ops.logprobs(logits, tokens, n=n, implementation="xla")
    ids, values, rank = (result.numpy() for result in mine)
    np.testing.assert_array_equal(ids, np.asarray(other[0]))
    np.testing.assert_array_equal(rank, np.asarray(other[2]))
    return ids, values, rank


def test_known_answers() -> None:
    logits = np.log(np.array([[0.125, 0.5, 0.125, 0.25]] * 3, np.float32))
    ids, values, rank = both(logits, np.array([2, 1, -1], np.int32), 3)
    assert ids.tolist() == [[2, 1, 3, 0], [1, 1, 3, 0], [-1, 1, 3, 0]]
    # Of equal logits both count.
    assert rank.tolist() == [4, 1, 0]
    halvings: list[list[float]] = [[3, 1, 2, 3], [1, 1, 2, 3], [math.inf, 1, 2, 3]]
    assert np.where(np.isinf(values), values, np.round(values / math.log(2), 5)).tolist() == [
        [-count for count in row] for row in halvings
    ]


def test_probabilities_of_all_columns_add_up_to_one() -> None:
    row = np.random.default_rng(0).standard_normal((1, 32)).astype(np.float32) * 4
    ids, values, _ = both(row, np.zeros(1, np.int32), 32)
    assert sorted(ids[0, 1:].tolist()) == list(range(32))
    assert round(float(np.exp(values[0, 1:].astype(np.float64)).sum()), 5) == 1.0


@pytest.mark.parametrize("width", [4097, 40_000])
def test_columns_of_several_spans(width: int) -> None:
    # Equal peaks at the ends of spans and groups: the lowest ids first, and the token is the last of its equals.
    places = [0, 31, 32, 4095, 4096, width - 1]
    logits = np.full((1, width), -3.0, np.float32)
    logits[0, places] = 2.0
    ids, values, rank = both(logits, np.array([width - 1], np.int32), 7)
    assert ids[0].tolist() == [width - 1, *dict.fromkeys(places), *range(1, 1 + 7 - len(set(places)))]
    assert rank.tolist() == [len(set(places))]
    count = len(set(places))
    total = count + (width - count) * math.exp(-5)
    assert [round(float(value), 4) for value in values[0, 1:3]] == [round(-math.log(total), 4)] * 2
