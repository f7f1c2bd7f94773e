"""Everything that a thread or a process can be set to and that a call must not depend on, each as a context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

LEAST = 5e-324
State = Callable[[], AbstractContextManager[object]]


@contextmanager
def attribute(holder: Any, name: str, value: object) -> Iterator[None]:
    """An attribute of torch's, such as `torch.backends.cuda.matmul.allow_tf32`."""
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


@contextmanager
def setting(get: Callable[[], Any], put: Callable[[Any], object], value: object) -> Iterator[None]:
    """A pair of functions of torch's."""
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


@contextmanager
def deterministic(*, warn_only: bool) -> Iterator[None]:
    """Deterministic algorithms, which also fill memory that nothing was written into yet."""
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    try:
        with attribute(torch.utils.deterministic, "fill_uninitialized_memory", True):
            yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def no_subnormals() -> Iterator[None]:
    """Subnormal numbers are zero in this thread."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    """Where new tensors go, for the whole process."""
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


class Functions(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Dispatches(TorchDispatchMode):
    """A mode that changes nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def precision(value: str) -> AbstractContextManager[None]:
    """What products of float32 may be rounded to."""
    return setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, value)


STATES: dict[str, State] = {
    "autocast bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast float16": lambda: torch.autocast("cpu", torch.float16),
    "autocast without cache": lambda: torch.autocast("cpu", torch.bfloat16, cache_enabled=False),
    "matmul precision high": lambda: precision("high"),
    "matmul precision medium": lambda: precision("medium"),
    "allow_tf32": lambda: attribute(torch.backends.cuda.matmul, "allow_tf32", True),
    "without mkldnn": lambda: setting(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, False),
    "deterministic": lambda: deterministic(warn_only=False),
    "deterministic, warnings": lambda: deterministic(warn_only=True),
    "default dtype float64": lambda: setting(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "default dtype bfloat16": lambda: setting(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "within device meta": lambda: torch.device("meta"),
    "default device meta": lambda: default_device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "no subnormals": no_subnormals,
    "one thread": lambda: setting(torch.get_num_threads, torch.set_num_threads, 1),
    "numpy raises": lambda: np.errstate(all="raise"),
    "function mode": Functions,
    "dispatch mode": Dispatches,
    "without torch functions": torch._C.DisableTorchFunctionSubclass,
}
if hasattr(torch.backends.mkldnn, "matmul"):
    _products: Any = getattr(torch.backends.mkldnn, "matmul")  # noqa: B009 - unknown to its stubs
    STATES["mkldnn bfloat16"] = lambda: attribute(_products, "fp32_precision", "bf16")


def settings() -> tuple[object, ...]:
    """All of it, as far as it can be asked for."""
    return (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        getattr(torch.utils.deterministic, "fill_uninitialized_memory"),  # noqa: B009 - unknown to its stubs
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        torch.backends.mkldnn.enabled,
        torch._C._len_torch_function_stack(),
        torch._C._len_torch_dispatch_stack(),
        torch._C._is_torch_function_enabled(),
        LEAST * 1.0 == 0.0,
        tuple(np.geterr().items()),
    )
