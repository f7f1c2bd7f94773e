"""Where keys and values of paged attention lie: in two arrays, or in one that holds both.

    separate     [pages, page, heads, D] and [pages, page, heads, DV]
    adjacent     [pages, page, heads, D + DV]     K | V of a token and head, as vLLM 0.33 has them
    interleaved  [pages, page, 2 * heads, D]      heads k0 v0 k1 v1 .., as JAX engines have them; DV = D

In torch the strides of every dimension are free, so that views say the same: a slice of an adjacent array has heads
D + DV apart. JAX arrays have no strides; there the kernels take the array that holds both, and a view by indices.
Inserts and attention take the layout as `kv_layout`. An array with both is passed in place of the keys', and none of
values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.declare.axes import Axis, Ref, as_expr
from specs.lang.declare.kernel import Attribute, Constraint, Shape
from specs.lang.formats.elements import INT32
from specs.tile.blocks import Slice, ds
from specs.tile.frontend.trace import Tile, constant
from specs.tile.language import ArrayHandle, Index

NDArray = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KVLayout:
    """A layout of keys and values.

    fused: whether one array holds both. heads: its heads per key head, of which the values have the last. beside:
    whether values follow the key within its row.
    """

    name: str
    fused: bool = True
    heads: int = 1
    beside: bool = False

    def row(self, heads: Axis, key: Axis, value: Axis) -> Shape:
        """Dimensions of the first array after pages and rows."""
        # With values among its heads the array says how wide they are, as attention knows of no other argument.
        columns = key + value if self.beside else value if self.fused else key
        return (heads if self.heads == 1 else self.heads * as_expr(heads), columns)

    def views(self, p: Any, keys: str, values: str) -> tuple[View, View]:
        """Keys and values in the arrays of a kernel (names of the two; the second is not looked at where fused)."""
        first = getattr(p, keys)
        second = first if self.fused else getattr(p, values)
        beside = p.D if self.beside else 0
        return View(first, self.heads, 0, 0, p.D), View(second, self.heads, self.heads - 1, beside, p.DV)

    def slices(self, keys: NDArray, values: NDArray | None, width: int) -> tuple[NDArray, NDArray]:
        """Keys and values [pages, page, heads, columns] of numpy arrays, as views. width: columns of a key."""
        if not self.fused:
            assert values is not None
            return keys, values
        if self.beside:
            return keys[..., :width], keys[..., width:]
        return keys[..., 0 :: self.heads, :], keys[..., self.heads - 1 :: self.heads, :]


@dataclass(frozen=True, slots=True)
class View:
    """Keys or values [page, row, head, column] in `array`: head h is its head `heads` * h + `first`.

    column: of the array's row, that is column 0 here; columns: how many there are.
    """

    array: ArrayHandle
    heads: int
    first: int
    column: int
    columns: int

    def head(self, head: Tile) -> Tile:
        """The array's head."""
        head = head if self.heads == 1 else head * self.heads
        return head + self.first if self.first else head

    def at(self, page: Index, row: Index, head: Tile, column: Tile) -> tuple[Index, ...]:
        """Indices of elements; all four broadcast against each other."""
        return (page, row, self.head(head), column + self.column if self.column else column)

    def block(self, page: Index, rows: Slice, head: Tile, first: int, count: int) -> tuple[Slice | Index, ...]:
        """Indices of a block of columns; those after the view's last read as zeros, whatever the array has there."""
        return (page, rows, self.head(head), self._columns(first, count))

    def _columns(self, first: int, count: int) -> Slice:
        start, end = self.column + first, self.column + self.columns
        # Values follow the key in its row: a block over the edge of either would read the other's, or the next head's.
        return ds(start, count, end=constant(end, INT32)) if start + count > end else ds(start, count)


SEPARATE = KVLayout(name="separate", fused=False)
ADJACENT = KVLayout(name="adjacent", beside=True)
INTERLEAVED = KVLayout(name="interleaved", heads=2)
LAYOUTS = {layout.name: layout for layout in (SEPARATE, ADJACENT, INTERLEAVED)}


def one_width(argument: str, key: Axis, value: Axis) -> Constraint:
    """Heads of one array have one width."""
    return Constraint(
        argument=argument,
        holds=Ref("kv_layout").differs(INTERLEAVED.name).or_(key.equals(value)),
        message="values as wide as keys where heads of both are interleaved",
        failure=f"interleaved pages take keys and values of one width, not {{{key.name}}} and {{{value.name}}} columns",
    )


KV_LAYOUT = Attribute(
    name="kv_layout",
    kind=str,
    default=SEPARATE.name,
    choices=tuple(LAYOUTS),
    doc="where keys and values lie: separate, two arrays; adjacent, K | V of a head in one row of one array; "
    "interleaved, heads k0 v0 k1 v1 .. of one array",
)
