"""Symbolic sizes (`jax.export.symbolic_shape`): programs have static sizes, so rows are processed in blocks by a loop.

An independent axis may be symbolic: a loop, as long as it has to be, does the call for a fixed number of rows. The last
block is filled with zeros, of which the results are dropped. Every other size has to be a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from specs.lang.call.bind import Call
from specs.lang.call.dividing import divisions
from specs.lang.declare.op import Op
from specs.lang.errors import ConstraintViolated, OutOfRange, Unsupported, WrongShape

_OPEN = (
    "programs are made for sizes, of which only one of independent rows may be left open; export once for each size "
    "that is needed"
)
BLOCK = 64
"""Rows per iteration: padding of a batch of one row against iterations of a large batch."""


def is_symbolic(arrays: Sequence[Any]) -> bool:
    """Whether a size of some array is no number."""
    return any(not isinstance(size, int) for array in arrays for size in getattr(array, "shape", ()))


def run(
    op: Op,
    arrays: Sequence[Any],
    check: Callable[[Sequence[Any]], Call],
    call_rows: Callable[[Sequence[Any]], list[Any]],
) -> list[Any]:
    """The call, of which some sizes are symbolic.

    Args:
        check: the checked call for arrays. call_rows: runs it.

    Raises:
        ArgumentError: whatever the sizes are, the call is wrong.
        Unsupported: a symbolic size other than the rows.
    """
    try:
        call = check([None if array is None else _stand_in(array) for array in arrays])
    except (WrongShape, OutOfRange, ConstraintViolated) as wrong:
        why = f"{_OPEN}; with {BLOCK} for each of the others: {wrong}"
        raise Unsupported(f"{op.name} with symbolic sizes", why) from None
    given = {a.name: array for a, array in zip(op.inputs, arrays, strict=True) if array is not None}
    labels = divisions(call).dims
    axis = _axis(op, given, labels)
    dims = {name: _rows(own, axis) for name, own in labels.items()}
    rows = _total(op, given, dims)
    results = [a.name for a in (*op.mutated, *op.outputs) if a.name in call.shapes]
    flat = {name: _flat(array, dims[name], rows) for name, array in given.items()}
    padded = {
        name: jnp.pad(array, [(0, BLOCK if axis == dims[name].start else 0) for axis in range(array.ndim)])
        if dims[name]
        else array
        for name, array in flat.items()
    }

    def block(start: Any) -> list[Any]:
        part = {
            name: jax.lax.dynamic_slice_in_dim(array, start, BLOCK, dims[name].start) if dims[name] else array
            for name, array in padded.items()
        }
        return call_rows([part.get(a.name) for a in op.inputs])

    def step(turn: Any, held: list[Any]) -> list[Any]:
        new, start = block(turn * BLOCK), turn * BLOCK
        return [
            jax.lax.dynamic_update_slice_in_dim(old, value, start, dims[name].start) if dims[name] else value
            for name, old, value in zip(results, held, new, strict=True)
        ]

    first = [
        jnp.zeros(_sized(struct.shape, dims[name], rows + BLOCK), struct.dtype)
        for name, struct in zip(results, jax.eval_shape(lambda: block(0)), strict=True)
    ]
    turns = jnp.maximum(jnp.asarray((rows + BLOCK - 1) // BLOCK, jnp.int32), 1)  # results without rows need one
    held = jax.lax.fori_loop(jnp.int32(0), turns, step, first)
    lead = next(tuple(array.shape[i] for i in dims[name]) for name, array in given.items() if dims[name])
    return [_unflat(value, dims[name], rows, lead) for name, value in zip(results, held, strict=True)]


def _stand_in(array: Any) -> Any:
    """An array without memory whose symbolic sizes are numbers."""
    shape = tuple(size if isinstance(size, int) else BLOCK for size in array.shape)
    return np.broadcast_to(np.zeros((), array.dtype), shape)


def _axis(op: Op, given: Mapping[str, Any], labels: Mapping[str, Sequence[str]]) -> str:
    """The independent axis of which a size is symbolic, "" for none."""
    pairs = [pair for name, array in given.items() for pair in zip(array.shape, labels[name], strict=True)]
    open_ones = {_axis_of(label) for size, label in pairs if not isinstance(size, int)}
    return next((i.axis.name for i in op.independent if i.axis.name in open_ones), "")


def _axis_of(label: str) -> str:
    return label.rstrip("0123456789")  # leading dimensions are numbered


def _rows(labels: Sequence[str], axis: str) -> range:
    """Which dimensions of an array multiply to the rows."""
    found = [index for index, label in enumerate(labels) if axis and _axis_of(label) == axis]
    return range(found[0], found[-1] + 1) if found else range(0)


def _total(op: Op, given: Mapping[str, Any], dims: Mapping[str, range]) -> Any:
    """The number of rows, the same of all arguments that have them."""
    for name, array in given.items():
        for index, size in enumerate(array.shape):
            if not isinstance(size, int) and index not in dims[name]:
                raise Unsupported(f"{op.name} with dimension {index} of '{name}' of symbolic size {size}", _OPEN)
    totals = [prod(array.shape[i] for i in dims[name]) for name, array in given.items() if dims[name]]
    if any(total != totals[0] for total in totals):
        raise Unsupported(f"{op.name} with symbolic sizes {totals}", f"rows have to be equally many; {_OPEN}")
    return totals[0]


def _sized(shape: Sequence[Any], place: range, size: Any) -> tuple[Any, ...]:
    return (*shape[: place.start], size, *shape[place.start + 1 :]) if place else tuple(shape)


def _flat(array: Any, place: range, rows: Any) -> Any:
    return jnp.reshape(array, (*array.shape[: place.start], rows, *array.shape[place.stop :])) if place else array


def _unflat(array: Any, place: range, rows: Any, lead: tuple[Any, ...]) -> Any:
    if not place:
        return array
    kept = jax.lax.slice_in_dim(array, 0, rows, axis=place.start)
    return kept.reshape(*kept.shape[: place.start], *lead, *kept.shape[place.start + 1 :])
