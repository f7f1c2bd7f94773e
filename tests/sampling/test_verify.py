"""Decoding with drafts gives the tokens of decoding without, at any quality of the draft."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torch_impl.ops
from specs.sampling.tables import sampling_table

VOCABULARY, LENGTH, DRAFTED = 12, 24, 3
LOGITS = np.random.default_rng(0).standard_normal((VOCABULARY, VOCABULARY)).astype(np.float32) * 2


def draw(last: list[int], position: int) -> list[int]:
    """Tokens from `position` on, each after one of `last`: what a model with LOGITS[last token] draws."""
    rows = len(last)
    tokens = torch_impl.ops.sample(
        torch.from_numpy(LOGITS[last]),
        temperature=torch.ones(rows),
        seeds=torch.full((rows, 2), 77, dtype=torch.int32),
        positions=torch.arange(position, position + rows, dtype=torch.int32),
        table=torch.from_numpy(sampling_table()),
        top_p=torch.full((rows,), 0.9),
    )
    found: list[int] = tokens.tolist()
    return found


def verify(draft: list[int], sampled: list[int]) -> tuple[list[int], int]:
    """Tokens with padding, and the number of accepted ones."""
    given, drawn, lengths = (torch.tensor(rows, dtype=torch.int32) for rows in ([draft], [sampled], [len(draft)]))
    tokens, accepted = torch_impl.ops.verify_draft(given, drawn, lengths)
    return tokens[0].tolist(), int(accepted[0])


@pytest.mark.parametrize("wrong", [0.0, 0.5, 1.0])
def test_tokens_are_those_without_a_draft(wrong: float) -> None:
    rng, expected = np.random.default_rng(1), [0]
    while len(expected) <= LENGTH + DRAFTED:
        expected += draw(expected[-1:], len(expected))
    found, steps = [0], 0
    while len(found) <= LENGTH:
        at = len(found)
        draft = [(token + int(rng.random() < wrong)) % VOCABULARY for token in expected[at : at + DRAFTED]]
        tokens, accepted = verify(draft, draw([found[-1], *draft], at))
        assert tokens[accepted + 1 :] == [-1] * (DRAFTED - accepted)
        found, steps = found + tokens[: accepted + 1], steps + 1
    assert found[: LENGTH + 1] == expected[: LENGTH + 1]
    if wrong != 0.5:
        assert steps == LENGTH // (1 + DRAFTED * int(not wrong))
