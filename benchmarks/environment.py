"""The one place in benchmarks/ that touches environment variables: a setting of JAX that exists in no other form."""

from __future__ import annotations

import os


def prepare() -> None:
    """Called before the first import of jax: JAX shares the device's memory with torch instead of taking most of it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
