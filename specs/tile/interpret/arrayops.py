"""The array namespace that the executor runs on: numpy here, jnp and torch in their own packages.

Arrays are the framework's own; element formats are those the executor's target keeps (see `targets.EXECUTOR`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from specs.lang.formats.elements import ALL, INT32, ElementFormat
from specs.tile.interpret.windows import Window
from specs.tile.ir import Opcode

LoopBody = Callable[[Any, list[Any]], list[Any]]
RowFunction = Callable[[list[Any]], Any]
NUMPY_DTYPES: dict[ElementFormat, Any] = {form: form.numpy_dtype for form in ALL}


class ArrayOps(Protocol):
    """The array operations that the executor needs. `Any` is that library's array type."""

    functional: bool  # put() returns a new buffer instead of writing in place

    def const(self, value: Any, element: ElementFormat) -> Any:
        """A 0-d array."""

    def arange(self, n: int) -> Any:
        """0 .. n-1, i32."""

    def cast(self, x: Any, element: ElementFormat) -> Any:
        """Conversion; nearest even."""

    def bitcast(self, x: Any, element: ElementFormat) -> Any:
        """The same bits as another format of the same width."""

    def unary(self, code: Opcode) -> Callable[[Any], Any]:
        """An elementwise function."""

    def binary(self, code: Opcode) -> Callable[[Any, Any], Any]:
        """An elementwise function of two arrays of one type."""

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Selection with broadcasting."""

    def reduce(self, code: Opcode, x: Any, axis: int) -> Any:
        """Sum, maximum, minimum or running sum along an axis, format kept."""

    def matmul(self, a: Any, b: Any) -> Any:
        """Batched float32 product at full precision."""

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Row-major reshape."""

    def broadcast(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Broadcast to a shape."""

    def transpose(self, x: Any, permutation: tuple[int, ...]) -> Any:
        """Permuted dimensions."""

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a 1-D buffer at integer offsets, all in range."""

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """The buffer with `values` at `offsets` where `mask` is true."""

    def take_runs(self, flat: Any, starts: Any, count: int, *, rows: bool, mask: Any = None, other: Any = None) -> Any:
        """`count` elements from each start on, all in range: [*starts, count].

        rows: whether they are rows of the buffer seen as [n, count].
        mask: which runs are loaded, of as many dimensions as starts; None for all. other: one element for the rest.
        """

    def put_runs(self, flat: Any, starts: Any, values: Any, mask: Any | None, *, rows: bool) -> Any:
        """The buffer with values [*starts, count] from each start on where `mask`, of the shape of starts, is true."""

    def loop(self, lower: Any, upper: Any, body: LoopBody, carried: list[Any]) -> list[Any]:
        """carried = body(k, carried) for lower <= k < upper (0-d integers)."""

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """function of `size` rows of arrays [.., M, *] at a time, zeros after the last; results below each other."""

    def seen(self, conditions: Any) -> bool:
        """Whether all elements are known to be true without waiting for a device."""


class WindowOps(ArrayOps, Protocol):
    """ArrayOps that move windows of memory (`specs.tile.interpret.known`)."""

    def array(self, x: Any) -> Any:
        """The library's array of a numpy one."""

    def pad(self, x: Any, margins: tuple[tuple[int, int], ...], value: Any | None) -> Any:
        """x with elements before and after it along every axis: a numpy scalar, zeros for None."""

    def take_window(self, flat: Any, window: Window, *, stays: bool) -> Any | None:
        """The elements of a window of a 1-D buffer, [*sizes]; None if the library takes indices for that.

        stays: whether nothing is written to the buffer while the result is in use.
        """

    def put_window(self, flat: Any, window: Window, values: Any) -> Any | None:
        """The buffer with values [*sizes] in a window of distinct elements; None if that takes indices."""


class ModuleOps:
    """ArrayOps over a numpy-like module `xp` (numpy or jax.numpy)."""

    functional = False

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self._unary: dict[Opcode, Callable[[Any], Any]] = {
            Opcode.NEG: lambda x: -x,
            Opcode.ABS: xp.abs,
            Opcode.NOT: xp.logical_not,
            Opcode.EXP2: xp.exp2,
            Opcode.LOG2: xp.log2,
            Opcode.SQRT: xp.sqrt,
            Opcode.FLOOR: xp.floor,
            Opcode.ROUND: xp.round,
        }
        self._binary: dict[Opcode, Callable[[Any, Any], Any]] = {
            Opcode.ADD: lambda a, b: a + b,
            Opcode.SUB: lambda a, b: a - b,
            Opcode.MUL: lambda a, b: a * b,
            Opcode.DIV: lambda a, b: a / b,
            Opcode.IDIV: lambda a, b: a // b,
            Opcode.IMOD: lambda a, b: a % b,
            Opcode.MIN: xp.minimum,
            Opcode.MAX: xp.maximum,
            Opcode.AND: lambda a, b: a & b,
            Opcode.OR: lambda a, b: a | b,
            Opcode.XOR: lambda a, b: a ^ b,
            Opcode.SHL: lambda a, b: a << b,
            Opcode.SHR: lambda a, b: a >> b,
            Opcode.EQ: lambda a, b: a == b,
            Opcode.NE: lambda a, b: a != b,
            Opcode.LT: lambda a, b: a < b,
            Opcode.LE: lambda a, b: a <= b,
            Opcode.GT: lambda a, b: a > b,
            Opcode.GE: lambda a, b: a >= b,
        }
        self._reduce = {Opcode.SUM: xp.sum, Opcode.AMAX: xp.max, Opcode.AMIN: xp.min}

    def const(self, value: Any, element: ElementFormat) -> Any:
        """A 0-d array."""
        return self.xp.asarray(value, dtype=NUMPY_DTYPES[element])

    def arange(self, n: int) -> Any:
        """0 .. n-1, i32."""
        return self.xp.arange(n, dtype=np.int32)

    def cast(self, x: Any, element: ElementFormat) -> Any:
        """Conversion; nearest even, out-of-range values unspecified."""
        return x.astype(NUMPY_DTYPES[element])

    def bitcast(self, x: Any, element: ElementFormat) -> Any:
        """The same bits as another format of the same width."""
        return x.view(NUMPY_DTYPES[element])

    def unary(self, code: Opcode) -> Callable[[Any], Any]:
        """An elementwise function."""
        return self._unary[code]

    def binary(self, code: Opcode) -> Callable[[Any, Any], Any]:
        """An elementwise function of two arrays."""
        return self._binary[code]

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Selection with broadcasting."""
        return self.xp.where(condition, x, y)

    def reduce(self, code: Opcode, x: Any, axis: int) -> Any:
        """Sum, maximum, minimum or running sum along an axis, format kept."""
        if code in (Opcode.SUM, Opcode.CUMSUM):
            return (self.xp.sum if code is Opcode.SUM else self.xp.cumsum)(x, axis=axis, dtype=x.dtype)
        return self._reduce[code](x, axis=axis)

    def matmul(self, a: Any, b: Any) -> Any:
        """Batched float32 product."""
        return self.xp.matmul(a, b)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Row-major reshape."""
        return self.xp.reshape(x, shape)

    def broadcast(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Broadcast to a shape."""
        return self.xp.broadcast_to(x, shape)

    def transpose(self, x: Any, permutation: tuple[int, ...]) -> Any:
        """Permuted dimensions."""
        return self.xp.transpose(x, permutation)

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a 1-D buffer at integer offsets."""
        return flat[offsets]

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """Writes in place."""
        if mask is None:
            flat[offsets] = values
        else:
            flat[offsets[mask]] = values[mask]
        return flat

    def take_runs(self, flat: Any, starts: Any, count: int, *, rows: bool, mask: Any = None, other: Any = None) -> Any:
        """Elements from each start on."""
        del rows
        loaded = self.take(flat, starts[..., None] + self.arange(count))
        return loaded if mask is None else self.where(mask[..., None], loaded, other)

    def put_runs(self, flat: Any, starts: Any, values: Any, mask: Any | None, *, rows: bool) -> Any:
        """Writes runs in place."""
        del rows
        if mask is not None:
            starts, values = starts[mask], values[mask]
        return self.put(flat, starts[..., None] + self.arange(values.shape[-1]), values, None)

    def seen(self, conditions: Any) -> bool:
        """Whether all are true."""
        return bool(conditions.all())

    def loop(self, lower: Any, upper: Any, body: LoopBody, carried: list[Any]) -> list[Any]:
        """A Python loop."""
        for k in range(int(lower), int(upper)):
            carried = body(self.const(k, INT32), carried)
        return carried

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """A Python loop."""
        rows, xp = arrays[0].shape[-2], self.xp

        def padded(array: Any) -> Any:
            return xp.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, -rows % size), (0, 0)])

        found = [function(part) for part in parts_of([padded(array) for array in arrays], size)]
        return xp.concatenate(found, axis=-2)[..., :rows, :]


def parts_of(arrays: list[Any], size: int) -> Iterator[list[Any]]:
    """The first `size` rows of all arrays [.., M, *], the next ones, and so on; M is a multiple."""
    for first in range(0, arrays[0].shape[-2], size):
        yield [array[..., first : first + size, :] for array in arrays]


NUMPY = ModuleOps(np)
