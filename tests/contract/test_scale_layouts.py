"""Scales of groups in every order: row by row, group by group, padded for TMA, and written into views of a caller's."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from specs.lang.errors import ConstraintViolated, WrongStride
from torch_impl import ops

ROWS, COLUMNS, N = 7, 256, 24


def values(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((ROWS, COLUMNS)).astype(np.float32))


def test_columns_are_the_rows_transposed(rng: np.random.Generator) -> None:
    x = values(rng)
    for group in (16, 32, 64, 128, 256):
        q, rows = ops.per_token_group_quant_fp8(x, group=group)
        layouts: tuple[tuple[Any, int], ...] = (("column", ROWS), ("column_tma", ROWS + 1))
        for layout, width in layouts:
            codes, scale = ops.per_token_group_quant_fp8(x, group=group, scale_layout=layout)
            assert scale.shape == (COLUMNS // group, width)
            assert torch.equal(codes.view(torch.uint8), q.view(torch.uint8))
            assert torch.equal(scale[:, :ROWS].t(), rows)
            assert not scale[:, ROWS:].any()
    in_jax = jax_ops.per_token_group_quant_fp8(jnp.asarray(x.numpy()), group=256, scale_layout="column_tma")[1]
    np.testing.assert_array_equal(np.asarray(in_jax), scale.numpy())


@pytest.mark.parametrize("implementation", ["eager", "interpret"])
def test_views_of_a_caller_take_scales(rng: np.random.Generator, implementation: Any) -> None:
    """As peers have them: [M, K / G] with the strides (1, M rounded up to 4)."""
    x = values(rng)
    q, rows = ops.per_token_group_quant_fp8(x, implementation="eager")
    memory = torch.full((COLUMNS // 128, 8), -1.0)
    view = memory.t()[:ROWS]
    returned = ops.per_token_group_quant_fp8(x, out=(torch.empty_like(q), view), implementation=implementation)
    assert returned[1] is view
    assert torch.equal(view, rows)
    assert (memory[:, ROWS:] == -1).all()
    repeated = torch.zeros(1, COLUMNS // 128).expand(ROWS, COLUMNS // 128)
    with pytest.raises(WrongStride, match="out"):
        ops.per_token_group_quant_fp8(x, out=(torch.empty_like(q), repeated))


def test_products_take_scales_in_columns(rng: np.random.Generator) -> None:
    q, rows = ops.per_token_group_quant_fp8(values(rng))
    _, columns = ops.per_token_group_quant_fp8(values(rng), scale_layout="column_tma")
    columns = torch.zeros_like(columns)
    columns[:, :ROWS] = rows.t()
    w = torch.from_numpy(rng.integers(-3, 4, (N, COLUMNS)).astype(np.float32)).to(torch.float8_e4m3fn)
    scale = torch.ones(1, COLUMNS // 128)
    settings: dict[str, Any] = {"scale_mode": "block", "weight_order": "nk"}
    for implementation in ("eager", "interpret"):
        expected = ops.fp8_gemm(q, w, rows, scale, **settings, implementation=implementation)
        found = ops.fp8_gemm(q, w, columns.t()[:ROWS], scale, **settings, implementation=implementation)
        assert torch.equal(found, expected)


def test_an_upper_bound_is_for_scales_that_are_computed(rng: np.random.Generator) -> None:
    x = values(rng)
    x[1, 3], x[2, 5] = torch.inf, torch.nan
    q, scale = ops.per_token_quant_fp8(x, torch.tensor(1.5))
    bounded = np.float32(1.5) * np.float32(1 / 448)
    assert scale[1].item() == bounded
    assert np.isnan(scale[2].item())
    assert (np.delete(scale.numpy(), 2) <= bounded).all()
    assert q[1, 3].float() == 448
    with pytest.raises(ConstraintViolated, match="scale_ub"):
        ops.per_tensor_quant_fp8(x, torch.tensor(1.0), torch.tensor(2.0))
