"""Selects implementations per device, with reasons for the unavailable ones."""

from __future__ import annotations

from functools import lru_cache

import torch

from specs.lang.declare.op import Op
from specs.lang.declare.readiness import DEVICE_NAMES, READY, device_called, said
from specs.lang.errors import NotAChoice, Unsupported
from specs.tuned.device import processor
from specs.tuned.rows import Place
from torch_impl.backends import BACKENDS
from torch_impl.platforms import environment

HOPPER = (9, 0)
"""Compute capability from which kernels can wait for each other (`Target.has_pdl`)."""
_OWN_WORDS = {"gpu": "cuda", "oneapi": "xpu", "sycl": "xpu"}


def device_named(op: str, device: torch.device | str | None) -> torch.device:
    """The device that a user of `explain` means, by torch's words or XLA's.

    None is the GPU where torch sees one, as in JAX; else where new tensors go.

    Raises:
        ArgumentError: there is no such device.
    """
    if device is None:
        device = torch.get_default_device()
        if device.type == "cpu" and environment.gpu_available():
            device = torch.device(torch.accelerator.current_accelerator() or device)
    kind, colon, index = str(device).partition(":")
    try:
        return torch.device(device_called(op, "device", kind, _OWN_WORDS) + colon + index)
    except RuntimeError:  # an index that is no number
        raise NotAChoice(op=op, argument="device", expected=", ".join(DEVICE_NAMES), actual=repr(device)) from None


def explain(device: torch.device | str, op: Op | None = None) -> dict[str, str]:
    """Implementation -> `READY` where it can run on `device`, else the reason why not, in order of preference."""
    where = torch.device(device)
    return {name: _answer(name, where, op) for name in _preferred(where, op)}


def _preferred(device: torch.device, op: Op | None) -> list[str]:
    """All implementations, the one to be tried first before the others."""
    product = op is not None and op.framework_product is not None
    return list(dict.fromkeys([*(["dequant"] if product and device.type == "cpu" else []), *BACKENDS]))


def _answer(name: str, device: torch.device, op: Op | None) -> str:
    return said(BACKENDS[name].why_not(op, platform_of(device)))


def choose(op: Op, device: torch.device, implementation: str | None) -> str:
    """The implementation to run.

    Raises:
        ArgumentError: no implementation has that name.
        Unsupported: it cannot run here, or none can.
    """
    if implementation is not None and implementation not in BACKENDS:
        raise NotAChoice(
            op=op.name, argument="implementation", expected=", ".join(BACKENDS), actual=repr(implementation)
        )
    if implementation is None:
        chosen = next((name for name in _preferred(device, op) if _answer(name, device, op) == READY), None)
        if chosen is None:
            raise Unsupported(f"{op.name} on {device}", explain(device, op))
        return chosen
    answer = _answer(implementation, device, op)
    if answer != READY:
        raise Unsupported(f"{op.name} with implementation '{implementation}'", answer)
    return implementation


def platform_of(device: torch.device) -> str:
    """The word for a device in `Backend.targets`: its type, but "hopper" from compute capability 9.0."""
    return "hopper" if device.type == "cuda" and _capability(device) >= HOPPER else device.type


def place_of(device: torch.device, implementation: str) -> Place:
    """Where calls run, as tables of measured configurations name it."""
    return Place(device=_name(device), implementation=f"torch:{implementation}")


@lru_cache(maxsize=64)
def _name(device: torch.device) -> str:
    """What a device is called; its type where torch does not say."""
    if device.type == "cpu":
        return processor()
    known = {"cuda": torch.cuda, "xpu": torch.xpu}.get(device.type)
    return str(known.get_device_name(device)) if known is not None and known.is_available() else device.type


@lru_cache(maxsize=64)
def _capability(device: torch.device) -> tuple[int, int]:
    """Compute capability of a CUDA device; (0, 0) where torch sees none, or one of another maker."""
    seen = torch.version.cuda is not None and torch.cuda.is_available()
    return torch.cuda.get_device_capability(device) if seen else (0, 0)
