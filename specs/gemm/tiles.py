"""Pieces that every matrix product of the family shares: order of tiles, ranges, parts of K, epilogue."""

from __future__ import annotations

from typing import Any

from specs.lang.formats.elements import F32
from specs.tile.blocks import ZERO, Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Padding
from specs.tile.language import ArrayHandle, Index, cdiv, minimum, program_id


def tile_position(p: Any, axis: int = 0, row_tiles: Tile | None = None) -> tuple[Tile, Tile]:
    """(row tile, column tile) of this grid point: column-major inside bands of GROUP_M row tiles.

    row_tiles: number of row tiles, where these are not BLOCK_M rows each.

    Neighbouring programs then share rows of A and columns of B while these are still in the second-level cache.
    """
    pid = program_id(axis)
    tiles_m = cdiv(p.M, p.BLOCK_M) if row_tiles is None else row_tiles
    tiles_n = cdiv(p.N, p.BLOCK_N)
    if p.GROUP_M == 1:
        return pid // tiles_n, pid % tiles_n
    # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
    per_band = tiles_n * p.GROUP_M
    band = pid // per_band
    first = band * p.GROUP_M
    height = minimum(tiles_m - first, p.GROUP_M)
    inside = pid % per_band
    return first + inside % height, inside // height


def span(tile: Tile, width: int, padding: Padding = ZERO) -> Slice:
    """Indices that tile number `tile` covers."""
    return ds(tile * width, width, padding=padding)


def steps_of(steps: Tile, split: Tile | None, splits: int) -> Tile:
    """How many of `steps` steps one part takes."""
    return steps if split is None else cdiv(steps - split, splits)


def step_of(k: Tile, split: Tile | None, splits: int) -> Tile:
    """The k-th step of a part.

    Parts are interleaved, so that concurrent programs read neighbouring pieces of a row. On an H200 products with INT4
    weights of 16x4096x14336 take 3.5 % less than with parts of consecutive steps, of 16x8192x28672 1.5 %.
    """
    return k if split is None else k * splits + split


def run_of(steps: Tile, split: Tile | None, splits: int) -> tuple[Index, Tile]:
    """The first step of a part, and the one after its last, where parts are runs of consecutive steps.

    On an H200 one row times a weight in Q4_K, 4096 x 14336, takes 13.6 us, and 14.5 where parts take turns; 16 rows
    take 25 us either way.
    """
    return (0, steps) if split is None else (split * steps // splits, (split + 1) * steps // splits)


def finish(
    p: Any, acc: Tile, rows: Slice, cols: Slice, where: tuple[Tile, ...] = (), split: Tile | None = None
) -> None:
    """Adds the bias in float32, rounds once to the output format, and stores what is in range.

    split: of a product in parts the number of this one, whose sum is stored as it is.
    """
    if split is not None:
        store_block(p.c, (split, rows, cols), acc)
        return
    if p.bias is not None:
        acc = acc + load_block(p.bias, (cols,)).to(F32)[None, :]
    # Rounded once.
    store_block(p.c, (*where, rows, cols), acc.to(p.c.element))


def scale_at(scale: ArrayHandle, indices: tuple[Slice | Tile | int, ...]) -> Tile:
    """Scales as float32; bytes of E8M0 decode to powers of two."""
    return load_block(scale, indices).to(F32)
