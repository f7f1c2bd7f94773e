"""Pieces that every matrix product of the family shares: order of tiles, clamped indices, epilogue."""

from __future__ import annotations

from typing import Any

from specs.lang.formats.elements import F32
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, cdiv, load, minimum, program_id, store


def tile_position(p: Any, axis: int = 0) -> tuple[Tile, Tile]:
    """(row tile, column tile) of this grid point: column-major inside bands of GROUP_M row tiles.

    Neighbouring programs then share rows of A and columns of B while these are still in the second-level cache.
    """
    pid = program_id(axis)
    tiles_m = cdiv(p.M, p.BLOCK_M)
    tiles_n = cdiv(p.N, p.BLOCK_N)
    if p.GROUP_M == 1:
        return pid // tiles_n, pid % tiles_n
    per_band = tiles_n * p.GROUP_M
    band = pid // per_band
    first = band * p.GROUP_M
    height = minimum(tiles_m - first, p.GROUP_M)
    inside = pid % per_band
    return first + inside % height, inside // height


def span(tile: Tile, width: int) -> Tile:
    """Indices that tile number `tile` covers."""
    return tile * width + arange(width)


def clamped(index: Tile, size: Tile, even: bool) -> Tile:
    """Indices kept in range: tiles over the edge read the last element again and their results are not stored."""
    return index if even else minimum(index, size - 1)


def finish(p: Any, acc: Tile, rows: Tile, cols: Tile, where: tuple[Tile, ...] = ()) -> None:
    """Adds the bias in float32, rounds once to the output format, and stores what is in range."""
    if p.bias is not None:
        columns = clamped(cols, p.N, p.even_n)
        acc = acc + load(p.bias, (columns,)).to(F32)[None, :]
    store_tile(p, acc, rows, cols, where)


def store_tile(p: Any, acc: Tile, rows: Tile, cols: Tile, where: tuple[Tile, ...] = ()) -> None:
    """Rounds once to the output format and stores what is in range."""
    mask = None if p.even_m else (rows < p.M)[:, None]
    mask = both(mask, None if p.even_n else (cols < p.N)[None, :])
    store(p.c, (*where, rows[:, None], cols[None, :]), acc.to(p.c.element), mask)


def scale_at(scale: ArrayHandle, indices: tuple[Tile | int, ...]) -> Tile:
    """Scales as float32; bytes of E8M0 decode to powers of two."""
    return load(scale, indices).to(F32)
