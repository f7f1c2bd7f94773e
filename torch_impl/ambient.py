"""Isolates CPU kernels from thread and process state (autocast, gradients, modes, flushing of subnormals).

Everything here belongs to the thread (or the context) and is put back. Process-wide settings are not changed here: see
`TorchOps.matmul` for the precision of products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from torch_impl.backend import Runner, Tensors
from torch_impl.repeated import PLAIN

_LEAST = 5e-324  # a subnormal number


_function_modes = torch._C._len_torch_function_stack  # noqa: SLF001 - no public word for it
_BACKENDS = {"cpu": "mkldnn", "cuda": "cuda"}
_FULL = ("none", "ieee")


def in_full_precision(device: torch.device) -> bool:
    """Whether torch's float32 matmul precision is at its default, full float32."""
    backend = _BACKENDS.get(device.type)
    return backend is not None and getattr(torch.backends, backend).matmul.fp32_precision in _FULL


def undisturbed(device: torch.device) -> bool:
    """Whether `settled` would change nothing for plain tensors without gradients."""
    return in_full_precision(device) and _LEAST * 1.0 != 0.0 and not torch.is_autocast_enabled(device.type)


@contextmanager
def settled(device: torch.device) -> Iterator[None]:
    """Runs torch and numpy with the default state of a fresh process, except for the number of threads.

    No autocast, no gradients, no functions of modes and subclasses in between (a default device is one), subnormal
    numbers kept, no errors of numpy's for infinities and NaN.
    """
    with ExitStack() as stack:
        if torch.is_autocast_enabled(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if _LEAST * 1.0 == 0.0:  # flushed to zero in this thread
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)
        stack.enter_context(torch.no_grad())
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(torch._C.DisableTorchFunction())  # noqa: SLF001 - the public word leaves modes on
        yield


def _is_settled(device: torch.device, arrays: Tensors) -> bool:
    """Whether `settled` and inference mode would change nothing but numpy's errors."""
    if not torch.is_inference_mode_enabled() or torch.is_autocast_enabled(device.type) or _LEAST * 1.0 == 0.0:
        return False
    if _function_modes() or torch.is_grad_enabled():
        return False
    return all(tensor is None or type(tensor) in PLAIN for tensor in arrays)


def settled_runner(runner: Runner, device: torch.device) -> Runner:
    """The runner under default thread state (see `ambient`)."""

    def run_settled(arrays: Tensors) -> None:
        if _is_settled(device, arrays):
            with np.errstate(all="ignore"):
                runner(arrays)
            return
        with settled(device), torch.inference_mode():  # inside which tensors made in and outside it may be written
            runner(arrays)

    return run_settled
