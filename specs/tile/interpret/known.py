"""Programs of which what depends on sizes and the grid only is done beforehand: indices, masks, where tiles lie.

`KnownOps` stands between the executor and an array library. Integers and bools that no load has a part in are numpy
arrays; the library sees the rest. Loads and stores at known places are windows of memory (`windows`) in place of
indices per element.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.formats.elements import ElementFormat
from specs.tile.interpret.arrayops import NUMPY, LoopBody, RowFunction, WindowOps
from specs.tile.interpret.windows import Array, Place, Sizes, place
from specs.tile.ir import Opcode

_UNROLLED = 16  # iterations of a loop with known bounds that are run one by one, each with its own known values
_LITERAL = 4096  # elements of a known array that a compiled program has as they are, not as sums of lines


@dataclass(frozen=True, slots=True)
class _Both:
    """A mask that is the conjunction of a known one and another. result: kept alive, as it is found by identity."""

    result: Any
    known: Array


class KnownOps:
    """ArrayOps over a library's own, `inner`, for one grid."""

    def __init__(self, inner: WindowOps, grid: Sequence[int]) -> None:
        self.inner, self.grid = inner, tuple(grid)
        self.functional = inner.functional
        self._lifted: ChainMap[int, tuple[Array, Any]] = ChainMap()  # what a loop's body makes is its own
        self._bounds: dict[int, _Both] = {}

    def lift(self, x: Any) -> Any:
        """The library's array of a known one; others are left alone."""
        if not isinstance(x, np.ndarray):
            return x
        found = self._lifted.get(id(x))
        if found is None:
            found = self._lifted[id(x)] = (x, self._literal(x))
        return found[1]

    def _literal(self, x: Array) -> Any:
        once = x[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in x.strides)]
        if once.size > _LITERAL and self.functional:
            made = _sum_of_lines(self, once) if once.dtype != bool else _product_of_lines(self, once)
            made = self.inner.array(once) if made is None else made
        else:
            made = self.inner.array(once)
        return made if once.shape == x.shape else self.inner.broadcast(made, x.shape)

    def known(self, *values: Any) -> bool:
        """Whether all are numbers before the program runs."""
        return all(isinstance(value, np.ndarray) for value in values)

    def array(self, x: Array) -> Any:
        """A known array."""
        return x

    def const(self, value: Any, element: ElementFormat) -> Any:
        """A 0-d array."""
        return NUMPY.const(value, element)

    def arange(self, n: int) -> Any:
        """0 .. n-1, i32."""
        return NUMPY.arange(n)

    def cast(self, x: Any, element: ElementFormat) -> Any:
        """Conversion; nearest even."""
        if _integer(x) and not element.is_float:
            return NUMPY.cast(x, element)
        return self.inner.cast(self.lift(x), element)

    def bitcast(self, x: Any, element: ElementFormat) -> Any:
        """The same bits as another format of the same width."""
        return self.inner.bitcast(self.lift(x), element)

    def unary(self, code: Opcode) -> Callable[[Any], Any]:
        """An elementwise function."""
        known, own = NUMPY.unary(code), self.inner.unary(code)
        return lambda x: np.asarray(known(x)) if _integer(x) else own(self.lift(x))

    def binary(self, code: Opcode) -> Callable[[Any, Any], Any]:
        """An elementwise function of two arrays of one type."""
        known, own = NUMPY.binary(code), self.inner.binary(code)

        def function(a: Any, b: Any) -> Any:
            if _integer(a) and _integer(b):
                with np.errstate(all="ignore"):
                    return np.asarray(known(a, b))
            if code is Opcode.AND and (_is_bool(a) or _is_bool(b)):
                return self._conjunction(*((a, b) if _is_bool(a) else (b, a)))
            result = own(self.lift(a), self.lift(b))
            if code is Opcode.AND:
                self._bound(result, *(self._bounds[id(x)].known for x in (a, b) if id(x) in self._bounds))
            return result

        return function

    def _conjunction(self, known: Array, other: Any) -> Any:
        shape = np.broadcast_shapes(known.shape, other.shape)
        if known.all() and shape == tuple(other.shape):
            return other
        if not known.any():
            return np.broadcast_to(np.zeros((1,) * len(shape), bool), shape)
        result = self.inner.binary(Opcode.AND)(self.lift(known), other)
        own = self._bounds.get(id(other))
        self._bound(result, known, *([] if own is None else [own.known]))
        return result

    def _bound(self, result: Any, *known: Array) -> None:
        """Remembers where a mask is known to be false."""
        if known:
            both = known[0] if len(known) == 1 else known[0] & known[1]
            self._bounds[id(result)] = _Both(result, np.broadcast_to(both, result.shape))

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Selection with broadcasting."""
        if _is_bool(condition):
            if _integer(x) and _integer(y):
                return np.where(condition, x, y)
            shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
            if condition.all():
                return self.broadcast(x, shape)
            if not condition.any():
                return self.broadcast(y, shape)
        return self.inner.where(*(self.lift(value) for value in (condition, x, y)))

    def reduce(self, code: Opcode, x: Any, axis: int) -> Any:
        """Sum, maximum, minimum or running sum along an axis, format kept."""
        if _integer(x):
            return np.asarray(NUMPY.reduce(code, x, axis))
        return self.inner.reduce(code, self.lift(x), axis)

    def matmul(self, a: Any, b: Any) -> Any:
        """Batched float32 product at full precision."""
        return self.inner.matmul(self.lift(a), self.lift(b))

    def reshape(self, x: Any, shape: Sizes) -> Any:
        """Row-major reshape."""
        return self._moved(x, shape, np.reshape, self.inner.reshape)

    def broadcast(self, x: Any, shape: Sizes) -> Any:
        """Broadcast to a shape."""
        return x if tuple(x.shape) == tuple(shape) else self._moved(x, shape, np.broadcast_to, self.inner.broadcast)

    def _moved(self, x: Any, shape: Sizes, known: Callable[..., Any], own: Callable[..., Any]) -> Any:
        if isinstance(x, np.ndarray):
            return known(x, shape)
        result = own(x, shape)
        if id(x) in self._bounds:
            self._bound(result, known(self._bounds[id(x)].known, shape))
        return result

    def transpose(self, x: Any, permutation: tuple[int, ...]) -> Any:
        """Permuted dimensions."""
        if isinstance(x, np.ndarray):
            return np.transpose(x, permutation)
        return self.inner.transpose(x, permutation)

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a 1-D buffer at integer offsets, all in range."""
        return self.inner.take(flat, self.lift(offsets))

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """The buffer with `values` at `offsets` where `mask` is true."""
        return self.inner.put(flat, self.lift(offsets), self.lift(values), self.lift(mask))

    def take_runs(self, flat: Any, starts: Any, count: int, *, rows: bool, mask: Any = None, other: Any = None) -> Any:
        """`count` elements from each start on, all in range: [*starts, count]."""
        mask, other = self.lift(mask), self.lift(other)
        return self.inner.take_runs(flat, self.lift(starts), count, rows=rows, mask=mask, other=other)

    def put_runs(self, flat: Any, starts: Any, values: Any, mask: Any | None, *, rows: bool) -> Any:
        """The buffer with values [*starts, count] from each start on where `mask`, of the shape of starts, is true."""
        return self.inner.put_runs(flat, self.lift(starts), self.lift(values), self.lift(mask), rows=rows)

    def take_known(self, flat: Any, offsets: Array, mask: Any, other: Any, *, stays: bool) -> Any:
        """What a load gives whose offsets are known, other (zeros for None) where the mask is false; None if that
        takes indices.

        stays: whether the program does not write to the buffer.
        """
        found = self._place(flat, offsets, mask)
        if found is None or 0 in found.window.sizes:
            return None
        exact = mask is None or isinstance(mask, np.ndarray)
        fill = other if exact and other is not None else None
        if fill is not None and not (isinstance(fill, np.ndarray) and fill.size == 1):
            fill, exact = None, False
        shape = offsets.shape if mask is None else np.broadcast_shapes(offsets.shape, mask.shape)
        # What is padded is copied at once.
        window = self.inner.take_window(flat, found.window, stays=stays or not found.whole)
        if window is None:
            return None
        if not found.whole:
            window = self.inner.pad(window, found.margins, None if fill is None else fill.reshape(-1)[0])
        loaded = self.inner.reshape(window, shape)
        return loaded if exact or other is None else self.where(mask, loaded, other)

    def put_known(self, flat: Any, offsets: Array, values: Any, mask: Any) -> Any:
        """The buffer after a store whose offsets are known; None if that takes indices."""
        found = self._place(flat, offsets, mask)
        if found is None or not found.window.distinct:
            return None
        if 0 in found.window.sizes:
            return flat
        shape, inside = values.shape, found.inside
        part = self.inner.reshape(self.lift(values), found.axes)
        part = part if found.whole else part[inside]
        if mask is not None and not isinstance(mask, np.ndarray):
            before = self.inner.take_window(flat, found.window, stays=True)
            if before is None:
                return None
            live = self.inner.reshape(self.inner.broadcast(mask, shape), found.axes)
            part = self.inner.where(live if found.whole else live[inside], part, before)
        return self.inner.put_window(flat, found.window, part)

    def _place(self, flat: Any, offsets: Array, mask: Any) -> Place | None:
        if mask is None or isinstance(mask, np.ndarray):
            sure = mask
        else:
            own = self._bounds.get(id(mask))
            offsets = np.broadcast_to(offsets, np.broadcast_shapes(offsets.shape, mask.shape))
            sure = None if own is None else own.known
        found = place(offsets, sure, self.grid)
        return found if found is not None and found.window.within(flat.shape[0]) else None

    def loop(self, lower: Any, upper: Any, body: LoopBody, carried: list[Any]) -> list[Any]:
        """carried = body(k, carried) for lower <= k < upper (0-d integers)."""
        if self.known(lower, upper):
            count = int(upper) - int(lower)
            if count <= (0 if self.functional else _UNROLLED):
                for k in range(int(lower), int(upper)):
                    carried = body(np.asarray(k, np.int32), carried)
                return carried

        def lifted(k: Any, before: list[Any]) -> list[Any]:
            self._lifted = self._lifted.new_child()
            after = [self.lift(value) for value in body(k, before)]
            self._lifted = self._lifted.parents
            return after

        return self.inner.loop(self.lift(lower), self.lift(upper), lifted, [self.lift(value) for value in carried])

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """function of `size` rows of arrays at a time."""
        return self.inner.by_rows(function, [self.lift(array) for array in arrays], size)

    def seen(self, conditions: Any) -> bool:
        """Whether all elements are known to be true without waiting for a device."""
        return bool(conditions.all()) if isinstance(conditions, np.ndarray) else self.inner.seen(conditions)


def _lines(x: Array) -> list[Array]:
    """The elements along every axis, others at their beginning, in the shape in which they broadcast to x."""
    return [x[tuple(slice(None) if d == number else slice(0, 1) for d in range(x.ndim))] for number in range(x.ndim)]


def _sum_of_lines(ops: KnownOps, x: Array) -> Any | None:
    """The library's array of integers that are the sum of lines along the axes, made there; None if they are not."""
    start, lines = x[(slice(0, 1),) * x.ndim], [line for line in _lines(x) if line.size > 1]
    parts = [lines[0], *(line - start for line in lines[1:])]
    if max(part.size for part in parts) == x.size or not np.array_equal(sum(parts[1:], parts[0]), x):
        return None
    total = ops.inner.array(parts[0])
    for part in parts[1:]:
        total = ops.inner.binary(Opcode.ADD)(total, ops.inner.array(part))
    return total


def _product_of_lines(ops: KnownOps, x: Array) -> Any | None:
    """The library's array of a mask that is a conjunction of lines along the axes; None if it is none."""
    every = range(x.ndim)
    parts = [x.any(axis=tuple(d for d in every if d != number), keepdims=True) for number in every]
    parts = [part for part in parts if not part.all()]
    shape = [max(part.shape[d] for part in parts) for d in every] if parts else [1]
    if not parts or shape != list(x.shape) or not np.array_equal(np.logical_and.reduce(np.broadcast_arrays(*parts)), x):
        return None
    total = ops.inner.array(parts[0])
    for part in parts[1:]:
        total = ops.inner.binary(Opcode.AND)(total, ops.inner.array(part))
    return total


def _integer(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "iub"


def _is_bool(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == bool
