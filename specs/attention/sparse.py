"""The tile program of sparse attention: every token attends to the rows that its own lists name.

All heads of a token share its rows, so that one program reads a row once for BLOCK_H heads. A `Segment` loads the rows
(from pages of any layout, or a dense array); the body is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from specs.attention.softmax import (
    LOG2_E,
    Columns,
    Query,
    State,
    attend,
    empty,
    largest_score,
    log_sum_exp,
    normaliser,
)
from specs.lang.declare.axes import Expr, Ref
from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import (
    ArrayHandle,
    arange,
    cdiv,
    fori_loop,
    load,
    maximum,
    minimum,
    program_id,
    store,
    when,
)

Source = Callable[[Tile, Tile], Callable[[Any], Tile]]
"""Rows by index and which of them count -> `Columns` -> elements [rows, count], in the format of the queries."""


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
    """Coordinates of a program: token, heads, split of the keys, slice of the value columns."""

    token: Tile
    head: Tile
    live: Tile
    split: Tile | None
    part: Tile


@dataclass(frozen=True, slots=True)
class Results:
    """Partial result of one program: accumulators for the value columns of slice `part`."""

    state: State
    columns: tuple[Columns, ...]
    part: int


def position(p: Any, splits: int) -> Position:
    """From the grid: parts of the values within head blocks within tokens, and parts of the keys."""
    tile, blocks = program_id(0), cdiv(p.H, p.BLOCK_H)
    rest = tile // p.VALUE_PARTS
    # Parts of a row, then heads, then tokens: neighbours in the grid read the same keys, from L2.
    head = (rest % blocks) * p.BLOCK_H + arange(p.BLOCK_H)
    split = program_id(1) if splits > 1 else None
    return Position(rest // blocks, head, head < p.H, split, tile % p.VALUE_PARTS)


def programs(tokens: Expr, heads: Expr) -> Expr:
    """Size of the grid that `position` reads."""
    return tokens * cdiv(heads, Ref("BLOCK_H")) * Ref("VALUE_PARTS")


def run(
    p: Any,
    at: Position,
    columns: Sequence[Columns],
    values: Sequence[Columns],
    segments: Sequence[Segment],
    splits: int,
    store_results: Callable[[Results], None],
) -> None:
    """Attention of one program over its share of all segments.

    columns: chunks of a row for the scores. values: for the sums. Where a row of sums is too long for the registers of
    a program, VALUE_PARTS programs share it: each computes all scores, and a part of the values. store_results: stores
    the partial or final results.
    """
    chosen = shares(values, p.VALUE_PARTS)
    for number, chunks in enumerate(chosen):

        def part(number: int = number, chunks: tuple[Columns, ...] = chunks) -> None:
            state = softmax(p, at, columns, chunks, segments, splits)
            store_results(Results(state, chunks, number))

        if len(chosen) == 1:
            part()
        else:
            # A branch per part: chunk numbers are Python values, and sums of different widths are different programs.
            when(at.part == number, part)


def leading(columns: Sequence[Columns], values: int) -> tuple[Columns, ...]:
    """The chunks that make up the first `values` columns."""
    found: list[Columns] = []
    for chunk in columns:
        if sum(one.count for one in found) >= values:
            break
        found.append(chunk)
    if sum(one.count for one in found) != values:
        raise fail(f"values end at column {values}, inside a chunk")
    return tuple(found)


def shares(values: Sequence[Columns], parts: int) -> list[tuple[Columns, ...]]:
    """Value chunks, cut into `parts` runs of about equal numbers of columns."""
    whole = sum(chunk.count for chunk in values)
    ends, covered = [0], 0
    for number, chunk in enumerate(values):
        covered += chunk.count
        while covered * parts >= whole * len(ends):
            ends.append(number + 1)
    return [tuple(values[first:last]) for first, last in pairwise(ends)]


def softmax(
    p: Any,
    at: Position,
    columns: Sequence[Columns],
    chunks: tuple[Columns, ...],
    segments: Sequence[Segment],
    splits: int,
) -> State:
    """Softmax state over the keys of a program; accumulators for the value chunks `chunks`."""
    query = query_of(p, at, columns)
    # Lengths of both lists before either loop: the split ranges depend on their sum.
    lengths = [length_of(segment, at.token) for segment in segments]
    lower, upper = share([cdiv(length, p.BLOCK_K) for length in lengths], at.split, splits)
    # One state through all segments: a softmax over the union, with no merge.
    state = empty(p.BLOCK_H, tuple(chunk.count for chunk in chunks)).tiles()
    for number, segment in enumerate(segments):
        loop = tile_of(p, at.token, segment, lengths[number], query, chunks)
        state = loop(lower[number], upper[number], state)
    return State(state[0], state[1], tuple(state[2:]))


def query_of(p: Any, at: Position, columns: Sequence[Columns]) -> Query:
    """Chunks of the query by number: loaded once, or with RELOAD wherever they are used.

    A compiler that multiplies without matrix units gives every thread whole rows of the query. Where more than one loop
    uses them, it keeps all chunks in registers at once, unless each loop loads its own.
    """

    def chunk(part: Columns) -> Tile:
        return load(p.q, (at.token, at.head[:, None], part.columns()[None, :]), at.live[:, None])

    if p.RELOAD or p.VALUE_CHUNK:
        return Query(p.BLOCK_H, columns, chunk, p.VALUE_CHUNK > 0)
    loaded = {part: chunk(part) for part in columns}
    return Query(p.BLOCK_H, columns, loaded.__getitem__, False)


def length_of(segment: Segment, token: Tile) -> Tile:
    """Entries of a token's list, clamped to its width."""
    if segment.length is None:
        return segment.width
    # A length is user data: above the width it would read the next token's list.
    return minimum(maximum(load(segment.length, (token,)), 0), segment.width)


def share(tiles: list[Tile], split: Tile | None, splits: int) -> tuple[list[Tile | int], list[Tile]]:
    """Half-open tile range [first, end) of each segment for split `split`.

    The segments, one after the other, are cut into `splits` parts whose numbers of tiles differ by at most one.
    """
    if split is None:
        return [0] * len(tiles), tiles
    total = tiles[0]
    for count in tiles[1:]:
        total = total + count
    # Tiles, not keys, are shared out: only the last tile of a list is partly masked.
    start, end = (split * total) // splits, ((split + 1) * total) // splits
    lower: list[Tile | int] = []
    upper: list[Tile] = []
    for count in tiles:
        lower.append(minimum(maximum(start, 0), count))
        upper.append(minimum(maximum(end, 0), count))
        start, end = start - count, end - count
    return lower, upper


Loop = Callable[[Tile | int, Tile, tuple[Tile, ...]], tuple[Tile, ...]]


def tile_of(p: Any, token: Tile, segment: Segment, length: Tile, query: Query, chunks: tuple[Columns, ...]) -> Loop:
    """The loop over a segment's tiles of BLOCK_K entries, from state to state.

    Where loads are fetched ahead (num_stages), so is the list: each step loads the entries of the next one.
    """
    ahead = p.num_stages > 1

    def entries(k: Tile | int) -> Tile:
        entry = k * p.BLOCK_K + arange(p.BLOCK_K)
        # Entries past the length are stale; -1 makes them skipped like missing ones.
        return load(segment.index, (token, entry), entry < length, other=-1)

    def attended(index: Tile, state: tuple[Tile, ...]) -> tuple[Tile, ...]:
        # Compared before narrowing: an int64 index past 2**31 must not wrap to a valid row.
        live = (index >= 0) & (index < segment.total.to(index.element))
        key = segment.source(index.to(INT32), live)
        before = State(state[0], state[1], state[2:])
        return attend(before, query, key, live, p.sm_scale * LOG2_E, chunks).tiles()

    def step(k: Tile, *state: Tile) -> tuple[Tile, ...]:
        return attended(entries(k), state)

    def step_ahead(k: Tile, index: Tile, *state: Tile) -> tuple[Tile, ...]:
        # Past the range on the last step, but never past the list: masked by its length.
        following = entries(k + 1)
        return (following, *attended(index, state))

    def loop(lower: Tile | int, upper: Tile, state: tuple[Tile, ...]) -> tuple[Tile, ...]:
        if ahead:
            # Index loads feed gathers: prefetched one step, they are off the critical path of the pipeline.
            return tuple(fori_loop(lower, upper, step_ahead, entries(lower), *state, stages=p.num_stages)[1:])
        return tuple(fori_loop(lower, upper, step, *state))

    return loop


def finish(p: Any, at: Position, found: Results) -> None:
    """Stores the results of a program that has seen all keys."""
    state = found.state
    # The sink is a score in natural units; the state is in powers of two.
    sink = None if p.attn_sink is None else load(p.attn_sink, (at.head,), at.live).to(F32) * LOG2_E
    factor = normaliser(state.peak, state.total, sink)
    for columns, total in zip(found.columns, state.sums, strict=True):
        where = (at.token, at.head[:, None], columns.columns()[None, :])
        store(p.out, where, (total * factor[:, None]).to(p.out.element), at.live[:, None])
    # Programs that share a row all know its scores; one of them stores.
    if p.return_lse and found.part == 0:
        store(p.max_logits, (at.token, at.head), largest_score(state.peak, state.total), at.live)
        store(p.lse, (at.token, at.head), log_sum_exp(state.peak, state.total), at.live)
