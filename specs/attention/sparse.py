"""The tile program of sparse attention: every token attends to the rows that its own lists name.

All heads of a token share its rows, so that one program reads a row once for BLOCK_H heads. Where the rows come from
(pages of any layout, or a dense array) is the business of a `Segment`; the body is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from specs.attention.softmax import LN_2, LOG2_E, State, attend, empty, log_sum_exp, normaliser
from specs.lang.elements import BF16, F32, INT32
from specs.tile.language import (
    ArrayHandle,
    arange,
    fori_loop,
    load,
    maximum,
    minimum,
    program_id,
    store,
)
from specs.tile.language import cdiv as tile_cdiv
from specs.tile.trace import Tile, fail


class Columns(Protocol):
    """Columns of a row that are loaded and multiplied together."""

    @property
    def count(self) -> int:
        """How many."""

    def columns(self) -> Tile:
        """Which, i32 [count]."""


Source = Callable[[Tile, Tile], Callable[[int], Tile]]
"""Rows by index and which of them count -> chunk number -> columns bf16 [rows, count]."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One list of rows per token. length: i32 [tokens], or None for whole lists; total: rows that exist."""

    index: ArrayHandle
    length: ArrayHandle | None
    width: Tile
    total: Tile
    source: Source


@dataclass(frozen=True, slots=True)
class Position:
    """Which token, which heads, and which part of its keys a program works on."""

    token: Tile
    head: Tile
    live: Tile
    split: Tile | None


def position(p: Any, splits: int) -> Position:
    """From the grid (head blocks within tokens, parts)."""
    blocks = tile_cdiv(p.H, p.BLOCK_H)
    tile = program_id(0)
    head = (tile % blocks) * p.BLOCK_H + arange(p.BLOCK_H)
    return Position(tile // blocks, head, head < p.H, program_id(1) if splits > 1 else None)


def run(p: Any, at: Position, columns: Sequence[Columns], values: int, segments: Sequence[Segment], splits: int) -> State:
    """Softmax state of one program over its share of all segments. values: columns that are values, from the first."""
    query = tuple(
        load(p.q, (at.token, at.head[:, None], part.columns()[None, :]), at.live[:, None]) for part in columns
    )
    widths, covered = [], 0
    for part in columns:
        if covered < values:
            widths.append(part.count)
            covered += part.count
    if covered != values:
        raise fail(f"values end at column {values}, inside a chunk")
    lengths = [length_of(segment, at.token) for segment in segments]
    tiles = [tile_cdiv(length, p.BLOCK_K) for length in lengths]
    lower, upper = share(tiles, at.split, splits)
    state = empty(p.BLOCK_H, tuple(widths)).tiles()
    for number, segment in enumerate(segments):
        step = tile_of(p, at.token, segment, lengths[number], query, widths)
        state = fori_loop(lower[number], upper[number], step, *state)
    return State(state[0], state[1], tuple(state[2:]))


def length_of(segment: Segment, token: Tile) -> Tile:
    """Entries of a token's list, held to its width."""
    if segment.length is None:
        return segment.width
    return minimum(maximum(load(segment.length, (token,)), 0), segment.width)


def share(tiles: list[Tile], split: Tile | None, splits: int) -> tuple[list[Tile | int], list[Tile]]:
    """First tile of a part in every segment, and the one behind its last: the segments one after the other, cut
    into `splits` parts of as equal a number of tiles as there is."""
    if split is None:
        return [0] * len(tiles), tiles
    total = tiles[0]
    for count in tiles[1:]:
        total = total + count
    start, end = (split * total) // splits, ((split + 1) * total) // splits
    lower: list[Tile | int] = []
    upper: list[Tile] = []
    for count in tiles:
        lower.append(minimum(maximum(start, 0), count))
        upper.append(minimum(maximum(end, 0), count))
        start, end = start - count, end - count
    return lower, upper


def tile_of(
    p: Any, token: Tile, segment: Segment, length: Tile, query: tuple[Tile, ...], widths: list[int]
) -> Callable[..., tuple[Tile, ...]]:
    """The loop body of a segment: one tile of BLOCK_K entries of its list."""

    def step(k: Tile, peak: Tile, total: Tile, *sums: Tile) -> tuple[Tile, ...]:
        entry = k * p.BLOCK_K + arange(p.BLOCK_K)
        index = load(segment.index, (token, entry), entry < length, other=-1)
        live = (index >= 0) & (index < segment.total.to(index.element))
        key = segment.source(index.to(INT32), live)
        return attend(State(peak, total, sums), query, key, live, p.sm_scale * LOG2_E).tiles()

    del widths
    return step


def finish(p: Any, at: Position, columns: Sequence[Columns], state: State) -> None:
    """Stores the results of a program that has seen all keys."""
    sink = None if p.attn_sink is None else load(p.attn_sink, (at.head,), at.live).to(F32) * LOG2_E
    factor = normaliser(state.peak, state.total, sink)
    for part, total in zip(columns, state.sums, strict=False):
        where = (at.token, at.head[:, None], part.columns()[None, :])
        store(p.out, where, (total * factor[:, None]).to(BF16), at.live[:, None])
    if p.return_lse:
        store(p.max_logits, (at.token, at.head), state.peak * LN_2, at.live)
        store(p.lse, (at.token, at.head), log_sum_exp(state.peak, state.total), at.live)
