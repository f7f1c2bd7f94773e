"""Canonical memory order: a transposed view is planned as the array that it views.

An array [K, N] whose K is contiguous is an [N, K] array in memory, and is planned as one, whichever order the caller
names; so the kernel depends on the memory order only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.declare.kernel import Form, swap
from specs.lang.declare.layouts import Dense, Inner
from torch_impl.formats import describe

_OTHER = {"kn": "nk", "nk": "kn"}
Strides = Mapping[str, tuple[int, ...]]


def in_memory_order(call: Call, tensors: Sequence[torch.Tensor | None]) -> tuple[Call, Strides]:
    """A checked call in the order of its memory, and the strides of its inputs in that order."""
    given = {a.name: describe(t) for a, t in zip(call.op.inputs, tensors, strict=True) if t is not None}
    attributes = dict(call.attributes)
    either = Dense(inner=Inner.EITHER)
    weights = [a for a in call.op.inputs if a.order and a.layout == either and a.name in given]
    for name in {str(a.order) for a in weights if _is_transposed(given[a.name])}:
        attributes[name] = _OTHER[str(attributes[name])]
    if attributes != call.attributes:
        forms = call.op.under(attributes)
        given = {n: _reordered(call.forms[n], forms[n], info) for n, info in given.items()}
        call = bind(call.op, given, attributes)
    return call, {name: info.strides for name, info in given.items() if info.strides is not None}


def _is_transposed(info: ArrayInfo) -> bool:
    """Whether the last two dimensions lie in memory in the other order."""
    assert info.strides is not None
    return info.strides[-1] != 1 and info.strides[-2] == 1


def _reordered(form: Form, other: Form, info: ArrayInfo) -> ArrayInfo:
    """The array in the other order."""
    if form.swapped == other.swapped:
        return info
    assert info.strides is not None
    return replace(info, shape=swap(info.shape), strides=swap(info.strides))
