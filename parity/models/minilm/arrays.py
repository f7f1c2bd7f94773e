"""The few array operations that the encoder needs beyond operators and methods, for numpy, torch and JAX.

Everything else the encoder writes as `x @ y`, `x + y`, `x.mean(-1, keepdims=True)`, `x.reshape(..)`, `x.swapaxes(..)`,
which the three share. torch and JAX are imported when their namespace is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HostArray = npt.NDArray[Any]

_ERF: Final = np.frompyfunc(math.erf, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayNamespace:
    """One framework's arrays.

    array: a numpy array of floats, any float type, as an array of that type.
    host: the numpy array with the same values.
    matmul: product of matrices in full precision of the type, leading dimensions broadcast.
    largest: maximum along the last axis, which is kept with size 1.
    """

    name: str
    array: Callable[[HostArray], Any]
    host: Callable[[Any], HostArray]
    matmul: Callable[[Any, Any], Any]
    exp: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    erf: Callable[[Any], Any]
    largest: Callable[[Any], Any]


def numpy_arrays(dtype: type[np.floating[Any]] = np.float32) -> ArrayNamespace:
    """numpy, computing in `dtype`; erf is the C library's in float64, rounded once."""

    def erf(x: HostArray) -> HostArray:
        return np.asarray(_ERF(x.astype(np.float64)), dtype)

    return ArrayNamespace(
        name=f"numpy:{np.dtype(dtype).name}",
        array=lambda x: np.asarray(x, dtype),
        host=np.asarray,
        matmul=np.matmul,
        exp=np.exp,
        sqrt=np.sqrt,
        erf=erf,
        largest=lambda x: x.max(-1, keepdims=True),
    )


def torch_arrays(device: str = "cpu") -> ArrayNamespace:
    """torch in float32 on `device`."""
    import torch

    return ArrayNamespace(
        name="torch",
        # A copy: torch does not take memory that it may not write.
        array=lambda x: torch.tensor(x, dtype=torch.float32, device=device),
        host=lambda x: x.detach().cpu().numpy(),
        matmul=torch.matmul,
        exp=torch.exp,
        sqrt=torch.sqrt,
        erf=torch.erf,
        largest=lambda x: x.amax(-1, keepdim=True),
    )


def jax_arrays(device: str = "cpu") -> ArrayNamespace:
    """JAX in float32 on `device`."""
    import jax
    import jax.numpy as jnp

    from parity.judge.frameworks import JAX_PLATFORMS

    where = jax.devices(JAX_PLATFORMS[device])[0]

    def matmul(x: jax.Array, y: jax.Array) -> jax.Array:
        # The default precision is less than float32 on devices that have faster units.
        return jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)

    return ArrayNamespace(
        name="jax",
        array=lambda x: jax.device_put(np.asarray(x, np.float32), where),
        host=np.asarray,
        matmul=matmul,
        exp=jnp.exp,
        sqrt=jnp.sqrt,
        erf=jax.lax.erf,
        largest=lambda x: x.max(-1, keepdims=True),
    )
