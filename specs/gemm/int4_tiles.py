"""The tile program of products with INT4 weights in groups along K: one body for every kind of activations.

Blocks of K lie inside one group, so that a group's scale multiplies the block's sum, in float32. The even and the odd k
of a block are multiplied apart, because they lie in different nibbles of the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specs.gemm.scaled import within_a_group
from specs.gemm.splits import step_of, steps_of
from specs.gemm.tiles import clamped, finish, span, store_tile, tile_position
from specs.lang.formats.elements import F32, UINT8, ElementFormat
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

OfRows = Callable[[Any, Tile], Tile]
"""(p, rows) -> one float32 per row, or one for all, that broadcasts against [BLOCK_M, BLOCK_N]."""
Epilogue = Callable[[Any, Tile, Tile, Tile], Tile]
"""(p, acc, rows, columns) -> acc under the scales that do not depend on k."""


def multiply(p: Any, operand: ElementFormat, zero_of_a: OfRows | None = None, scaled: Epilogue | None = None) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it.

    operand: 16-bit format in which both factors are multiplied; it holds every value of `a` and every u - z.
    zero_of_a: zero points of `a`, which may be any whole numbers.
    """
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M)
    cols = span(tile_n, p.BLOCK_N)
    b_cols = clamped(cols, p.N, p.even_n)
    split = program_id(1) if p.SPLITS > 1 else None
    steps = steps_of(cdiv(p.K, p.BLOCK_K * p.UNROLL), split, p.SPLITS)
    a_zero = None if zero_of_a is None else zero_of_a(p, rows)

    def step(k: Tile, acc: Tile) -> Tile:
        k = step_of(k, split, p.SPLITS)
        for i in range(p.UNROLL):
            acc = block(p, k * p.UNROLL + i if p.UNROLL > 1 else k, acc, (rows, b_cols), operand, a_zero)
        return acc

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, steps, step, acc, stages=p.num_stages)  # scales as well as what is multiplied
    if scaled is not None:
        acc = scaled(p, acc, rows, b_cols)
    if split is None:
        finish(p, acc, rows, cols)
    else:
        store_tile(p, acc, rows, cols, (split,))


def block(p: Any, k: Tile, acc: Tile, where_: tuple[Tile, Tile], operand: ElementFormat, a_zero: Tile | None) -> Tile:
    """acc plus block k of the contraction: BLOCK_K long, inside one group."""
    rows, b_cols = where_
    depth = span(k, p.BLOCK_K)
    inside = None if p.even_k else depth < p.K
    order = depth if p.g_idx is None else load(p.g_idx, (depth,), inside)
    # Rows after the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    there = None if p.even_m else (rows < p.M)[:, None]
    a = load(p.a, (rows[:, None], order[None, :]), both(there, None if inside is None else inside[None, :]))
    a_even, a_odd = split_pairs(a.to(operand))
    group = group_of(p, k)
    zero = None if p.b_zp is None else zero_point(p, group, b_cols)
    b_even, b_odd = (from_bytes if p.b.element == UINT8 else from_words)(p, k, b_cols, operand, zero)
    partial = dot(a_odd, b_odd, dot(a_even, b_even))
    if a_zero is not None:
        partial = partial - a_zero * (column_sums(p, k, b_even) + column_sums(p, k, b_odd))[None, :]
    scale = load(p.b_scale, (group, b_cols)).to(F32)
    return acc + partial * scale[None, :]


def column_sums(p: Any, k: Tile, half: Tile) -> Tile:
    """Sums of u - z over the even, or the odd, k of block k, float32 [BLOCK_N]: whole numbers, and exact."""
    values = half.to(F32)
    if not p.even_k:  # where nothing is multiplied, because `a` is not read there, u - z is not zero
        pair = span(k, p.BLOCK_K // PER_BYTE)
        values = where((pair < p.K // PER_BYTE)[:, None], values, 0.0)
    return reduce_sum(values, axis=0)


def group_of(p: Any, k: Tile) -> Tile | int:
    """The group that block k lies in; blocks after the end of K, which add zeros, read the last one."""
    if p.group_size == -1:
        return 0
    within_a_group(p, p.group_size)
    group = k if p.group_size == p.BLOCK_K else (k * p.BLOCK_K) // p.group_size
    return group if p.even_k else minimum(group, (p.K - 1) // p.group_size)


def zero_point(p: Any, group: Tile | int, b_cols: Tile) -> Tile:
    """Zero points of one group, i32 [BLOCK_N]."""
    return (load(p.b_zp, (group, b_cols // PER_WORD)) >> ((b_cols % PER_WORD) * 4)) & 15


def from_bytes(p: Any, k: Tile, b_cols: Tile, operand: ElementFormat, zero: Tile | None) -> tuple[Tile, Tile]:
    """u - z for the even and the odd k of block k, [BLOCK_K / 2, BLOCK_N] each: the two nibbles of every byte."""
    byte = span(k, p.BLOCK_K // PER_BYTE)
    live = None if p.even_k else (byte < p.K // PER_BYTE)[:, None]
    packed = load(p.b, (byte[:, None], b_cols[None, :]), live)
    minus = None if zero is None else zero.to(F32).to(operand)[None, :]
    return nibble(packed, False, operand, minus), nibble(packed, True, operand, minus)


def from_words(p: Any, k: Tile, b_cols: Tile, operand: ElementFormat, zero: Tile | None) -> tuple[Tile, Tile]:
    """As `from_bytes`, for weights whose bytes of consecutive k are not neighbours in memory."""
    word = span(k, p.BLOCK_K // PER_WORD)
    live = None if p.even_k else (word < p.K // PER_WORD)[:, None]
    packed = load(p.b, (word[:, None], b_cols[None, :]), live)
    pairs, shape = PER_WORD // PER_BYTE, (p.BLOCK_K // PER_BYTE, p.BLOCK_N)
    shift = (arange(pairs) * 8)[None, :, None]
    even, odd = (((packed[:, None, :] >> (shift + first)) & 15).reshape(*shape) for first in (0, 4))
    minus = _MAGIC + SYMMETRIC_ZERO if zero is None else (zero | _MAGIC_BITS).bitcast(F32)[None, :]
    even, odd = (((half | _MAGIC_BITS).bitcast(F32) - minus).to(operand) for half in (even, odd))
    return even, odd
