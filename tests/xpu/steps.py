"""Steps for the tests of `parity xpu --step`: one that is right, and some with a mistake each."""

from __future__ import annotations

import jax
import jax.numpy as jnp

import jax_impl.ops  # noqa: F401 - importing it lets oneapi donate, which JAX 0.10 does not
from parity.xpu.step import Step

POOL = jax.ShapeDtypeStruct((512, 1024), jnp.float32)
"""2 MiB."""
ROWS = jax.ShapeDtypeStruct((4, 1024), jnp.float32)
SLOTS = jax.ShapeDtypeStruct((4,), jnp.int32)


def _write(pool: jax.Array, rows: jax.Array, slots: jax.Array) -> jax.Array:
    return pool.at[slots].set(rows)


def _write_beside(pool: jax.Array, rows: jax.Array, slots: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The old pool is a result as well, so that the new one cannot take its place without a copy."""
    return pool.at[slots].set(rows), pool


def _step(function: object) -> Step:
    return Step(function=function, arguments=(POOL, ROWS, SLOTS), caches=(0,))


def right(implementation: str | None = None) -> Step:
    """Writes rows into a pool that is donated."""
    assert implementation in (None, "pallas", "triton")
    return _step(jax.jit(_write, donate_argnums=0))


def not_donated(implementation: str | None = None) -> Step:
    """The same without donation of the pool."""
    assert implementation in (None, "pallas", "triton")
    return _step(jax.jit(_write))


def copied(implementation: str | None = None) -> Step:
    """The pool is donated, and copied all the same."""
    assert implementation in (None, "pallas", "triton")
    return _step(jax.jit(_write_beside, donate_argnums=0))


def aborts(implementation: str | None = None) -> Step:
    """Ends the process that compiles it, as a compiler does that runs into a defect."""
    import signal

    assert implementation in (None, "pallas", "triton")
    signal.raise_signal(signal.SIGABRT)
    raise AssertionError("not reached")
