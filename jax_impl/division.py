"""Division that rounds once."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def divide(x: Any, y: Any) -> Any:
    """x / y, correctly rounded.

    XLA divides by one value (a constant or not) as a multiplication by its inverse, which rounds twice. A divisor that
    depends on every element of x, if only in whether x is NaN, is not one value.
    """
    return x / jnp.where(x == x, y, jnp.nan)  # noqa: PLR0124
