"""The second kernel of mHC operations: gates of the sums of products, Sinkhorn iterations, and the layer's input.

Some programs make post and comb of many rows; the others make the layer's input of one row each, in the reverse order
of the first kernel's rows, of which those that it read last are still in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from specs.lang.declare.axes import Expr, Ref
from specs.lang.declare.kernel import Access, Kernel, Tunable
from specs.lang.formats.elements import BF16, F32
from specs.mhc.arrays import (
    COLS,
    COMB,
    NORM_WEIGHT,
    POST,
    PRE,
    PRE_ATTRIBUTES,
    PRE_EPS,
    PRE_RESULTS,
    RMS_EPS,
    SPLITS,
    STREAMS,
    H,
    T,
    parameters,
    partial,
    residual,
)
from specs.tile.blocks import Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cdiv,
    exp2,
    fori_loop,
    load,
    program_id,
    reduce_max,
    reduce_sum,
    sqrt,
    store,
    when,
    where,
    zeros,
)
from specs.tile.library.codec import is_nan
from specs.tuned import everywhere

LOG2_E = 1.4426950408889634
_CHUNKS = 4
"""Chunks whose sums programs of several rows load at a time."""


def gates_and_input(p: Any) -> None:
    """post and comb of BLOCK_R rows, or layer_input of one row."""
    program, first = program_id(0), cdiv(p.T, p.BLOCK_R)
    when(program < first, lambda: post_and_comb(p, program * p.BLOCK_R + arange(p.BLOCK_R)))
    when(program >= first, lambda: layer_input(p, program - first, p.norm_weight is not None))


def head(p: Any) -> None:
    """BLOCK_H columns of one row."""
    layer_input(p, program_id(0), False)


def post_and_comb(p: Any, row: Tile) -> None:
    """post and comb of rows [R]."""
    live, (i, j) = row < p.T, (arange(STREAMS), arange(STREAMS))
    column = arange(STREAMS * STREAMS) + COMB
    squares, post, comb = summed(p, row, (arange(1) + p.COLS, i + POST, column))
    inverse = inverse_rms(p, squares.reshape(p.BLOCK_R))[:, None]
    post = sigmoid(post * inverse * load(p.scale, (1,)) + load(p.base, (i + POST,))[None, :]) * p.post_mult
    store(p.post, (row[:, None], i[None, :], 0), post, live[:, None])
    comb = comb * inverse * load(p.scale, (2,)) + load(p.base, (column,))[None, :]
    comb = sinkhorn(p, comb.reshape(p.BLOCK_R, STREAMS, STREAMS))
    store(p.comb, (row[:, None, None], i[None, :, None], j[None, None, :]), comb, live[:, None, None])


def summed(p: Any, row: Tile, columns: Sequence[Tile]) -> tuple[Tile, ...]:
    """Groups of columns of the partial sums of rows [R], added over the chunks in order, [R, columns] each.

    Chunks are no dimension of what is read. Compilers may divide such a dimension between lanes, all of which hold the
    sums of the same rows after a reduction, and then go through the iterations with the same numbers.
    """
    size = min(p.SPLITS, _CHUNKS)

    def step(k: Tile, *totals: Tile) -> tuple[Tile, ...]:
        found = list(totals)
        for split in (k * size + number for number in range(size)):
            live = row < p.T if p.SPLITS % size == 0 else (row < p.T) & (split < p.SPLITS)
            for group, column in enumerate(columns):
                place = (row[:, None], split, column[None, :])
                found[group] = found[group] + load(p.partial, place, live[:, None])
        return tuple(found)

    zero = [zeros((*row.shape, *column.shape)) for column in columns]
    return tuple(fori_loop(0, -(-p.SPLITS // size), step, *zero))


def sinkhorn(p: Any, x: Tile) -> Tile:
    """Nearly doubly stochastic matrices from logits [R, 4, 4]: softmax of the rows, then sums scaled to 1 in turn."""
    largest = reduce_max(where(is_nan(x), 0.0, x), axis=2)  # of numbers: rows with a NaN are NaN by their sum
    comb = exp2((x - largest[:, :, None]) * LOG2_E)
    comb = comb / reduce_sum(comb, axis=2)[:, :, None] + p.sinkhorn_eps

    def by_columns(comb: Tile) -> Tile:
        factor: Tile = 1.0 / (reduce_sum(comb, axis=1) + p.sinkhorn_eps)
        return comb * factor[:, None, :]

    def by_rows(comb: Tile) -> Tile:
        factor: Tile = 1.0 / (reduce_sum(comb, axis=2) + p.sinkhorn_eps)
        return comb * factor[:, :, None]

    return fori_loop(0, p.repeat - 1, lambda _, comb: by_columns(by_rows(comb)), by_columns(comb))  # type: ignore[no-any-return]


def layer_input(p: Any, program: Tile, norm: bool) -> None:
    """BLOCK_H columns of a row's layer input, or with a norm all of them."""
    blocks = cdiv(p.H, p.BLOCK_H)
    parts = 1 if norm else blocks
    row, part = program // parts, program % parts
    pre = pre_gates(p, row)

    def block(k: Tile) -> tuple[Slice, Tile]:
        columns = ds(k * p.BLOCK_H, p.BLOCK_H)
        total = pre[0] * load_block(p.residual, (row, 0, columns)).to(F32)
        for i in range(1, STREAMS):
            total = total + pre[i] * load_block(p.residual, (row, i, columns)).to(F32)
        return columns, total

    if norm:
        normalised(p, row, blocks, block)
        return
    columns, y = block(part)
    store_block(p.layer_input, (row, columns), y.to(BF16))


def normalised(p: Any, row: Tile, blocks: Tile, block: Callable[[Tile], tuple[Slice, Tile]]) -> None:
    """Stores a row of weighted sums after an RMS norm; they are made twice, from a row that is then in the cache."""

    def add(k: Tile, squares: Tile) -> Tile:
        y = block(k)[1]
        return squares + reduce_sum(y * y, axis=0)

    mean = fori_loop(0, blocks, add, zeros(())) / p.H.to(F32)
    inverse = 1.0 / sqrt(mean + p.norm_eps)

    def write(k: Tile) -> None:
        columns, y = block(k)
        weight = load_block(p.norm_weight, (columns,)).to(F32)
        store_block(p.layer_input, (row, columns), (y * inverse * weight).to(BF16))

    fori_loop(0, blocks, write)


def pre_gates(p: Any, row: Tile) -> list[Tile]:
    """The four gates of a row, scalars."""
    i = arange(STREAMS)
    inverse = inverse_rms(p, summed_row(p, row, arange(1) + p.COLS))
    gates = sigmoid(summed_row(p, row, i + PRE) * inverse * load(p.scale, (0,)) + load(p.base, (i + PRE,))) + p.pre_eps
    return [reduce_sum(where(i == number, gates, 0.0), axis=0) for number in range(STREAMS)]


def summed_row(p: Any, row: Tile, column: Tile) -> Tile:
    """Columns [N] of a row's partial sums, added over the chunks; all are read at once."""
    size = 1 << (p.SPLITS - 1).bit_length()
    split = arange(size)
    inside = None if size == p.SPLITS else (split < p.SPLITS)[:, None]
    return reduce_sum(load(p.partial, (row, split[:, None], column[None, :]), inside), axis=0)


def inverse_rms(p: Any, squares: Tile) -> Tile:
    """1 / root of the mean of a row's squares."""
    return 1.0 / sqrt(squares / (p.H * STREAMS).to(F32) + p.rms_eps)


def sigmoid(x: Tile) -> Tile:
    """1 / (1 + exp(-x)); far below zero the exponential is infinite and the result 0."""
    return 1.0 / (1.0 + exp2(x * -LOG2_E))


_TUNABLES = (
    Tunable(name="BLOCK_H", values=(128, 256, 512, 1024, 2048, 4096), doc="columns of layer_input at a time"),
    Tunable(name="num_warps", values=(1, 2, 4, 8)),
)
_EVEN = (("even_h", (H % Ref("BLOCK_H")).equals(0)),)
_BLOCKS: Expr = cdiv(H, Ref("BLOCK_H"))

GATES_KERNEL = Kernel(
    name="hc_gates",
    doc="post, comb and layer_input from the sums of products.",
    axes=(T, H, COLS, SPLITS),
    arrays=(residual(), partial(Access.IN), *parameters(COLS, 3)[1:], NORM_WEIGHT, *PRE_RESULTS),
    attributes=PRE_ATTRIBUTES,
    tunables=(Tunable(name="BLOCK_R", values=(2, 4, 8, 16, 32), doc="rows of post and comb per program"), *_TUNABLES),
    configs=everywhere("hc_gates", norm=Ref("has_norm_weight").equals(1), few_rows=T <= 64, rest=None),
    static_conditions=_EVEN,
    grid=(cdiv(T, Ref("BLOCK_R")) + T * (1 + (_BLOCKS - 1) * Ref("has_norm_weight").equals(0)),),
    body=gates_and_input,
)
HEAD_KERNEL = Kernel(
    name="hc_head_sum",
    doc="Weighted sum of the streams.",
    axes=(T, H, COLS, SPLITS),
    arrays=(residual(), partial(Access.IN), *parameters(COLS, 1)[1:], PRE_RESULTS[2]),
    attributes=(RMS_EPS, PRE_EPS),
    tunables=_TUNABLES,
    configs=everywhere("hc_head_sum", few_rows=T <= 64, rest=None),
    static_conditions=_EVEN,
    grid=(T * _BLOCKS,),
    body=head,
)
