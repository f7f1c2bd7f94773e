"""An argument that torch would write in place is returned, first of the results, and may be donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import specs
from jax_impl import ops
from jax_impl.launch import run
from jax_impl.support import explain
from specs.lang.declare.readiness import READY
from specs.lang.errors import WrongType
from tests.helptext import entries
from tests.jax_side.calls import as_tuple, names_of, raw, small_call
from tests.torch_side.accumulate import ACCUMULATE

AVAILABLE = [name for name, why in explain("cpu").items() if why == READY]


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
    names, written = names_of(op)
    before = raw(arrays)
    results = as_tuple(function(*arrays))
    for name, result in zip(written, results, strict=False):
        old = arrays[names.index(name)]
        assert (result.shape, result.dtype) == (old.shape, old.dtype)
        assert raw([result]) != raw([old])
    assert raw(arrays) == before, "arrays of JAX are values"
    assert len(results) == len(written) + len(specs.get(op).outputs)


@pytest.mark.parametrize("op", IN_PLACE)
def test_memory_of_donated_arguments_is_taken(op: str) -> None:
    """The compiler is told which result may lie where which argument lay, one for each that is written."""
    function, arrays = small_call(op)
    names, written = names_of(op)
    places = tuple(map(names.index, written))
    lowered = jax.jit(function, donate_argnums=places).lower(*arrays).as_text()
    assert lowered.count("tf.aliasing_output") == len(places)
    assert "tf.aliasing_output" not in jax.jit(function).lower(*arrays).as_text()


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["called", "jit"])
@pytest.mark.parametrize("op", IN_PLACE)
def test_references_are_written_and_not_returned(op: str, wrap: Any) -> None:
    function, arrays = small_call(op)
    names, written = names_of(op)
    expected = as_tuple(function(*arrays))
    given = [jax.new_ref(x) if name in written else x for name, x in zip(names, arrays, strict=False)]
    results = wrap(function)(*given)
    held = [given[names.index(name)][...] for name in written]
    assert raw(held) == raw(expected[: len(written)])
    assert raw(() if results is None else results) == raw(expected[len(written) :])


@pytest.mark.parametrize("op", IN_PLACE)
def test_memory_of_references_is_written_over(op: str) -> None:
    function, arrays = small_call(op)
    names, written = names_of(op)
    given = [jax.new_ref(x) if name in written else x for name, x in zip(names, arrays, strict=False)]
    assert jax.jit(function).lower(*given).as_text().count("tf.aliasing_output") == len(written)


def test_references_to_what_is_only_read_are_refused() -> None:
    for implementation in AVAILABLE:
        with pytest.raises(WrongType, match=r"'x' must be an array \(of a reference, x\[\.\.\.\]\)"):
            run(ACCUMULATE, (jax.new_ref(whole(2, 3)), whole(2, 3)), (), implementation)


@pytest.mark.parametrize("op", IN_PLACE)
def test_help_says_where_the_new_value_is(op: str) -> None:
    text = getattr(ops, op).__doc__
    for array in specs.get(op).mutated:
        line = entries(text)[array.name]
        assert "not changed" in line
        assert "its new value is returned" in line
        assert "jax.new_ref" in line
