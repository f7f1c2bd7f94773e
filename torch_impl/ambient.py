"""What a thread or a process is set to must not show in results: the state that kernels on the CPU run under.

Everything here belongs to the thread (or the context) and is put back. What is set for the whole process is not set
here: see `TorchOps.matmul` for the precision of products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from torch_impl.backend import Runner, Tensors

_LEAST = 5e-324  # a subnormal number


_BACKENDS = {"cpu": "mkldnn", "cuda": "cuda"}
_FULL = ("none", "ieee")


def in_full_precision(device: torch.device) -> bool:
    """Whether the process lets torch's products of float32 be products of float32, as it does unless told otherwise."""
    backend = _BACKENDS.get(device.type)
    return backend is not None and getattr(torch.backends, backend).matmul.fp32_precision in _FULL


def undisturbed(device: torch.device) -> bool:
    """Whether there is nothing that `settled` would have to settle, of plain tensors that want no gradient."""
    return in_full_precision(device) and _LEAST * 1.0 != 0.0 and not torch.is_autocast_enabled(device.type)


@contextmanager
def settled(device: torch.device) -> Iterator[None]:
    """Runs torch and numpy as they are set at the start of a process, but for threads.

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


def settled_runner(runner: Runner, device: torch.device) -> Runner:
    """The runner, whatever the thread that calls it is set to."""

    def run_settled(arrays: Tensors) -> None:
        with settled(device), torch.inference_mode():  # inside which tensors made in and outside it may be written
            runner(arrays)

    return run_settled
