"""Donation on platform "oneapi", which JAX 0.10 does not know of."""

from __future__ import annotations

from jax._src.interpreters import mlir

PLATFORM = "oneapi"


def allow() -> None:
    """Lets donated arguments be written over, as later versions of JAX do: without it every step copies its caches."""
    known = getattr(mlir, "_platforms_with_donation", None)
    if isinstance(known, list) and PLATFORM not in known:
        known.append(PLATFORM)
