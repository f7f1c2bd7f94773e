"""Special values (infinities, NaN, ends of the format), and memory orders that are not row-major."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.fuzz.layouts import pick
from parity.judge.inputs import encode, is_exact
from specs.lang.declare.kernel import Access, Array, Role
from specs.lang.declare.layouts import Dense, Pages, packed_strides
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

Raw = np.ndarray[Any, Any]


def special(op: Op, array: Array, raw: Raw, form: ElementFormat, rng: np.random.Generator) -> Raw:
    """Up to three elements replaced by values at the ends of the format, infinities or NaN.

    Scales keep their values: infinity times a sum, and the sum of terms times infinity, need not be the same.
    """
    if not form.is_float or array.role not in (Role.DATA, Role.ADDEND) or not raw.size:
        return raw
    values = [0.0, *([-0.0] if form.signed else []), *([np.inf, -np.inf] if form.has_inf else [])]
    if form.nan_code is not None:
        values.append(np.nan)
    if is_exact(op):
        values += [form.max_finite, form.min_finite, form.min_subnormal, form.min_normal]
    found = raw.copy()
    for _ in range(rng.integers(1, 4)):
        found.reshape(-1)[rng.integers(raw.size)] = encode(pick(rng, values), form)
    return found


def repeated(array: Array, raw: Raw, rng: np.random.Generator) -> Raw:
    """One value (or row) all along a dimension, in half of the arrays whose strides may be 0; indices stay."""
    layout = array.layout
    if array.role in (Role.INDEX, Role.PERMUTATION) or rng.random() > 1 / 2:
        return raw
    if not isinstance(layout, Dense) or not layout.repeats(_written(array)):
        return raw
    wide = [axis for axis, size in enumerate(raw.shape) if size > 1]
    if not wide:
        return raw
    axis = pick(rng, wide)
    return np.array(np.broadcast_to(np.take(raw, [0], axis), raw.shape))


def strides_of(array: Array, raw: Raw, attributes: Mapping[str, object], rng: np.random.Generator) -> tuple[int, ...]:
    """Strides that the array's layout allows: another order of the dimensions, gaps between them."""
    packed = packed_strides(raw.shape)
    if not raw.size:
        return packed
    layout = array.layout
    if isinstance(layout, Pages):
        paged = attributes[layout.layout]
        assert isinstance(paged, Paged)
        size = -(-packed[0] // paged.alignment) * paged.alignment
        return (size + paged.alignment * pick(rng, [0, 1, 3, 16]), *packed[1:])
    for _ in range(4):
        strides = _drawn(raw, rng)
        if layout.problem(raw.shape, strides, written=_written(array)) is None:
            return strides
    return packed


def _written(array: Array) -> bool:
    return array.access is not Access.IN


def _drawn(raw: Raw, rng: np.random.Generator) -> tuple[int, ...]:
    """Any order of the dimensions, with gaps; 0 along dimensions where all values are the same."""
    order = rng.permutation(raw.ndim) if rng.random() < 1 / 2 else np.arange(raw.ndim)
    strides, step = [0] * raw.ndim, pick(rng, [1, 1, 1, 2, 3])
    for axis in reversed(order.tolist()):
        if raw.shape[axis] > 1 and _constant(raw, axis):
            continue
        strides[axis] = step
        step = step * raw.shape[axis] + pick(rng, [0, 0, 1, 8, 24])
    return tuple(strides)


def _constant(raw: Raw, axis: int) -> bool:
    """Whether all values along a dimension have the same bits."""
    bits = np.ascontiguousarray(raw).reshape(raw.shape).view(f"u{raw.dtype.itemsize}")
    return bool((bits == np.take(bits, [0], axis)).all())
