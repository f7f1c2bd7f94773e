"""Which implementation runs where, and why the others do not."""

from __future__ import annotations

import importlib.util
from functools import lru_cache

import torch

from specs.lang.declare.op import Op
from specs.lang.declare.readiness import DEVICE_NAMES, NO_WEIGHT, READY, device_called, said
from specs.lang.errors import NotAChoice, Unsupported
from specs.tile.targets import TRITON_CUDA, TRITON_HOPPER, TRITON_INTERPRET, TRITON_XPU, Target
from torch_impl.platforms import environment

IMPLEMENTATIONS = ("triton", "eager", "dequant", "interpret")
HOPPER = (9, 0)
"""Compute capability from which kernels can wait for each other (`Target.has_pdl`)."""


_OWN_WORDS = {"gpu": "cuda", "oneapi": "xpu", "sycl": "xpu"}


def device_named(op: str, device: torch.device | str | None) -> torch.device:
    """The device that a user of `explain` means, by torch's words or XLA's; None for where tensors go by default.

    Raises:
        ArgumentError: there is no such device.
    """
    if device is None:
        device = torch.get_default_device()
    kind, colon, index = str(device).partition(":")
    try:
        return torch.device(device_called(op, "device", kind, _OWN_WORDS) + colon + index)
    except RuntimeError:  # an index that is no number
        raise NotAChoice(op=op, argument="device", expected=", ".join(DEVICE_NAMES), actual=repr(device)) from None


def explain(device: torch.device | str, op: Op | None = None) -> dict[str, str]:
    """Implementation -> `READY` where it can run on `device`, else the reason why not, in order of preference."""
    where = torch.device(device)
    product = op is not None and op.framework_product is not None
    first = ["dequant"] if product and where.type == "cpu" else []
    return {name: said(_reason(name, where.type, product)) for name in [*first, *IMPLEMENTATIONS]}


@lru_cache(maxsize=64)
def _reason(implementation: str, device: str, product: bool) -> str | None:
    triton = importlib.util.find_spec("triton") is not None
    match implementation:
        case "triton":
            if device not in ("cuda", "xpu"):
                return f"Triton compiles for cuda and xpu devices, the arrays are on {device}"
            return None if triton else "the triton package is not installed"
        case "eager":
            return None if device in ("cpu", "cuda", "xpu") else f"not tried on {device} devices"
        case "dequant":
            return None if product else NO_WEIGHT
        case "interpret":
            if device != "cpu":
                return f"the interpreter reads host memory, the arrays are on {device}"
            if not triton:
                return "the triton package is not installed"
            if environment.gpu_available():
                return "Triton compiles in this process: it sees a GPU"
            return environment.interpreter_problem()
    raise AssertionError(implementation)


def choose(op: Op, device: torch.device, implementation: str | None) -> str:
    """The implementation to run.

    Raises:
        ArgumentError: no implementation has that name.
        Unsupported: it cannot run here, or none can.
    """
    if implementation is not None and implementation not in IMPLEMENTATIONS:
        raise NotAChoice(
            op=op.name, argument="implementation", expected=", ".join(IMPLEMENTATIONS), actual=repr(implementation)
        )
    reasons = explain(device, op)
    if implementation is None:
        chosen = next((name for name, answer in reasons.items() if answer == READY), None)
        if chosen is None:
            raise Unsupported(f"{op.name} on {device}", reasons)
        return chosen
    answer = reasons[implementation]
    if answer != READY:
        raise Unsupported(f"{op.name} with implementation '{implementation}'", answer)
    return implementation


def target_of(implementation: str, device: torch.device) -> Target:
    """The Triton target of an implementation on a device."""
    if implementation == "interpret":
        return TRITON_INTERPRET
    if device.type == "xpu":
        return TRITON_XPU
    return TRITON_HOPPER if _capability(device) >= HOPPER else TRITON_CUDA


@lru_cache(maxsize=64)
def _capability(device: torch.device) -> tuple[int, int]:
    """Compute capability of a CUDA device; (0, 0) where torch sees none, or one of another maker."""
    seen = torch.version.cuda is not None and torch.cuda.is_available()
    return torch.cuda.get_device_capability(device) if seen else (0, 0)
