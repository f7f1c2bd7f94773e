"""Split-K: a contraction cut into equal parts that run side by side, and the kernel that adds their sums in order.

A product with few rows has too few tiles of C to keep a device's memory busy. Each part writes its sum in float32 to an
array of its own, so the order of additions, and with it every bit of the result, is the same in every run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specs.gemm.scaled import FREE_TILES, K, M, N, invariant
from specs.gemm.tiles import finish, span
from specs.lang.declare.axes import Axis, ExprLike, Ref, as_expr, emax, emin
from specs.lang.declare.kernel import Access, Array, Kernel, Tunable
from specs.lang.declare.op import Op, Step, single
from specs.lang.formats.elements import F32
from specs.tile.blocks import UNDEFINED, load_block
from specs.tile.language import cdiv, program_id
from specs.tuned import everywhere

_ROWS = 64
"""Up to as many rows the time goes into reading the weight."""
_COLUMNS = 64
"""Columns of one tile."""


def splits_axis(*, programs: ExprLike = 512, least: ExprLike = 1024, most: ExprLike = 8) -> Axis:
    """The parts of K that are summed on their own.

    Args:
        programs: that a large GPU runs side by side. least: K of one part. most: parts.
    """
    parts = emin(emin(most, K // least), as_expr(programs) // emax(1, cdiv(N, _COLUMNS)))
    doc = "parts of K that are summed on their own"
    return Axis(name="SPLITS", static=True, value=emax(1, FREE_TILES.and_(M <= _ROWS) * parts), doc=doc)


SPLITS = splits_axis()


def partial_sums(name: str, access: Access, splits: Axis = SPLITS) -> Array:
    """The float32 sums of all parts."""
    return Array(name=name, doc="sum of each part of K", shapes=((splits, M, N),), formats=(F32,), access=access)


def add_splits(p: Any) -> None:
    """One [SUM_ROWS, SUM_COLUMNS] tile of C: the parts in order, then the epilogue of the product."""
    rows = span(program_id(0), p.SUM_ROWS, UNDEFINED)
    cols = span(program_id(1), p.SUM_COLUMNS, UNDEFINED)
    acc = load_block(p.partial, (0, rows, cols))
    for split in range(1, p.SPLITS):
        # In the order of the parts: the same bits in every run.
        acc = acc + load_block(p.partial, (split, rows, cols))
    finish(p, acc, rows, cols)


def reduce_splits(arrays: tuple[Array, ...], splits: Axis = SPLITS) -> Kernel:
    """The merge kernel of a split-K product whose arguments are `arrays`, of which it takes bias and result."""
    given = {array.name: array for array in arrays}
    return Kernel(
        name="reduce_splits",
        doc="Sum of the parts of a split product, in order.",
        axes=(M, N, splits),
        arrays=(partial_sums("partial", Access.IN, splits), given["bias"], given["c"]),
        attributes=(invariant(),),
        tunables=(
            Tunable(name="SUM_ROWS", values=(1, 2, 4, 8, 16, 32)),
            Tunable(name="SUM_COLUMNS", values=(64, 128, 256, 512)),
        ),
        configs=everywhere("reduce_splits"),
        static_conditions=(
            ("even_m", (M % Ref("SUM_ROWS")).equals(0)),
            ("even_n", (N % Ref("SUM_COLUMNS")).equals(0)),
        ),
        grid=(cdiv(M, Ref("SUM_ROWS")), cdiv(N, Ref("SUM_COLUMNS"))),
        body=add_splits,
    )


def in_parts(kernel: Kernel, splits: Axis = SPLITS, **fields: Any) -> Op:
    """A product as an operation: its kernel, or where K has several parts one that leaves their sums, and the merge.

    kernel: writes `c` where `splits`, its last axis, is 1, else the sum of part `program_id(1)` without the bias.
    """
    arrays = {array.name: array for array in kernel.arrays if array.name != "bias"}
    arrays["c"] = sums = partial_sums("c", Access.OUT, splits)
    parts = replace(kernel, name=f"{kernel.name}_split", arrays=tuple(arrays.values()), grid=(*kernel.grid, splits))
    several = splits.differs(1)
    steps = (
        Step(kernel=kernel, when=splits.equals(1)),
        Step(kernel=parts, arrays=(("c", "partial"),), when=several),
        Step(kernel=reduce_splits(kernel.arrays, splits), when=several),
    )
    return single(kernel, axes=kernel.axes[:-1], temporaries=(replace(sums, name="partial"),), steps=steps, **fields)
