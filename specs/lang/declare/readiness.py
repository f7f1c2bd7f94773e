"""Words in which both frameworks say what can run: `ops.explain`, and the names that its devices go by."""

from __future__ import annotations

from collections.abc import Mapping

from specs.lang.errors import NotAChoice

READY = "ready"
"""What `explain` says of an implementation that can run; anything else is the reason why it cannot."""
WITHOUT_PREFERENCE = "it is the first that can run"
"""What `why` says where nothing but the order of preference decides."""
NO_WEIGHT = "only products have a weight to dequantise"
"""Why an operation has no implementation "dequant"."""
DEQUANT_ON_CPU = "a CPU's own matrix product is faster than tiles (docs/benchmarks.md), and the contract is the same"
"""Why products take the implementation "dequant" on CPUs."""

_CUDA, _XPU = ("cuda", "gpu"), ("xpu", "oneapi", "sycl")
DEVICE_NAMES = ("cpu", *_CUDA, *_XPU)
"""What users of either framework call a device: torch's words and XLA's."""


def said(reason: str | None) -> str:
    """What `explain` says for a reason, None for none."""
    return READY if reason is None else reason


def device_called(op: str, argument: str, name: str, own: Mapping[str, str]) -> str:
    """The framework's own word for a device that goes by one of `DEVICE_NAMES`.

    Args:
        own: the framework's word for each of its users' words; a name that is not listed is the framework's word.

    Raises:
        ArgumentError: no device is called so.
    """
    if name not in DEVICE_NAMES:
        raise NotAChoice(op=op, argument=argument, expected=", ".join(DEVICE_NAMES), actual=repr(name))
    return own.get(name, name)
