"""TRITON_INTERPRET, the only environment variable that is set, and only here.

Triton decides at its own import whether its library functions are compiled or interpreted. Where torch sees no GPU that
Triton could compile for, they are wanted interpreted, so that `implementation="interpret"` works.
"""

from __future__ import annotations

import os

import torch

_VARIABLE = "TRITON_INTERPRET"
_TRUE = ("1", "true", "on", "yes", "y")
"""What Triton reads as yes."""


def gpu_available() -> bool:
    """Whether torch sees a device that Triton compiles for."""
    return torch.cuda.is_available() or (hasattr(torch, "xpu") and torch.xpu.is_available())


def prepare() -> None:
    """Called before the first import of triton."""
    if not gpu_available():
        os.environ.setdefault(_VARIABLE, "1")


def interpreter_problem() -> str | None:
    """Why kernels cannot be interpreted in this process, None where they can."""
    prepare()
    asked = os.environ.get(_VARIABLE, "")
    import triton
    import triton.language as tl

    if not isinstance(tl.sum, triton.JITFunction):
        return None
    if asked.lower() not in _TRUE:
        return f"{_VARIABLE}={asked} tells Triton to compile in this process: unset it, or set it to 1"
    return "triton was imported before torch_impl could ask it to interpret: import torch_impl.ops first"
