"""Workarounds for differences between Pallas' interpreter and GPUs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def scatter(ref: Any, indices: tuple[Any, ...], value: jax.Array, mask: jax.Array) -> None:
    """Writes `value` at `indices` (broadcast to its shape) where `mask` holds.

    The interpreter's own masked store writes back what it read where the mask is false, and so undoes what other
    elements of the same store have written there.
    """
    shape = mask.shape
    places = [jnp.broadcast_to(index, shape) for index in indices]
    # Past the end of the first dimension, where nothing is written.
    places[0] = jnp.where(mask, places[0], ref.shape[0])
    ref[...] = ref[...].at[tuple(places)].set(jnp.broadcast_to(value, shape), mode="drop")
