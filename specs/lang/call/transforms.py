"""Alternatives to a transform that an operation refuses; one text for both frameworks."""

from __future__ import annotations

from collections.abc import Collection

from specs.lang.declare.kernel import Array, Rows
from specs.lang.declare.op import Op

WITHOUT_GRADIENT = "inference kernels have no backward pass and no forward-mode derivative"
"""Why gradients of every kind are refused."""


def instead_of_vmap(op: Op, batched: Collection[str] = (), products: Collection[str] = ()) -> str:
    """What to do instead of batching these arguments; of all arguments where none are named.

    Args:
        products: operations that take stacked weights in place of this one, though not in this call.
    """
    arrays = [array for array in op.inputs if not batched or array.name in batched]
    # One result for all rows, such as the scale of a whole tensor, would be another one with leading dimensions.
    by_rows = all(_has_rows(array) for array in op.outputs)
    rows = [array.name for array in arrays if by_rows and _has_rows(array)]
    words = [f"pass leading dimensions instead: {_listed(rows)} any number"] if rows else []
    others = [array.name for array in arrays if array.name not in rows] if batched else []
    if others:
        words.append(f"{_listed(others)} no leading dimensions here{_instead(products)}")
    return "; ".join(words) or "call the operation once for each"


def _has_rows(array: Array) -> bool:
    shapes = [*array.shapes, *(shape for _, several in array.shapes_by for shape in several)]
    return any(bool(shape) and isinstance(shape[0], Rows) for shape in shapes)


def _listed(names: list[str]) -> str:
    """Names with their verb."""
    quoted = [f"'{name}'" for name in names]
    return f"{' and '.join(quoted)} {'takes' if len(names) == 1 else 'take'}"


def _instead(products: Collection[str]) -> str:
    called = "call the operation once for each"
    if not products:
        return f": {called}"
    return f", and {' and '.join(products)}, for stacked weights, not these modes or arguments: {called}"
