"""Texts of `ops.explain` and `ops.why`, and the device names that both frameworks accept."""

from __future__ import annotations

from collections.abc import Mapping

from specs.lang.errors import NotAChoice

READY = "ready"
"""Value of `explain` for an implementation that can run; any other value is the reason why not."""
WITHOUT_PREFERENCE = "it is the first that can run"
"""Value of `why` where only the order of preference decides."""
NO_WEIGHT = "only products have a weight to dequantise"
"""Why an operation has no implementation "dequant"."""
DEQUANT_ON_CPU = "a CPU's own matrix product is faster than tiles (docs/benchmarks.md), and the contract is the same"
"""Why products take the implementation "dequant" on CPUs."""

_CUDA, _XPU = ("cuda", "gpu"), ("xpu", "oneapi", "sycl")
DEVICE_NAMES = ("cpu", *_CUDA, *_XPU)
"""Accepted device names: torch's and XLA's."""


def said(reason: str | None) -> str:
    """The text of `explain` for a reason; `READY` for None."""
    return READY if reason is None else reason


def device_called(op: str, argument: str, name: str, own: Mapping[str, str]) -> str:
    """The framework's name for a device in `DEVICE_NAMES`.

    Args:
        own: the framework's word for each of its users' words; a name that is not listed is the framework's word.

    Raises:
        ArgumentError: unknown device.
    """
    if name not in DEVICE_NAMES:
        raise NotAChoice(op=op, argument=argument, expected=", ".join(DEVICE_NAMES), actual=repr(name))
    return own.get(name, name)
