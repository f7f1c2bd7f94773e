"""Tokens of rejection sampling have the target's distribution, whatever the draft's is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import jax_impl.ops
import torch_impl.ops
from specs.sampling.tables import sampling_table

NDArray = np.ndarray[Any, Any]
ROWS, FEW = 2048, 256
"""Rows that are drawn in JAX, and in torch, whose programs run one operation at a time on a CPU."""
TARGET = np.array([0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 0.25, -np.inf], np.float32)
DRAFTS = {
    "near": TARGET + np.array([0.3, -0.3, 0.2, 0.0, -0.2, 0.4, 0.1, 0.0], np.float32),
    "far": np.array([2.0, -1.0, 1.0, -np.inf, 0.0, 2.0, -0.5, 1.0], np.float32),
}
ONE_IN_A_THOUSAND = {1: 10.83, 6: 22.46}
"""Bounds of chi-square by its degrees of freedom."""


def softmax(logits: NDArray) -> NDArray:
    masses = np.exp(logits.astype(np.float64))
    return np.asarray(masses / masses.sum())


def chi_square(tokens: NDArray, expected: NDArray) -> float:
    observed, expected = np.bincount(tokens, minlength=len(expected)), expected * len(tokens)
    assert not observed[expected == 0].any()
    there = expected > 0
    return float(((observed - expected)[there] ** 2 / expected[there]).sum())


def settings(first: int = 7) -> dict[str, Any]:
    return {
        "temperature": np.ones(ROWS, np.float32),
        "seeds": np.full((ROWS, 2), 11, np.int32),
        "positions": np.arange(first, first + 2 * ROWS, 2, dtype=np.int32),
        "table": sampling_table(),
    }


def verified(draft: NDArray, draft_logits: NDArray | None, *, length: int = 1) -> tuple[NDArray, NDArray]:
    """Tokens and numbers of accepted ones of a draft of one token."""
    given: dict[str, Any] = {
        "target_logits": np.tile(TARGET, (ROWS, 2, 1)),
        "draft": draft[:, None].astype(np.int32),
        "lengths": np.full(ROWS, length, np.int32),
        **settings(),
    }
    if draft_logits is not None:
        given["draft_logits"] = np.tile(draft_logits, (ROWS, 1, 1))
        tokens, accepted = jax_impl.ops.rejection_sample(**given)
        return np.asarray(tokens), np.asarray(accepted)
    found = torch_impl.ops.rejection_sample(**in_torch(given, FEW))
    return np.asarray(found[0]), np.asarray(found[1])


def in_torch(given: dict[str, Any], rows: int) -> dict[str, Any]:
    """The first rows of arguments in torch."""
    return {name: torch.from_numpy(array if name == "table" else array[:rows]) for name, array in given.items()}


@pytest.mark.parametrize("name", sorted(DRAFTS))
def test_tokens_have_the_distribution_of_the_target(name: str) -> None:
    p, q = softmax(TARGET), softmax(DRAFTS[name])
    draft = np.asarray(jax_impl.ops.sample(np.tile(DRAFTS[name], (ROWS, 1)), **settings(), stream="draft"))
    tokens, accepted = verified(draft, DRAFTS[name])
    assert chi_square(tokens[:, 0], p) < ONE_IN_A_THOUSAND[6]
    assert chi_square(tokens[accepted == 1, 1], p) < ONE_IN_A_THOUSAND[6]
    rate = np.minimum(p, q).sum()
    assert chi_square(accepted, np.array([1 - rate, rate])) < ONE_IN_A_THOUSAND[1]
    if name == "far":
        # Drawn from the target instead of what the draft leaves of it, rejected tokens are noticed.
        wrong = np.where(accepted == 1, draft, np.random.default_rng(0).choice(len(p), ROWS, p=p))
        assert chi_square(wrong, p) > ONE_IN_A_THOUSAND[6]


def test_a_draft_without_probabilities_is_certain_of_its_token() -> None:
    p = softmax(TARGET)
    tokens, accepted = verified(np.full(ROWS, 1), None)
    assert chi_square(tokens[:, 0], p) < ONE_IN_A_THOUSAND[6]
    assert chi_square(accepted, np.array([1 - p[1], p[1]])) < ONE_IN_A_THOUSAND[1]
    tokens, accepted = verified(np.full(ROWS, 7), None)  # dropped by a filter
    assert not accepted.any()
    assert chi_square(tokens[:, 0], p) < ONE_IN_A_THOUSAND[6]


def test_without_a_draft_it_draws_what_sample_draws() -> None:
    tokens, accepted = verified(np.full(ROWS, 1), DRAFTS["near"], length=0)
    assert not accepted.any()
    drawn = torch_impl.ops.sample(torch.from_numpy(np.tile(TARGET, (64, 1))), **in_torch(settings(), 64))
    assert tokens[:64, 0].tolist() == drawn.tolist()
    assert (tokens[:, 1] == -1).all()
