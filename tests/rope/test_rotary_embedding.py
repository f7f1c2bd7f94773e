"""rotary_embedding: slices of one row, columns and tokens that stay, and the inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from torch_impl.ops import rotary_embedding
from torch_impl.rope import rope_table

IMPLEMENTATIONS = ("eager", "interpret")
T, HQ, HK, D, ROT = 7, 4, 2, 32, 16


def packed() -> torch.Tensor:
    """[q heads | k heads | v heads] of every token."""
    rows = np.random.default_rng(3).standard_normal((T, HQ + 2 * HK, D))
    return torch.from_numpy(rows).to(torch.bfloat16)


def positions(*, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.tensor([0, 5, 31, 2, 9, 30, 1], dtype=dtype)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("neox", [True, False])
def test_slices_of_one_row_are_rotated_in_place(implementation: Any, neox: bool) -> None:
    qkv, table = packed(), rope_table(32, ROT)
    before = qkv.clone()
    q, k, v = qkv.split((HQ, HK, HK), dim=1)
    rotary_embedding(positions(), q, k, table, neox=neox, offset=D - ROT, implementation=implementation)
    assert torch.equal(qkv[..., : D - ROT], before[..., : D - ROT]), "columns before the offset"
    assert torch.equal(v, before[:, HQ + HK :]), "values"
    x = before[:, : HQ + HK, D - ROT :].float()
    a, b = (x[..., : ROT // 2], x[..., ROT // 2 :]) if neox else (x[..., 0::2], x[..., 1::2])
    c, s = table[positions()][:, None].split(ROT // 2, dim=-1)
    turned = (a.double() * c - b.double() * s, b.double() * c + a.double() * s)
    y = torch.cat(turned, -1) if neox else torch.stack(turned, -1).flatten(-2)
    found = qkv[:, : HQ + HK, D - ROT :]
    assert int((found != y.to(torch.bfloat16)).sum()) <= 1, "rounded once; a tie may be decided by the last bit"


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("outside", [-1, 32, 2**32 + 3, -(2**33)])
def test_tokens_outside_the_table_stay(implementation: Any, outside: int) -> None:
    qkv, table = packed(), rope_table(32, ROT)
    q, k, _ = qkv.split((HQ, HK, HK), dim=1)
    before = qkv.clone()
    at = positions()
    at[3] = outside
    rotary_embedding(at, q, k, table, implementation=implementation)
    assert torch.equal(qkv[3], before[3])
    assert not torch.equal(qkv[2], before[2])


def test_the_inverse_gives_the_heads_back() -> None:
    heads = packed().float()
    quarters = (torch.arange(32)[:, None] + torch.arange(ROT // 2)) % 4
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])[quarters].transpose(1, 2).reshape(32, ROT)
    before = heads.clone()
    rotary_embedding(positions(dtype=torch.int32), heads, None, table)
    assert not torch.equal(heads, before)
    rotary_embedding(positions(dtype=torch.int32), heads, None, table, inverse=True)
    assert torch.equal(heads, before), "quarter turns are exact"
