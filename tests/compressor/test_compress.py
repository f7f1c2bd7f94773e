"""compress_norm_rope after save_partial_states and before an insertion: known rows, and which slots are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from specs.cache.layouts import V4
from torch_impl.ops import compress_norm_rope, quantize_and_insert_k, save_partial_states

IMPLEMENTATIONS = ("eager", "interpret")
D, RATIO, ROWS, TOKENS = 512, 4, 4, 12


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).standard_normal(shape)).float()


def compressed(kv: torch.Tensor, score: torch.Tensor, slots: list[int], implementation: Any) -> torch.Tensor:
    """Rows of one request's first tokens, whose table turns nothing."""
    state, at = torch.zeros(5, ROWS, 4 * D), torch.arange(TOKENS, dtype=torch.int32)
    pages = torch.tensor([[3, 1, 4]], dtype=torch.int32)
    where = pages[0, (at // ROWS).long()] * ROWS + at % ROWS
    ape = torch.zeros(RATIO, 2 * D)
    save_partial_states(kv, score, ape, at, state, where, implementation=implementation)
    table = torch.cat([torch.ones(16, 32), torch.zeros(16, 32)], dim=1)
    slot = torch.tensor(slots, dtype=torch.int32)
    request, weight = torch.zeros(TOKENS, dtype=torch.int32), torch.ones(D)
    arrays = (state, at, request, pages, slot, weight, table)
    rows = compress_norm_rope(*arrays, ratio=RATIO, overlap=True, eps=1e-6, implementation=implementation)
    assert isinstance(rows, torch.Tensor)
    return rows


SLOTS = [-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, -1, -1]


def signs(seed: int) -> torch.Tensor:
    """A row whose norm is itself, but for eps, which the last rounding drops."""
    return torch.from_numpy(np.random.default_rng(seed).choice([-1.0, 1.0], D)).float()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_equal_scores_give_the_mean_of_both_windows(implementation: Any) -> None:
    kv, parts = drawn(TOKENS, 2 * D), torch.tensor([0.5, 1.5, 0.25, 1.75])[:, None]
    first, second = signs(1), signs(2)
    # The first window has none before it; the second takes the first halves of that one's keys.
    kv[:4, D:], kv[:4, :D], kv[4:8, D:] = first * parts, second * parts, second * parts
    rows = compressed(kv, torch.full((TOKENS, 2 * D), 3.0), SLOTS, implementation).float()
    assert torch.equal(rows[3], first)
    assert torch.equal(rows[7], second)
    assert not rows[[0, 1, 2, 4, 5, 6, 8, 9, 10, 11]].any()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_largest_score_chooses_the_token(implementation: Any) -> None:
    kv, score, chosen = drawn(TOKENS, 2 * D), torch.zeros(TOKENS, 2 * D), signs(3)
    kv[1, :D], score[1, :D], score[6, D:] = chosen, 200.0, 100.0
    rows = compressed(kv, score, SLOTS, implementation).float()
    assert torch.equal(rows[7], chosen)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_inserted_rows_are_those_with_a_slot(implementation: Any) -> None:
    rows = compressed(drawn(TOKENS, 2 * D), drawn(TOKENS, 2 * D), SLOTS, implementation)
    count = 2
    cache = torch.full((1, V4.page_stride(count)), 0xA5, dtype=torch.uint8)
    expected = cache.numpy().copy()
    slots = torch.tensor(SLOTS, dtype=torch.int32)
    quantize_and_insert_k(rows, cache, slots, layout=V4, block_size=count, implementation=implementation)
    V4.write(expected, [0, 1], rows[[3, 7]].double().numpy(), count)
    np.testing.assert_array_equal(cache.numpy(), expected)
