"""RMS norm: a row alone and among others, the two roundings of `twice`, and the sum that the norm reads."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from torch_impl import ops as torch_ops

IMPLEMENTATIONS = ("torch:eager", "torch:interpret", "jax:xla", "jax:interpret")


def bf16(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rounded to bfloat16, float32."""
    rounded: np.ndarray[Any, Any] = torch.from_numpy(np.asarray(x, np.float32)).to(torch.bfloat16).float().numpy()
    return rounded


def norm(implementation: str, x: np.ndarray[Any, Any], *, weight: Any = None, residual: Any = None, **kw: Any) -> Any:
    """(y, sum or None) as float32, of arrays that hold bfloat16 values."""
    framework, _, chosen = implementation.partition(":")
    name: Any = chosen
    if framework == "torch":
        arrays: list[Any] = [
            None if a is None else torch.from_numpy(a).to(torch.bfloat16) for a in (x, weight, residual)
        ]
        y = torch_ops.rms_norm(*arrays, **kw, implementation=name)
        return y.float().numpy(), None if arrays[2] is None else arrays[2].float().numpy()
    given: list[Any] = [None if a is None else jnp.asarray(a, jnp.bfloat16) for a in (x, weight, residual)]
    found = jax_ops.rms_norm(*given, **kw, implementation=name)
    total, y = (None, found) if residual is None else found
    return np.asarray(y, np.float32), None if total is None else np.asarray(total, np.float32)


def drawn(*shape: int) -> np.ndarray[Any, Any]:
    """Normal numbers with bfloat16 values."""
    return bf16(np.random.default_rng(7).standard_normal(shape))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("n", [96, 576])
def test_a_row_has_the_same_bytes_alone_and_among_others(implementation: str, n: int) -> None:
    x, weight = drawn(37, n), drawn(n)
    many, _ = norm(implementation, x, weight=weight)
    for row in (0, 17, 36):
        one, _ = norm(implementation, x[row : row + 1], weight=weight)
        assert (one == many[row]).all()


def test_twice_rounds_in_between() -> None:
    x, weight = drawn(33, 576), drawn(576)
    inverse = 1.0 / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-6)
    twice, once = bf16(bf16(x * inverse) * weight), bf16(x * inverse * weight)
    for style, expected, other in (("twice", twice, once), ("once", once, twice)):
        y, _ = norm("torch:eager", x, weight=weight, style=style)
        assert np.count_nonzero(y != expected) * 1000 < y.size
        assert np.count_nonzero(y != other) * 10 > y.size


def test_the_norm_reads_the_rounded_sum() -> None:
    x, residual = drawn(9, 256), drawn(9, 256)[::-1].copy() * 3
    residual = bf16(residual)
    y, total = norm("torch:eager", x, residual=residual)
    s = bf16(x + residual)
    assert (total == s).all()
    assert (y == norm("torch:eager", s)[0]).all()
    exact = x.astype(np.float64) + residual
    unrounded = bf16(exact / np.sqrt((exact**2).mean(-1, keepdims=True) + 1e-6))
    assert np.count_nonzero(y != unrounded) * 20 > y.size


def test_a_bad_row_stays_alone() -> None:
    x = drawn(5, 128)
    clean, _ = norm("torch:eager", x)
    x[2, 3], x[4] = np.nan, 0.0
    y, _ = norm("torch:eager", x)
    assert np.isnan(y[2]).all()
    assert (y[4] == 0).all()
    assert (y[[0, 1, 3]] == clean[[0, 1, 3]]).all()
