"""Which queries, heads and keys one program works on.

The query heads of a key head lie beside each other in a program's rows, queries after that, so that a tile of keys
serves all of them: row m of a request is query m // GROUP and head m % GROUP of the group.

After the requests the grid has programs for one more, without queries: they fill the rows that no request owns
(`specs.flash.unowned`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.flash.arrays import BOUNDS, GROUP, HKV, LONGEST_Q
from specs.lang.declare.axes import Expr, Ref, cdiv
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, load, maximum, minimum, program_id


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its number, first query, number of queries, first key (dense keys), number of keys."""

    number: Tile
    query: Tile
    queries: Tile
    key: Tile | int
    keys: Tile


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of a program: request, key head, position of each query in its request, query head, which rows exist."""

    request: Request
    head: Tile
    first: Tile
    position: Tile
    query_head: Tile
    live: Tile
    split: Tile | None

    @property
    def token(self) -> Tile:
        """Row of the query among all."""
        return self.request.query + self.position


def programs() -> Expr:
    """How many programs a part of the keys takes."""
    return cdiv(LONGEST_Q * GROUP, Ref("BLOCK_M")) * HKV * BOUNDS


def work(p: Any, splits: int) -> Work:
    """From the grid: tiles of rows within heads within requests; the last tiles, which see most keys, begin."""
    tiles = tiles_per_head(p)
    number = program_id(0)
    rest = number // tiles
    first = (tiles - 1 - number % tiles) * p.BLOCK_M
    row = first + arange(p.BLOCK_M)
    request = request_of(p, rest // p.HKV)
    head = rest % p.HKV
    return Work(
        request=request,
        head=head,
        first=first,
        position=row // p.GROUP,
        query_head=head * p.GROUP + row % p.GROUP,
        live=row < request.queries * p.GROUP,
        split=program_id(1) if splits > 1 else None,
    )


def tiles_per_head(p: Any) -> Tile:
    """Programs of one request and key head."""
    count: Tile = (p.LONGEST_Q * p.GROUP + (p.BLOCK_M - 1)) // p.BLOCK_M
    return count


def request_of(p: Any, number: Tile) -> Request:
    """Bounds of a request, clamped to the extents of the arrays; no queries after the last request."""
    query, queries = _between(p, p.cu_seqlens_q, number, p.TQ)
    used = None if p.seqused_k is None else maximum(load(p.seqused_k, (number,), number < p.BOUNDS - 1), 0)
    if p.block_table is None:
        key, keys = _between(p, p.cu_seqlens_k, number, p.PAGE)
        return Request(number, query, queries, key, keys if used is None else minimum(keys, used))
    assert used is not None
    return Request(number, query, queries, 0, minimum(used, p.TABLE * p.PAGE * minimum(p.PAGES, 1)))


def _between(p: Any, bounds: Any, number: Tile, total: Tile) -> tuple[Tile, Tile]:
    """First element and number of elements of a request."""
    first = clamped(load(bounds, (number,)), total)
    end = minimum(load(bounds, (minimum(number + 1, p.BOUNDS - 1),)), total)
    return first, maximum(end - first, 0)


def owned_rows(p: Any) -> tuple[Tile, Tile]:
    """Half-open range [first, end) of the query rows that requests own."""
    first = clamped(load(p.cu_seqlens_q, (0,)), p.TQ)
    return first, maximum(clamped(load(p.cu_seqlens_q, (p.BOUNDS - 1,)), p.TQ), first)


def clamped(bound: Tile, total: Tile) -> Tile:
    """A bound from data, clamped to 0 .. total."""
    return minimum(maximum(bound, 0), total)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles of keys that a program looks at: first .. end, of which full .. full_end need no mask."""

    first: Tile | int
    full: Tile | int
    full_end: Tile
    end: Tile


def tiles_of(p: Any, at: Work, left: int, right: int, splits: int) -> Tiles:
    """Key tiles to visit; tiles in [full, full_end) need no mask.

    left, right: keys that a query sees before and after its own position, -1 for all.
    """
    keys = at.request.keys
    shift = keys - at.request.queries
    lowest = at.first // p.GROUP + shift
    highest = minimum((at.first + (p.BLOCK_M - 1)) // p.GROUP, at.request.queries - 1) + shift
    first: Tile | int = 0
    full: Tile | int = 0
    end = full_end = keys
    if right >= 0:
        end, full_end = (minimum(keys, maximum(row + (right + 1), 0)) for row in (highest, lowest))
    if left >= 0:
        first, full = (maximum(row - left, 0) for row in (lowest, highest))
        first, full = first // p.BLOCK_N, (full + (p.BLOCK_N - 1)) // p.BLOCK_N
    end, full_end = (end + (p.BLOCK_N - 1)) // p.BLOCK_N, full_end // p.BLOCK_N
    if at.split is not None:
        count = maximum(end - first, 0)
        first, end = first + (at.split * count) // splits, first + ((at.split + 1) * count) // splits
    if left < 0 and at.split is None:
        return Tiles(first, first, full_end, end)
    full = minimum(maximum(full, first), end)
    return Tiles(first, full, minimum(maximum(full_end, full), end), end)
