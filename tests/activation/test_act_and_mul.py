"""act_and_mul: the two orders of gates and factors, the bounds, and the tail of the normal distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from specs.lang.formats.elements import F32
from torch_impl.ops import act_and_mul

IMPLEMENTATIONS = ("eager", "interpret")


def drawn(rows: int, columns: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).standard_normal((rows, columns)) * 8).to(torch.bfloat16)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_interleaved_columns_are_the_halves_in_turn(implementation: Any) -> None:
    x = drawn(5, 200)
    halves = torch.cat([x[:, 0::2], x[:, 1::2]], dim=1)
    y = act_and_mul(x, kind="swigluoai", implementation=implementation)
    other = act_and_mul(halves, kind="swigluoai_uninterleaved", implementation=implementation)
    assert torch.equal(y, other)
    assert not torch.equal(y, act_and_mul(x, kind="swigluoai_uninterleaved", implementation=implementation))


def test_clamp_is_silu_of_bounded_halves() -> None:
    x, limit = drawn(7, 128), 3.0
    gate, up = x.chunk(2, dim=1)
    bounded = torch.cat([gate.clamp(max=limit), up.clamp(-limit, limit)], dim=1)
    y = act_and_mul(x, kind="clamp", limit=limit)
    assert torch.equal(y, act_and_mul(bounded))
    assert not torch.equal(y, act_and_mul(bounded.clamp(min=-limit))), "gates have no lower bound"
    assert torch.equal(act_and_mul(x, kind="clamp", limit=0.0), act_and_mul(x))


def test_gelu_keeps_its_digits_in_the_tail() -> None:
    gates = np.linspace(-12.0, 12.0, 4096, dtype=np.float32)
    x = torch.from_numpy(np.concatenate([gates, np.ones_like(gates)])[None])
    y = act_and_mul(x, kind="gelu").numpy()[0].astype(np.float64)
    wide = gates.astype(np.float64)
    exact = wide * np.array([math.erfc(-g / math.sqrt(2.0)) for g in wide]) / 2.0
    units = np.abs(y - exact) / (np.abs(exact) * F32.unit_roundoff)
    assert (units <= 16 * (1 + wide**2)).all()
