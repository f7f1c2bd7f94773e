"""Platform names of devices that JAX calls "gpu"."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jax._src import xla_bridge

_GPUS = ("cuda", "rocm", "oneapi", "sycl")


@lru_cache(maxsize=256)
def platform_name(device: Any) -> str:
    """The platform for which kernels of a device are lowered: "cuda", "rocm", "oneapi", "sycl", "cpu", ...

    JAX says "gpu" of several of them; the plugins are registered under different names.
    """
    backends = xla_bridge.backends()
    for name, backend in backends.items():
        if backend is device.client:
            return name
    named = [name for name in _GPUS if name in backends]
    return named[0] if device.platform == "gpu" and len(named) == 1 else str(device.platform)
