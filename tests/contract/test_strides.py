"""torch: any memory order that the spec allows gives the bytes of the contiguous call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.judge.frameworks import from_torch, to_torch
from parity.judge.inputs import Inputs, layout_of
from specs.lang.declare.kernel import Role
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError
from tests.contract import suite
from tests.small import row_axis

OTHER = 0xFF
"""Byte between the elements of a strided array: NaN in every 8-bit float format, -1 in integers."""


def between(tensor: torch.Tensor, shape: tuple[int, ...], window: tuple[Any, ...]) -> torch.Tensor:
    """The tensor as a window of a larger one of this shape whose other elements are `OTHER` bytes."""
    width = tensor.element_size()
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[width]
    larger = torch.full((*shape, width), OTHER, dtype=torch.uint8, device=tensor.device)
    inside = larger.view(integer).reshape(shape)
    inside[window] = tensor.view(integer)  # 8-bit floats cannot be copied into a window themselves
    return inside.view(tensor.dtype)[window]


def wide_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Rows with a gap after each."""
    shape = (*tensor.shape[:-1], tensor.shape[-1] + 24)
    return between(tensor, shape, (..., slice(0, tensor.shape[-1])))


def every_other_row(tensor: torch.Tensor) -> torch.Tensor:
    """The second dimension from the end with a step of two."""
    *lead, rows, columns = tensor.shape
    return between(tensor, (*lead, 2 * rows, columns), (..., slice(0, None, 2), slice(None)))


def every_other_element(tensor: torch.Tensor) -> torch.Tensor:
    """The last dimension with a step of two."""
    shape = (*tensor.shape[:-1], 2 * tensor.shape[-1])
    return between(tensor, shape, (..., slice(0, None, 2)))


def column_major(tensor: torch.Tensor) -> torch.Tensor:
    """The last two dimensions in the other order in memory."""
    return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)


def outer_swapped(tensor: torch.Tensor) -> torch.Tensor:
    """The first two dimensions in the other order in memory."""
    return tensor.transpose(0, 1).contiguous().transpose(0, 1)


Move = Callable[[torch.Tensor], torch.Tensor]


def check(inputs: Inputs, moves: Mapping[str, Move], implementation: str, device: str) -> None:
    """The call with some arguments moved in memory gives the bytes of the contiguous one, in place as well."""
    from torch_impl import ops

    name = implementation.partition(":")[2]
    plain = {n: to_torch(raw, inputs.formats[n], device) for n, raw in inputs.arrays.items()}
    moved = {n: moves[n](tensor) if n in moves else tensor.clone() for n, tensor in plain.items()}
    assert any(not moved[n].is_contiguous() for n in moves), "nothing was moved"
    results = []
    for tensors in (plain, moved):
        arguments = [tensors.get(array.name) for array in inputs.op.inputs]
        returned = getattr(ops, inputs.op.name)(*arguments, **inputs.attributes, implementation=name)
        several = (returned,) if isinstance(returned, torch.Tensor) else returned or ()
        written = {a.name: from_torch(tensors[a.name]).raw for a in inputs.op.mutated if a.name in tensors}
        results.append({**written, **{str(i): from_torch(tensor).raw for i, tensor in enumerate(several)}})
    suite.assert_same(results[1], results[0])


def base_inputs(op: Op) -> Inputs:
    """The inputs of the base case, optional arrays included as far as the spec takes them together."""
    case = suite.base_case(op)
    for name in (None, *case.absent):
        more = replace(case, absent=() if name is None else tuple(other for other in case.absent if other != name))
        try:
            layout_of(op, more).call()
        except ArgumentError:
            continue
        case = more
    return suite.inputs_of(op, case)


def movable(op: Op, inner: tuple[Inner, ...], rank: int) -> list[str]:
    """Arguments of the base case with one of these layouts, `rank` or more dimensions, and a last one above 1."""
    arrays = base_inputs(op).arrays
    dense = [(a.name, a.layout) for a in op.inputs if isinstance(a.layout, Dense)]
    names = [name for name, layout in dense if layout.inner in inner and name in arrays]
    return [name for name in names if arrays[name].ndim >= rank and arrays[name].shape[-1] > 1]


def by_rows(op: Op) -> list[str]:
    return movable(op, (Inner.UNIT,), 2)


def by_columns(op: Op) -> list[str]:
    return movable(op, (Inner.EITHER, Inner.FREE), 2)


def with_free_strides(op: Op) -> list[str]:
    return movable(op, (Inner.FREE,), 1)


def with_outer(op: Op) -> list[str]:
    """Arguments with two dimensions or more before the last, in the base case with its rows split where it has some."""
    arrays = suite.inputs_of(op, outer_case(op)).arrays
    return [name for name, raw in arrays.items() if raw.ndim >= 3]


def outer_case(op: Op) -> Case:
    return suite.with_rows(op, (4, 3)) if row_axis(op) else suite.base_case(op)


@pytest.mark.parametrize("move", [wide_rows, every_other_row], ids=lambda move: move.__name__)
@pytest.mark.parametrize(("op", "implementation", "device"), suite.runners("torch:", by_rows))
def test_strided_rows(op: str, implementation: str, device: str, move: Move) -> None:
    check(base_inputs(specs.get(op)), dict.fromkeys(by_rows(specs.get(op)), move), implementation, device)


@pytest.mark.parametrize("op", specs.names())
def test_every_operation_is_tried_with_other_strides(op: str) -> None:
    spec = specs.get(op)
    assert by_rows(spec) or by_columns(spec) or with_free_strides(spec)


@pytest.mark.parametrize(("op", "implementation", "device"), suite.runners("torch:", with_outer))
def test_outer_dimensions_in_any_order(op: str, implementation: str, device: str) -> None:
    """[m, b, k] passed as a transposed [b, m, k], and batches likewise."""
    spec = specs.get(op)
    inputs = suite.inputs_of(spec, outer_case(spec))
    check(inputs, dict.fromkeys(with_outer(spec), outer_swapped), implementation, device)


# The framework's own product may add in another order where a matrix lies in memory in another one.
@pytest.mark.parametrize(
    ("op", "implementation", "device"), suite.runners("torch:", by_columns, without=("torch:dequant",))
)
def test_weights_in_either_memory_order(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    check(base_inputs(spec), dict.fromkeys(by_columns(spec), column_major), implementation, device)


@pytest.mark.parametrize(("op", "implementation", "device"), suite.runners("torch:", with_free_strides))
def test_scales_with_any_strides(op: str, implementation: str, device: str) -> None:
    spec = specs.get(op)
    moves = dict.fromkeys(with_free_strides(spec), every_other_element)
    check(base_inputs(spec), moves, implementation, device)


def repeatable(op: Op) -> list[str]:
    """Arguments with free strides that are no indices, of which one repeated may mean nothing."""
    return [name for name in with_free_strides(op) if op.array(name).role is not Role.INDEX]


@pytest.mark.parametrize("op", [op for op in specs.names() if repeatable(specs.get(op))])
def test_one_value_repeated(op: str) -> None:
    """Scales, biases and sinks as an expanded view, whose strides are 0."""
    from torch_impl import ops

    spec = specs.get(op)
    inputs = base_inputs(spec)
    tensors = {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}
    for name in repeatable(spec):
        view = tensors[name][(slice(0, 1),) * tensors[name].ndim].expand(tensors[name].shape)
        assert 0 in view.stride()
        results = []
        for given in (view, view.contiguous()):
            arguments = [{**tensors, name: given}.get(array.name) for array in spec.inputs]
            copies = [None if t is None else t if t is view else t.clone() for t in arguments]
            for implementation in ("eager", "interpret") if op == "fp8_gemm" else ("eager",):
                made = getattr(ops, op)(*copies, **inputs.attributes, implementation=implementation)
                several = (made,) if isinstance(made, torch.Tensor) else made or ()
                results.append({str(i): from_torch(tensor).raw for i, tensor in enumerate(several)})
        for other in results[1:]:
            suite.assert_same(other, results[0])


def test_a_moved_tensor_is_the_same_tensor() -> None:
    tensor = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    for move in (wide_rows, every_other_row, every_other_element, column_major, outer_swapped):
        moved = move(tensor)
        assert not moved.is_contiguous()
        np.testing.assert_array_equal(moved.numpy(), tensor.numpy())
