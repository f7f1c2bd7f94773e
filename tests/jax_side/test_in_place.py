"""An argument that torch would write in place is returned, first of the results, and may be donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import specs
from jax_impl.launch import run
from jax_impl.support import explain
from specs.lang.readiness import can_run
from tests.jax_side.calls import as_tuple, raw, small_call
from tests.torch_side.accumulate import ACCUMULATE

AVAILABLE = [name for name, why in explain("cpu").items() if can_run(why)]


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


IN_PLACE = [name for name in specs.names() if specs.get(name).mutated]


@pytest.mark.parametrize("op", IN_PLACE)
def test_new_values_come_first_and_look_like_the_old(op: str) -> None:
    function, arrays = small_call(op)
    names = [array.name for array in specs.get(op).inputs]
    before = raw(arrays)
    results = as_tuple(function(*arrays))
    for array, result in zip(specs.get(op).mutated, results, strict=False):
        old = arrays[names.index(array.name)]
        assert (result.shape, result.dtype) == (old.shape, old.dtype)
        assert raw([result]) != raw([old])
    assert raw(arrays) == before, "arrays of JAX are values"
    assert len(results) == len(specs.get(op).mutated) + len(specs.get(op).outputs)


@pytest.mark.parametrize("op", IN_PLACE)
def test_memory_of_donated_arguments_is_taken(op: str) -> None:
    """The compiler is told which result may lie where which argument lay, one for each that is written."""
    function, arrays = small_call(op)
    names = [array.name for array in specs.get(op).inputs]
    places = tuple(names.index(array.name) for array in specs.get(op).mutated)
    lowered = jax.jit(function, donate_argnums=places).lower(*arrays).as_text()
    assert lowered.count("tf.aliasing_output") == len(places)
    assert "tf.aliasing_output" not in jax.jit(function).lower(*arrays).as_text()
