"""The executor's array namespace over jax.numpy, for use under jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from specs.lang.elements import ElementFormat
from specs.tile.arrayops import NUMPY_DTYPES, ModuleOps


class JaxOps(ModuleOps):
    """ArrayOps whose buffers are values: `put` returns the new one."""

    functional = True

    def __init__(self) -> None:
        super().__init__(jnp)

    def bitcast(self, x: Any, element: ElementFormat) -> Any:
        """The same bits as another format."""
        return jax.lax.bitcast_convert_type(x, NUMPY_DTYPES[element])

    def matmul(self, a: Any, b: Any) -> Any:
        """Batched float32 product, at full precision on devices that default to less."""
        return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a 1-D buffer; the program has made sure that offsets are in range."""
        return flat.at[offsets].get(mode="promise_in_bounds")

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """The buffer with values written; masked offsets are moved out of range and dropped."""
        if mask is not None:
            offsets = jnp.where(mask, offsets, flat.shape[0])
        return flat.at[offsets].set(values, mode="drop")

    def loop(self, lower: Any, upper: Any, body: Callable[[Any, list[Any]], list[Any]], carried: list[Any]) -> list[Any]:
        """A traced loop."""

        def step(k: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(body(k, list(state)))

        return list(jax.lax.fori_loop(lower, upper, step, tuple(carried)))


JAX_OPS = JaxOps()
