"""Small right calls of every operation as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch

import specs
from parity.judge.frameworks import from_torch, to_torch
from parity.judge.inputs import Kind, generate
from specs.lang.declare.op import Case
from specs.lang.formats.elements import ElementFormat
from tests.small import row_axis, small_case
from torch_impl import ops
from torch_impl.formats import dtype_of
from torch_impl.launch import layout_name

Tensors = tuple[torch.Tensor | None, ...]


def small_call(op: str, case: Case | None = None, kind: Kind = "random") -> tuple[Tensors, dict[str, Any]]:
    """Tensors in the order of the signature (None where left out), and attributes as torch has them."""
    inputs = generate(specs.get(op), case or small_case(op), kind, 0)
    tensors = tuple(
        to_torch(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
        for a in inputs.op.inputs
    )
    named = {name: layout_name(value) for name, value in inputs.attributes.items()}
    attributes = {n: dtype_of(v) if isinstance(v, ElementFormat) else v for n, v in named.items()}
    return tensors, attributes


def fresh(op: str, tensors: Tensors) -> Tensors:
    """The same tensors, those that the operation writes in place as copies."""
    written = {array.name for array in specs.get(op).mutated}
    names = [array.name for array in specs.get(op).inputs]
    return tuple(t.clone() if t is not None and n in written else t for n, t in zip(names, tensors, strict=True))


def performed(op: str, function: Callable[..., Any], tensors: Tensors, **attributes: Any) -> tuple[torch.Tensor, ...]:
    """What a call leaves behind: copies of the arguments that it writes in place, then its results."""
    given = fresh(op, tensors)
    results = as_tuple(function(*given, **attributes))
    written = [new for new, old in zip(given, tensors, strict=True) if new is not old and new is not None]
    return (*written, *results)


def operator(op: str) -> Any:
    """The operator of the torch library."""
    return getattr(torch.ops.twinkernels, op).default


def public(op: str) -> Callable[..., Any]:
    """The function that users call."""
    function: Callable[..., Any] = getattr(ops, op)
    return function


def as_tuple(results: Any) -> tuple[torch.Tensor, ...]:
    """Results as a tuple, those that the mode does not have left out."""
    several = (results,) if isinstance(results, torch.Tensor) else tuple(results or ())
    return tuple(result for result in several if result is not None)


def raw(results: Any) -> list[bytes]:
    """The bytes of results."""
    return [from_torch(tensor).raw.tobytes() for tensor in as_tuple(results)]


def with_lead(op: str, lead: tuple[int, ...]) -> Case:
    """The small case with these leading dimensions in place of its rows."""
    case, axis = small_case(op), row_axis(specs.get(op))
    sizes = tuple((name, prod(lead) if name == axis else size) for name, size in case.sizes)
    return replace(case, sizes=sizes, lead=lead)
