"""Checks `out=` arrays against the call that will write them.

Framework-neutral, like `bind`: a refusal is an `ArgumentError` that names the entry of `out`, raised before anything
runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from specs.lang import errors
from specs.lang.call.bind import ArrayInfo, Call
from specs.lang.call.signature import shape_text
from specs.lang.call.sizes import certainly, problem_of
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import Dense
from specs.lang.declare.op import Op
from specs.lang.formats.elements import E8M0, UINT8


def entry(op: Op, index: int) -> str:
    """The caller's name for the array of the result `index`: out, or out[index]."""
    return "out" if len(op.outputs) == 1 else f"out[{index}]"


def check_results(call: Call, given: Sequence[ArrayInfo | None], device: object) -> None:
    """Checks the arrays given for the results of a call, in the order of its operation; None where none is given.

    Args:
        device: where the arguments are.

    Raises:
        ArgumentError: one of its subclasses, for the first array that the result cannot be written into.
    """
    for index, (array, info) in enumerate(zip(call.op.outputs, given, strict=True)):
        if info is not None:
            _check(call, array, info, entry(call.op, index), device)


def _check(call: Call, array: Array, info: ArrayInfo, name: str, device: object) -> None:
    op, shape = call.op.name, call.shapes.get(array.name)
    if shape is None:
        expected = f"None, as this call has no result '{array.name}'"
        raise errors.Surplus(op=op, argument=name, expected=expected, actual=list(info.shape))
    if certainly(lambda: info.shape != shape):
        kind = errors.WrongShape if len(info.shape) == len(shape) else errors.WrongRank
        wanted = f"{shape_text(call.forms[array.name].shapes[0])} = {list(shape)} for '{array.name}'"
        raise kind(op=op, argument=name, expected=wanted, actual=list(info.shape))
    form = call.formats[array.name]
    if info.format != form and not (info.format == UINT8 and form == E8M0):  # scale bytes, by another name
        raise errors.WrongFormat(op=op, argument=name, expected=form.name, actual=info.format.name)
    if info.device != device:
        raise errors.WrongDevice(op=op, argument=name, expected=f"{device} (as the arguments)", actual=info.device)
    if info.strides is not None:
        assert isinstance(array.layout, Dense)
        dense, own, strides = array.layout, info.shape, info.strides
        problem = problem_of(lambda: dense.problem(own, strides, written=True) or overlap(own, strides))
        if problem:
            raise errors.WrongStride(op=op, argument=name, expected=problem, actual=info.strides)


def overlap(shape: tuple[int, ...], strides: tuple[int, ...]) -> str | None:
    """The requirement on arrays whose elements may share memory, where the last write would win by chance.

    Sufficient, not necessary: every stride has to step over all that the smaller ones span.
    """
    if 0 in shape:
        return None
    span = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size > 1):
        if stride < span:
            return "strides under which no two elements share memory"
        span += (size - 1) * stride
    return None
