"""What JAX calls "gpu" by its own name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jax._src import xla_bridge


@lru_cache(maxsize=256)
def platform_name(device: Any) -> str:
    """The platform for which kernels of a device are lowered: "cuda", "rocm", "oneapi", "sycl", "cpu", ...

    JAX says "gpu" of several of them; the plugins are registered under different names.
    """
    for name, backend in xla_bridge.backends().items():
        if backend is device.client:
            return name
    return str(device.platform)
