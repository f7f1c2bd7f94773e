"""Gluon of the installed Triton: which versions are known, and what of its interface kernels and launches use.

Gluon is experimental, and its names change between minor versions of Triton. Only what is listed here is used; the rest
of the package prints source in a version's dialect and launches it as any kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import torch

from specs.tile.emit.gluon import Dialect

DIALECTS: Final[Mapping[str, Dialect]] = {
    "3.6": Dialect(
        load="tma.async_copy_global_to_shared", store="tma.async_copy_shared_to_global", barrier="gl.thread_barrier"
    ),
    "3.9": Dialect(),
}
"""Minor versions of Triton whose Gluon has been compiled with or run, and its names."""
HOPPER: Final = 9
"""Major compute capability that has the instructions."""


@cache
def installed() -> str | None:
    """Minor version of the installed Triton; None without one."""
    try:
        return ".".join(version("triton").split(".")[:2])
    except PackageNotFoundError:
        return None


def problem() -> str | None:
    """Why kernels cannot be compiled and run on this process's CUDA device; None where they can."""
    found = installed()
    if found is None:
        return "the triton package is not installed"
    if found not in DIALECTS:
        return f"the Gluon of Triton {found} is not known: that of {' and '.join(DIALECTS)} is"
    if torch.cuda.get_device_capability()[0] != HOPPER:
        return "its kernels are for Hopper GPUs, compute capability 9.0"
    return None


def dialect() -> Dialect:
    """What the installed Gluon calls things."""
    return DIALECTS[installed() or ""]


def descriptor(
    tensor: torch.Tensor, shape: Sequence[int], strides: Sequence[int], block: Sequence[int], swizzle: int
) -> Any:
    """A tensor descriptor of memory that begins where a tensor does, for a launch.

    Args:
        swizzle: bytes of rows of a block that are interleaved in shared memory.
    """
    from triton.experimental.gluon import language as gl
    from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

    layout = gl.NVMMASharedLayout(
        swizzle_byte_width=swizzle, element_bitwidth=8 * tensor.element_size(), rank=len(block)
    )
    return TensorDescriptor(tensor, list(shape), list(strides), list(block), layout)
