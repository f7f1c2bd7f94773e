"""Records the calls of operations that a torch function makes, with torch's own hook for operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import specs
from parity.functions.calls import Made, Places
from parity.judge.frameworks import Result, Results, first_choice, from_torch, returned_names
from parity.judge.inputs import Inputs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from torch_impl.launch import resolve_attributes
from torch_impl.ops import NAMESPACE


class TorchCalls(TorchDispatchMode):
    """A context that passes every call to `told` after it was made, with copies of its arguments from before.

    results: whether to copy these too; otherwise there are none.
    """

    def __init__(self, told: Callable[[Made], None], *, results: bool = True) -> None:
        super().__init__()
        self._told, self._results, self._places = told, results, Places()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        if func.namespace != NAMESPACE:
            return func(*args, **keywords)
        name = func.name().partition("::")[2]
        if name not in specs.names():
            raise Unsupported(f"recording {name}", "calls that write into given results (out=) are not recorded")
        op, place = specs.get(name), self._places.here()
        given = dict(zip((array.name for array in op.inputs), args, strict=False))
        present = {array: tensor for array, tensor in given.items() if tensor is not None}
        # Before the call, because it may write into its arguments.
        inputs = _inputs(op, present, keywords)
        returned = func(*args, **keywords)
        device = next(iter(present.values())).device.type
        chosen = keywords.get("implementation") or first_choice("torch", op, device)
        found = _found(inputs, present, returned) if self._results else {}
        self._told(Made(place=place, inputs=inputs, implementation=f"torch:{chosen}", results=found))
        return returned


def _inputs(op: Op, tensors: Mapping[str, torch.Tensor], keywords: Mapping[str, Any]) -> Inputs:
    found = {name: _copied(tensor) for name, tensor in tensors.items()}
    named = resolve_attributes(op, tuple(keywords.get(attribute.name) for attribute in op.attributes))
    return Inputs(
        op=op,
        arrays={name: result.raw for name, result in found.items()},
        formats={name: result.form for name, result in found.items()},
        attributes=check_attributes(op, {name: value for name, value in named.items() if value is not None}),
    )


def _found(inputs: Inputs, tensors: Mapping[str, torch.Tensor], returned: Any) -> Results:
    """The results of a call by name."""
    listed = (returned,) if isinstance(returned, torch.Tensor) else tuple(returned or ())
    written = {array.name: tensors[array.name] for array in inputs.op.mutated if array.name in tensors}
    fresh = [tensor for tensor in listed if tensor is not None]
    every = written | dict(zip(returned_names(inputs), fresh, strict=True))
    return {name: _copied(tensor) for name, tensor in every.items()}


def _copied(tensor: torch.Tensor) -> Result:
    found = from_torch(tensor)
    return Result(raw=np.array(found.raw), form=found.form)
