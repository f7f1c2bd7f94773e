"""The tile program of products with weights in packed blocks: one body, which decodes what the block declares.

The codes q multiply the activations as they are, exact in every 16-bit format, and each group's sum is scaled in
float32: by the group's code first, and the sum over the groups by the number of the block. A minimum multiplies the sum
of the activations of its group. So operands are never rounded, whatever the range of the scales.

Tiles are tiles of the transposed result, W A^T: rows of the weight are the rows of a matrix instruction, where four
threads share a row and its scales; as columns eight would. Its columns are rows of A, and with a single row of A groups
of the block: A is then spread over as many columns, each with the elements of one group and zeros, so that the sums of
all groups come out side by side, and every thread scales those that it has.
"""

from __future__ import annotations

from typing import Any

from specs.gemm.tiles import finish, run_of, span, step_of, steps_of, tile_position
from specs.lang.formats.elements import F16, F32, INT32
from specs.lang.formats.ggml import BY_NAME
from specs.tile.blocks import UNDEFINED, Slice, ds, load_block
from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import arange, dot, fori_loop, full, load, minimum, program_id, reduce_sum, rescale, zeros
from specs.tile.library.packed import PackedTile, groups_as_columns, segment

_LEAST_COLUMNS = 8
"""Of a matrix instruction."""


def gguf_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it."""
    form = BY_NAME[p.quant_type]
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M)
    cols = span(tile_n, p.BLOCK_N, UNDEFINED)
    # Columns after the last are not stored: the last one is read in their place, without a mask.
    column = cols.indices() if p.even_n else minimum(cols.indices(), p.N - 1)
    split = program_id(1) if p.SPLITS > 1 else None
    blocks, parts = max(1, p.STEP // form.elements), max(1, form.elements // p.STEP)
    steps = p.K // p.STEP
    begin, end = run_of(steps, split, p.SPLITS) if p.RUN else (0, steps_of(steps, split, p.SPLITS))

    def step(k: Tile, acc: Tile) -> Tile:
        k = k if p.RUN else step_of(k, split, p.SPLITS)
        for i in range(blocks):
            index = k * blocks + i if blocks > 1 else k // parts if parts > 1 else k
            weight = PackedTile(
                p.b,
                form,
                column,
                index,
                part=k % parts if parts > 1 else None,
                parts=parts,
                wide=p.WIDE,
            )
            start = k * p.STEP + i * form.elements
            acc = product_of_row(p, weight, start, acc, tile_m) if one_row else product(p, weight, start, acc, rows)
        return acc

    one_row = p.BLOCK_M == 1
    acc = zeros((p.BLOCK_N, form.groups if one_row else p.BLOCK_M))
    acc = fori_loop(begin, end, step, acc, stages=p.num_stages)
    acc = reduce_sum(acc, axis=1)[None, :] if one_row else acc.transpose()
    finish(p, acc, rows, cols, split=split)


def product(p: Any, weight: PackedTile, start: Tile, acc: Tile, rows: Slice) -> Tile:
    """acc, transposed, plus one block of the contraction, or one part of it, from column `start` of A on."""
    form = weight.form
    depth, operand = segment(form), p.a.element
    sums = lows = None
    for group in range(form.groups // weight.parts):
        partial = total = None
        for first in range(group * form.group, (group + 1) * form.group, depth):
            a = load_block(p.a, (rows, ds(start + first, depth, in_bounds=True))).transpose()
            partial = dot(weight.factors(first, depth, operand), a, partial)
            if form.minimum is None:
                continue
            if p.SUM_BY_DOT:
                total = dot(weight.ones(first, depth, operand), a, total)
            else:
                added = reduce_sum(a.to(F32), axis=0)[None, :]
                total = added if total is None else total + added
        assert partial is not None
        sums = _plus(sums, partial, weight.code_of_scale(group))
        if total is not None:
            lows = _plus(lows, total, weight.code_of_minimum(group))
    assert sums is not None
    scale = weight.number(form.scale)[:, None]
    acc = acc + (sums * scale if form.scale.element == F16 else rescale(sums, scale))
    if form.minimum is None or lows is None:
        return acc
    low = weight.number(form.minimum)[:, None]
    return acc - lows * low if form.subtracted else acc + lows * low


def product_of_row(p: Any, weight: PackedTile, start: Tile, acc: Tile, row: Tile) -> Tile:
    """acc [n, groups] plus one block's sums of each group, for a single row of A."""
    form, operand = weight.form, p.a.element
    if not groups_as_columns(form) or form.groups < _LEAST_COLUMNS or weight.parts > 1:
        raise fail(f"BLOCK_M = 1 with {form.name}", "for whole blocks with codes in one plane and at least 8 groups")
    group = arange(form.groups)[:, None]
    rows = full((form.groups, 1), 0, INT32) + row
    sums: Tile | None = None
    for number in range(8 // form.codes.planes[0].bits):
        factors, element, of_group = weight.every_byte(number, operand)
        a = load(p.a, (rows, start + element[None, :]), of_group[None, :] == group)
        sums = dot(factors, a.transpose(), sums)
    assert sums is not None
    scale = weight.number(form.scale)[:, None]
    scale = scale if form.sub_scales is None else weight.codes_of_groups(form.sub_scales) * scale
    acc = acc + sums * scale
    if form.minimum is None:
        return acc
    # Sums of A over the groups, of which each is a column by itself: no zeros are multiplied.
    own = load(p.a, (rows, start + group * form.group + arange(form.group)[None, :]))
    total = dot(full((p.BLOCK_N, form.group), 1.0, operand), own.transpose())
    low = weight.number(form.minimum)[:, None]
    low = low if form.sub_minima is None else weight.codes_of_groups(form.sub_minima) * low
    return acc - total * low if form.subtracted else acc + total * low


def _plus(acc: Tile | None, x: Tile, factor: Tile | None) -> Tile:
    """acc + x * factor, of rows; without a factor x. Products have no names, so that they are contracted."""
    if factor is None:
        return x if acc is None else acc + x
    return x * factor[:, None] if acc is None else acc + x * factor[:, None]
