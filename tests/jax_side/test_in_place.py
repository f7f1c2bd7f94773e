"""An argument that torch would write in place is returned, first of the results, and may be donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_impl.launch import run
from jax_impl.support import explain
from tests.torch_side.accumulate import ACCUMULATE

AVAILABLE = [name for name, why in explain("cpu").items() if why is None]


def whole(*shape: int, start: int = 0) -> jax.Array:
    """Small integers: every sum is exact."""
    count = int(np.prod(shape))
    return jnp.arange(start, start + count, dtype=jnp.float32).reshape(shape)


@pytest.mark.parametrize("implementation", AVAILABLE)
def test_the_new_value_is_returned(implementation: str) -> None:
    x, total = whole(19, 21), whole(19, 21, start=7)
    updated, change = run(ACCUMULATE, (x, total), (), implementation)
    np.testing.assert_array_equal(updated, x + whole(19, 21, start=7))
    np.testing.assert_array_equal(change, x + x)
    np.testing.assert_array_equal(total, whole(19, 21, start=7), err_msg="arrays of JAX are values")


@pytest.mark.parametrize("implementation", AVAILABLE)
def test_donated_under_jit(implementation: str) -> None:
    def step(total: Any, x: Any) -> Any:
        return run(ACCUMULATE, (x, total), (), implementation)[0]

    x, total = whole(2, 3, 5), jnp.zeros((2, 3, 5))
    jitted = jax.jit(step, donate_argnums=0)
    for count in (1, 2, 3):
        total = jitted(total, x)
        np.testing.assert_array_equal(total, count * x)
