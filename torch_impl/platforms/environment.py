"""The one environment variable that Triton forces on us, set in this one place.

Triton decides at its own import whether its library functions are compiled or interpreted. Where torch sees no GPU that
Triton could compile for, they are wanted interpreted, so that `implementation="interpret"` works.
"""

from __future__ import annotations

import os

import torch


def gpu_available() -> bool:
    """Whether torch sees a device that Triton compiles for."""
    return torch.cuda.is_available() or (hasattr(torch, "xpu") and torch.xpu.is_available())


def prepare() -> None:
    """Called before the first import of triton."""
    if not gpu_available():
        os.environ.setdefault("TRITON_INTERPRET", "1")


def interpreter_problem() -> str | None:
    """Why kernels cannot be interpreted in this process, None where they can."""
    prepare()
    import triton
    import triton.language as tl

    if isinstance(tl.sum, triton.JITFunction):
        return "triton was imported before torch_impl could ask it to interpret: import torch_impl.ops first"
    return None
