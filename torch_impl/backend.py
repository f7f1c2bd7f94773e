"""What a backend of torch is; `torch_impl.backends` has them. Nothing of torch is imported before a backend is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specs.lang.call.bind import Call
from specs.tile.backend import Backend
from specs.tile.targets import Target
from specs.tuned.rows import Place

if TYPE_CHECKING:
    import torch

Tensors = Sequence[Any]
"""Tensors of a call by slot: arguments in the order of the spec, given results, allocated tensors; None if absent."""
Runner = Callable[[Tensors], None]
"""One launch, or all that a call does, on tensors of the shapes, strides and dtypes for which it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked call to be prepared.

    asked: as the caller made it. call: with weights in the order in which they lie in memory.
    strides: of the arrays of `call` by name. slots: of all arrays by name.
    target: of the backend on the device. place: the device and the implementation, for measured configurations.
    """

    asked: Call
    call: Call
    strides: Mapping[str, tuple[int, ...] | None]
    slots: Mapping[str, int]
    device: torch.device
    target: Target | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBackend(Backend):
    """An implementation of operations in torch.

    runners: what a call does, in order.
    temporaries: whether arrays that steps pass on to each other are allocated.
    """

    runners: Callable[[Request], list[Runner]]
    temporaries: bool = True
