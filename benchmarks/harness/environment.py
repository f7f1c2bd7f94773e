"""The one place in benchmarks/ that touches environment variables: settings of the frameworks with no other form."""

from __future__ import annotations

import os


def prepare() -> None:
    """Called before the first import of jax: JAX shares the device's memory with torch instead of taking most of it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def one_allocation_per_array() -> dict[str, str]:
    """The environment of a process whose frameworks allocate every array by itself, as memory checkers want it."""
    settings = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", "XLA_PYTHON_CLIENT_ALLOCATOR": "platform"}
    return {**os.environ, **settings}
