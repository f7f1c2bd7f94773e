"""qk_norm_rope: with `round_between` the bytes of rms_norm and then rotary_embedding; without, one rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from torch_impl.ops import qk_norm_rope, rms_norm, rotary_embedding
from torch_impl.rope import rope_table

IMPLEMENTATIONS = ("eager", "interpret")
T, HQ, HK, HV, D = 9, 6, 2, 3, 64


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(11).standard_normal(shape)).to(torch.bfloat16)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize(("rot", "offset", "neox"), [(64, 0, True), (32, 16, False)])
@pytest.mark.parametrize("style", ["once", "twice", "gemma"])
def test_round_between_is_the_composition(implementation: Any, rot: int, offset: int, neox: bool, style: Any) -> None:
    qkv, of_q, of_k = drawn(T, (HQ + HK + HV) * D), drawn(D) + 1, drawn(D) * 2
    table, at = rope_table(64, rot), torch.arange(T, dtype=torch.int32) * 7
    q, k, v = (part.clone() for part in qkv.view(T, -1, D).split((HQ, HK, HV), dim=1))
    q = rms_norm(q, of_q, style=style, implementation=implementation)
    k = rms_norm(k, of_k, style=style, implementation=implementation)
    rotary_embedding(at, q, k, table, neox=neox, offset=offset, implementation=implementation)
    expected = torch.cat([q, k, v], dim=1).flatten(1)
    found = {}
    for between in (True, False):
        found[between] = qkv.clone()
        qk_norm_rope(
            found[between],
            of_q,
            of_k,
            at,
            table,
            num_q_heads=HQ,
            num_k_heads=HK,
            style=style,
            neox=neox,
            offset=offset,
            round_between=between,
            implementation=implementation,
        )
    assert torch.equal(found[True], expected)
    assert not torch.equal(found[False], expected)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_rows_outside_the_table_stay(implementation: Any) -> None:
    qkv, weight = drawn(3, (HQ + HK + HV) * D), drawn(D)
    before = qkv.clone()
    at = torch.tensor([0, 64, -5])
    heads: Any = {"num_q_heads": HQ, "num_k_heads": HK}
    qk_norm_rope(qkv, weight, weight, at, rope_table(64, 64), **heads, implementation=implementation)
    assert torch.equal(qkv[1:], before[1:])
    assert not torch.equal(qkv[0], before[0])
