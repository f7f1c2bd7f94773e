"""rms_norm_quant: the bytes of rms_norm and a quantiser, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from specs.lang.errors import ConstraintViolated
from specs.lang.formats.elements import E8M0
from torch_impl import ops as torch_ops

TORCH = ("eager", "interpret")
SETTINGS: tuple[dict[str, Any], ...] = (
    {"group": 128},
    {"group": 64, "ue8m0": True, "scale_layout": "column"},
    {"group": 32, "scale_format": E8M0, "scale_layout": "column_tma"},
    {"group": 0},
)


def drawn(*shape: int) -> torch.Tensor:
    values = np.random.default_rng(3).standard_normal(shape) * 4
    return torch.from_numpy(values).to(torch.bfloat16)


def raw(x: torch.Tensor) -> torch.Tensor:
    """Bytes of codes and scales."""
    return x.contiguous().view(torch.uint8)


def quantised(y: torch.Tensor, group: Any, implementation: Any, **kw: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of the quantiser alone."""
    if group:
        return torch_ops.per_token_group_quant_fp8(y, group=group, implementation=implementation, **kw)
    q, scale = torch_ops.per_token_quant_fp8(y, implementation=implementation, **kw)
    return q, scale[..., None]


@pytest.mark.parametrize("implementation", TORCH)
@pytest.mark.parametrize("setting", SETTINGS)
def test_it_is_the_norm_and_then_the_quantiser(implementation: Any, setting: dict[str, Any]) -> None:
    x, weight, residual = drawn(7, 384), drawn(384), drawn(2, 7, 384)[1]
    x[3] = 0.0
    apart = residual.clone()
    y = torch_ops.rms_norm(x, weight, apart, style="twice", implementation=implementation)
    expected = quantised(y, **setting, implementation=implementation)
    found = torch_ops.rms_norm_quant(x, weight, residual, style="twice", **setting, implementation=implementation)
    assert torch.equal(residual, apart)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(raw(one), raw(other))


@pytest.mark.parametrize("implementation", ["xla", "interpret"])
def test_so_it_is_in_jax(implementation: Any) -> None:
    x, weight = (jax_array(a) for a in (drawn(5, 256), drawn(256)))
    y = jax_ops.rms_norm(x, weight, implementation=implementation)
    expected = jax_ops.per_token_group_quant_fp8(y, implementation=implementation)
    for one, other in zip(jax_ops.rms_norm_quant(x, weight, implementation=implementation), expected, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def jax_array(x: torch.Tensor) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x.float().numpy(), jnp.bfloat16)


def test_a_bound_limits_the_scale_and_saturates_codes() -> None:
    x, bound = drawn(5, 256), torch.tensor(0.5)
    y = torch_ops.rms_norm(x)
    q, scale = torch_ops.rms_norm_quant(x, scale_ub=bound, group=0)
    expected = torch_ops.per_token_quant_fp8(y, scale_ub=bound)
    assert torch.equal(raw(q), raw(expected[0]))
    assert torch.equal(scale[:, 0], expected[1])
    q, scale = torch_ops.rms_norm_quant(x, scale_ub=bound)
    assert torch.equal(scale, torch.full_like(scale, float(np.float32(0.5) * np.float32(1 / 448))))
    assert (q.float().abs()[y.abs() >= 0.5] == 448).all()
    assert torch.equal(raw(q), raw((y.float() / scale.repeat_interleave(128, 1)).clamp(-448, 448).to(q.dtype)))


def test_a_bad_row_stays_alone() -> None:
    x = drawn(4, 128)
    clean = torch_ops.rms_norm_quant(x)
    x[1, 5] = torch.nan
    q, scale = torch_ops.rms_norm_quant(x)
    assert scale[1].isnan().all()
    others = [0, 2, 3]
    assert torch.equal(raw(q[others]), raw(clean[0][others]))
    assert torch.equal(scale[others], clean[1][others])


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="group = 128"):
        torch_ops.rms_norm_quant(drawn(2, 192))
    with pytest.raises(ValueError, match="scales of rows"):
        torch_ops.rms_norm_quant(drawn(2, 128), group=0, ue8m0=True)


def test_a_mean_over_more_than_a_row_is_refused() -> None:
    with pytest.raises(ConstraintViolated, match="variance_size = 129, rows have N = 128 elements"):
        torch_ops.rms_norm_quant(drawn(3, 128), variance_size=129)
