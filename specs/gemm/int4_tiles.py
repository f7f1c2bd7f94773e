"""The tile program of products with INT4 weights in groups along K: one body for every kind of activations.

Blocks of K lie inside one group, so that a group's scale multiplies the block's sum, in float32. The even and the odd k
of a block are multiplied apart, because they lie in different nibbles of the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specs.gemm.scaled import within_a_group
from specs.gemm.tiles import finish, span, step_of, steps_of, tile_position
from specs.lang.formats.elements import F32, UINT8, ElementFormat
from specs.tile.blocks import UNDEFINED, Slice, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    both,
    cdiv,
    dot,
    fori_loop,
    load,
    minimum,
    nibble,
    program_id,
    reduce_sum,
    split_pairs,
    where,
    zeros,
)

PER_WORD, PER_BYTE = 8, 2
SYMMETRIC_ZERO = 8
_MAGIC_BITS, _MAGIC = 0x4B000000, 8388608.0  # 2**23: a small integer ORed into its mantissa is that integer added

OfRows = Callable[[Any, Slice], Tile]
"""(p, rows) -> one float32 per row, or one for all, that broadcasts against [BLOCK_M, BLOCK_N]."""
Epilogue = Callable[[Any, Tile, Slice, Slice], Tile]
"""(p, acc, rows, columns) -> acc under the scales that do not depend on k."""


def multiply(p: Any, operand: ElementFormat, zero_of_a: OfRows | None = None, scaled: Epilogue | None = None) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it.

    operand: 16-bit format in which both factors are multiplied; it holds every value of `a` and every u - z.
    zero_of_a: zero points of `a`, which may be any integers.
    """
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M)
    cols = span(tile_n, p.BLOCK_N, UNDEFINED)
    split = program_id(1) if p.SPLITS > 1 else None
    steps = steps_of(cdiv(p.K, p.BLOCK_K * p.UNROLL), split, p.SPLITS)
    a_zero = None if zero_of_a is None else zero_of_a(p, rows)

    def step(k: Tile, acc: Tile) -> Tile:
        k = step_of(k, split, p.SPLITS)
        for i in range(p.UNROLL):
            acc = block(p, k * p.UNROLL + i if p.UNROLL > 1 else k, acc, rows, cols, operand, a_zero)
        return acc

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, steps, step, acc, stages=p.num_stages)  # scales as well as what is multiplied
    if scaled is not None:
        acc = scaled(p, acc, rows, cols)
    finish(p, acc, rows, cols, split=split)


def block(p: Any, k: Tile, acc: Tile, rows: Slice, cols: Slice, operand: ElementFormat, a_zero: Tile | None) -> Tile:
    """acc plus block k of the contraction: BLOCK_K long, inside one group."""
    a_even, a_odd = split_pairs(activations(p, rows, span(k, p.BLOCK_K)).to(operand))
    group = group_of(p, k)
    zero = None if p.b_zp is None else zero_point(p, group, cols)
    b_even, b_odd = (from_bytes if p.b.element == UINT8 else from_words)(p, k, cols, operand, zero)
    partial = dot(a_odd, b_odd, dot(a_even, b_even))
    if a_zero is not None:
        partial = partial - a_zero * (column_sums(p, k, b_even) + column_sums(p, k, b_odd))[None, :]
    scale = load_block(p.b_scale, (group, cols)).to(F32)
    return acc + partial * scale[None, :]


def activations(p: Any, rows: Slice, depth: Slice) -> Tile:
    """The factors of A of one block of K, [BLOCK_M, BLOCK_K]; under act-order columns in the order of g_idx."""
    # Rows after the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    if p.g_idx is None:
        return load_block(p.a, (rows, depth))
    order, row = load_block(p.g_idx, (depth,)), rows.indices()
    inside = None if p.even_k else (depth.indices() < p.K)[None, :]
    return load(p.a, (row[:, None], order[None, :]), both(None if p.even_m else (row < p.M)[:, None], inside))


def column_sums(p: Any, k: Tile, half: Tile) -> Tile:
    """Sums of u - z over the even, or the odd, k of block k, float32 [BLOCK_N]: integers, exact."""
    values = half.to(F32)
    if not p.even_k:  # where nothing is multiplied, because `a` is not read there, u - z is not zero
        pair = span(k, p.BLOCK_K // PER_BYTE).indices()
        values = where((pair < p.K // PER_BYTE)[:, None], values, 0.0)
    return reduce_sum(values, axis=0)


def group_of(p: Any, k: Tile) -> Tile | int:
    """The group that block k lies in; blocks after the end of K, which add zeros, read the last one."""
    if p.group_size == -1:
        return 0
    within_a_group(p, p.group_size)
    group = k if p.group_size == p.BLOCK_K else (k * p.BLOCK_K) // p.group_size
    return group if p.even_k else minimum(group, (p.K - 1) // p.group_size)


def zero_point(p: Any, group: Tile | int, cols: Slice) -> Tile:
    """Zero points of one group, i32 [BLOCK_N]."""
    column = cols.indices() if p.even_n else minimum(cols.indices(), p.N - 1)
    return (load(p.b_zp, (group, column // PER_WORD)) >> ((column % PER_WORD) * 4)) & 15


def from_bytes(p: Any, k: Tile, cols: Slice, operand: ElementFormat, zero: Tile | None) -> tuple[Tile, Tile]:
    """u - z for the even and the odd k of block k, [BLOCK_K / 2, BLOCK_N] each: the two nibbles of every byte."""
    packed = load_block(p.b, (span(k, p.BLOCK_K // PER_BYTE), cols))
    minus = None if zero is None else zero.to(F32).to(operand)[None, :]
    return nibble(packed, False, operand, minus), nibble(packed, True, operand, minus)


def from_words(p: Any, k: Tile, cols: Slice, operand: ElementFormat, zero: Tile | None) -> tuple[Tile, Tile]:
    """As `from_bytes`, for weights whose bytes of consecutive k are not neighbours in memory."""
    packed = load_block(p.b, (span(k, p.BLOCK_K // PER_WORD), cols))
    pairs, shape = PER_WORD // PER_BYTE, (p.BLOCK_K // PER_BYTE, p.BLOCK_N)
    shift = (arange(pairs) * 8)[None, :, None]
    even, odd = (((packed[:, None, :] >> (shift + first)) & 15).reshape(*shape) for first in (0, 4))
    minus = _MAGIC + SYMMETRIC_ZERO if zero is None else (zero | _MAGIC_BITS).bitcast(F32)[None, :]
    even, odd = (((half | _MAGIC_BITS).bitcast(F32) - minus).to(operand) for half in (even, odd))
    return even, odd
