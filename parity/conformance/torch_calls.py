"""Wrong calls made in torch, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from parity.conformance.outcomes import Outcome
from parity.conformance.wrong_calls import Passed, WrongCall
from parity.judge.frameworks import to_torch
from specs.lang.declare.layouts import packed_strides
from torch_impl import ops
from torch_impl.formats import DTYPES

Tensors = dict[int, torch.Tensor]
"""Tensors by the identity of the numpy arrays they are made of: calls share most of their arguments."""


def expressible(call: WrongCall) -> bool:
    """Whether torch has a dtype for every array of the call."""
    return all(form in DTYPES for form in call.inputs.formats.values())


def argument(call: WrongCall, name: str, tensors: Tensors) -> Any:
    """One argument as the call passes it."""
    raw, passed = call.inputs.arrays[name], call.passed.get(name)
    if passed in (Passed.AS_LIST, Passed.AS_TEXT):
        return raw.tolist() if passed is Passed.AS_LIST else "text"
    key = id(raw)
    if key not in tensors:
        tensors[key] = to_torch(raw, call.inputs.formats[name])
    tensor = tensors[key]
    match passed:
        case Passed.ELSEWHERE:
            return tensor.to("meta")
        case Passed.REPEATED:
            return tensor[:1].expand(tensor.shape)
        case Passed.LAST_STRIDED | Passed.BOTH_STRIDED:
            strides = tuple(2 * stride for stride in packed_strides(raw.shape))
            return torch.zeros(2 * raw.size, dtype=tensor.dtype).as_strided(raw.shape, strides)
        case Passed.OVERLAPPING:
            first, *inner = packed_strides(raw.shape)
            return torch.zeros(raw.size, dtype=tensor.dtype).as_strided(raw.shape, (first - 1, *inner))
    return tensor


def arguments(call: WrongCall, tensors: Tensors) -> list[Any]:
    """Arguments in the order of the signature, None for those that are left out."""
    names = call.inputs.arrays
    return [argument(call, array.name, tensors) if array.name in names else None for array in call.inputs.op.inputs]


def memory(tensor: Any) -> bytes:
    """A copy of the memory that a tensor lies in, empty where there is none."""
    if not isinstance(tensor, torch.Tensor) or tensor.device.type == "meta":
        return b""
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().tobytes()


def attempt(
    call: WrongCall,
    tensors: Tensors,
    function: Callable[..., Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Outcome:
    """Makes a call and looks at its arguments afterwards.

    Args:
        function, attributes: the callee, and the attributes as it takes them; `torch_impl.ops` when left out.
    """
    function = getattr(ops, call.inputs.op.name) if function is None else function
    passed = arguments(call, tensors)
    before = [memory(tensor) for tensor in passed]
    error: Exception | None = None
    try:
        function(*passed, **(attributes or call.inputs.attributes), implementation=call.implementation)
    except Exception as raised:  # noqa: BLE001 - which one it is, is the question
        error = raised.with_traceback(None)  # whose frames would keep every array
    names = [array.name for array in call.inputs.op.inputs]
    changed = [name for name, tensor, old in zip(names, passed, before, strict=True) if memory(tensor) != old]
    return Outcome(call=call, error=error, changed=tuple(changed))
