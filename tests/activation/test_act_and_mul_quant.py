"""act_and_mul_quant: the bytes of act_and_mul and a quantiser, one after the other."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from specs.lang.formats.elements import E8M0
from torch_impl import ops as torch_ops

SETTINGS: tuple[dict[str, Any], ...] = (
    {"group": 128, "scale_layout": "column_tma"},
    {"group": 64, "ue8m0": True, "scale_layout": "column"},
    {"group": 32, "scale_format": E8M0},
)


def drawn(*shape: int) -> torch.Tensor:
    values = np.random.default_rng(3).standard_normal(shape) * 4
    return torch.from_numpy(values).to(torch.bfloat16)


def raw(x: torch.Tensor) -> torch.Tensor:
    """Bytes of codes and scales."""
    return x.contiguous().view(torch.uint8)


@pytest.mark.parametrize("implementation", ["eager", "interpret"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", ["silu", "swigluoai"])
def test_it_is_the_activation_and_then_the_quantiser(implementation: Any, setting: dict[str, Any], kind: Any) -> None:
    x = drawn(5, 2 * 384)
    y = torch_ops.act_and_mul(x, kind=kind, implementation=implementation)
    expected = torch_ops.per_token_group_quant_fp8(y, **setting, implementation=implementation)
    found = torch_ops.act_and_mul_quant(x, kind=kind, **setting, implementation=implementation)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(raw(one), raw(other))


@pytest.mark.parametrize("implementation", ["xla", "interpret"])
def test_so_it_is_in_jax(implementation: Any) -> None:
    x = jnp.asarray(drawn(5, 512).float().numpy(), jnp.bfloat16)
    y = jax_ops.act_and_mul(x, implementation=implementation)
    expected = jax_ops.per_token_group_quant_fp8(y, implementation=implementation)
    for one, other in zip(jax_ops.act_and_mul_quant(x, implementation=implementation), expected, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_a_bound_limits_the_scale_and_saturates_codes() -> None:
    x, bound = drawn(5, 256), torch.tensor(2.0)
    y = torch_ops.act_and_mul(x)
    q, scale = torch_ops.act_and_mul_quant(x, scale_ub=bound)
    assert torch.equal(scale, torch.full_like(scale, float(np.float32(2.0) * np.float32(1 / 448))))
    assert torch.equal(raw(q), raw((y.float() / scale).clamp(-448, 448).to(q.dtype)))
    assert (y.abs() > 2).any()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="group = 128"):
        torch_ops.act_and_mul_quant(drawn(2, 2 * 64))
