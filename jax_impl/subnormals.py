"""Whether a platform flushes subnormal float32 numbers: measured once per platform."""

from __future__ import annotations

from functools import lru_cache

import jax
import numpy as np


@lru_cache(maxsize=16)
def flushes(platform: str) -> bool:
    """Whether XLA's arithmetic on a platform flushes subnormal float32 numbers to zero, in operands or results.

    XLA does so on CPUs. Platforms that this machine does not have are taken to keep them, as GPUs do.
    """
    try:
        device = jax.local_devices(backend=platform)[0]
    except RuntimeError:
        return False
    with jax.ensure_compile_time_eval(), jax.default_device(device):
        least = np.float32(2.0**-126)
        x = jax.device_put(np.array([least, least / 2], np.float32), device)
        halves = jax.jit(lambda x: x * np.array([0.5, 2.0], np.float32))(x)
        return not np.array_equal(np.asarray(halves), [least / 2, least])
