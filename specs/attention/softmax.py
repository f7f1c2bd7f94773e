"""Online softmax attention of one program: BLOCK_H query heads over tiles of keys whose rows are their own values.

Scores are kept times log2(e), so that exponentials are powers of two. The state of a program is the largest score so
far, the sum of exponentials relative to it, and one accumulator per chunk of value columns.

Source: Milakov and Gimelshein (2018); Dao, FlashAttention-2 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from specs.attention.columns import Run, runs
from specs.lang.formats.elements import F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import dot, exp2, fori_loop, full, log2, maximum, reduce_max, reduce_sum, where, zeros
from specs.tile.library.codec import is_nan

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
MINUS_INFINITY = float("-inf")


@dataclass(frozen=True, slots=True)
class State:
    """Online-softmax state, carried across key tiles.

    peak: largest score [heads]. total: sum of exponentials [heads]. sums: values times exponentials, per chunk.
    """

    peak: Tile
    total: Tile
    sums: tuple[Tile, ...]

    def tiles(self) -> tuple[Tile, ...]:
        """The loop-carried tiles."""
        return (self.peak, self.total, *self.sums)


class Columns(Protocol):
    """Columns of a row that are loaded and multiplied together."""

    @property
    def count(self) -> int:
        """Number of columns."""

    def columns(self) -> Tile:
        """Column indices, i32 [count]."""


@dataclass(frozen=True, slots=True)
class Query:
    """The query in chunks of `columns`; chunk: bf16 [heads, width]."""

    heads: int
    columns: Sequence[Columns]
    chunk: Callable[[Columns], Tile]
    looped: bool


def empty(heads: int, widths: tuple[int, ...]) -> State:
    """No keys yet."""
    peak = full((heads,), MINUS_INFINITY, F32)
    return State(peak, zeros((heads,)), tuple(zeros((heads, width)) for width in widths))


def attend(
    state: State,
    query: Query,
    key: Callable[[Columns], Tile],
    live: Tile,
    scale: float,
    values: Sequence[Columns],
) -> State:
    """Updates the state with one tile of keys.

    key: loads columns of the keys, bf16 [keys, width]. values: columns that the state has sums of, a chunk for each.
    live: which keys count [keys]. scale: of scores, log2(e) included.
    """
    if not query.looped:
        keys = {columns: key(columns) for columns in query.columns}
        score = products(map(query.chunk, query.columns), keys.values())
        chosen = map(keys.__getitem__, values)
    else:
        score, chosen = looped_products(query, key, live), map(key, values)
    # Before the maximum: a skipped row was loaded as zeros, whose score 0 would count.
    return weigh(state, where(live[None, :], score * scale, MINUS_INFINITY), chosen)


def looped_products(query: Query, key: Callable[[Columns], Tile], live: Tile) -> Tile:
    """As `products`, with one chunk of queries and keys in registers at a time: loops over chunks of one kind.

    Compilers for Intel GPUs compute the addresses of all loads of a loop over keys before it, and of more than a few
    they keep them in memory. In a loop inside, addresses depend on its counter.
    """
    score: Tile | None = None
    wanted = reduce_max(live.to(INT32), axis=0)
    for run in runs(query.columns):

        def step(index: Tile, score: Tile | None, run: Run = run) -> Tile:
            columns = run.chunk(index)
            return dot(query.chunk(columns), key(columns).transpose(), score)

        if run.number > 1:
            first = zeros((query.heads, live.shape[0])) if score is None else score
            score = fori_loop(0, wanted * run.number, step, first)
        else:
            score = dot(query.chunk(run.first), key(run.first).transpose(), score)
    assert score is not None
    return score


def products(query: Iterable[Tile], keys: Iterable[Tile]) -> Tile:
    """Products of queries and keys [heads, keys], over all chunks; query chunks are loaded one at a time."""
    score = None
    for part, columns in zip(query, keys, strict=True):
        # One accumulator through all chunks: a sum of separate dots would hold two score tiles.
        score = dot(part, columns.transpose(), score)
    assert score is not None
    return score


def weigh(
    state: State,
    score: Tile,
    values: Iterable[Tile],
    factor: Tile | float | None = None,
    scales: Tile | None = None,
) -> State:
    """The state after keys with these scores [heads, keys] and values, a chunk [keys, width] for each of its sums.

    values: none in a program without value columns; taken one at a time. Exponentials take their format before the dot.
    factor: positive factor that is not yet applied to the scores: row maxima are scaled instead of all scores.
    scales: of the values, one per key [keys].
    """
    highest = reduce_max(score, axis=1)
    peak = maximum(state.peak, highest if factor is None else highest * factor)
    base = where(peak == MINUS_INFINITY, 0.0, peak)  # no key so far: the difference of infinities is NaN
    # exp2 with log2(e) folded into the scale: one multiplication per score less than exp.
    weight = exp2((score if factor is None else score * factor) - base[:, None])
    decay = exp2(state.peak - base)
    # Summed in float32 before the weights are rounded for the dot, as FlashAttention does.
    total = state.total * decay + reduce_sum(weight, axis=1)
    if scales is not None:
        weight = weight * scales[None, :]
    narrow: Tile | None = None
    sums: list[Tile] = []
    for chunk, part in zip(values, state.sums, strict=True):
        narrow = weight.to(chunk.element) if narrow is None else narrow
        sums.append(dot(narrow, chunk, part * decay[:, None]))
    return State(peak, total, tuple(sums))


def merge(peaks: Sequence[Tile], rest: Callable[[int], tuple[Tile, Tile]]) -> State:
    """Merges several states, each with the largest score [heads], the total [heads] and one chunk of sums.

    rest: total and sums of state number i. In order, so that every run gives the same bytes.
    """
    peak = peaks[0]
    for other in peaks[1:]:
        peak = maximum(peak, other)
    base = where(peak == MINUS_INFINITY, 0.0, peak)
    total: Tile | None = None
    sums: Tile | None = None
    # In order of the splits, not as they finish: no atomics, so results repeat bit for bit.
    for part, own in enumerate(peaks):
        weight = exp2(own - base)
        share, values = rest(part)
        # Products that only the addition uses: both compilers then round once.
        total = share * weight if total is None else total + share * weight
        sums = values * weight[:, None] if sums is None else sums + values * weight[:, None]
    assert total is not None
    assert sums is not None
    return State(peak, total, (sums,))


def normaliser(state_peak: Tile, state_total: Tile, sink: Tile | None) -> Tile:
    """1 / softmax denominator [heads]; 0 for a row without keys. sink: score without a value, times log2(e)."""
    # No key at all: -inf - -inf is NaN.
    base = where(state_peak == MINUS_INFINITY, 0.0, state_peak)
    whole = state_total if sink is None else state_total + exp2(sink - base)
    # The sink alone gives 0, not 0 / sink: rows of padding are defined as zeros.
    known = state_total > 0.0
    return where(known, 1.0 / where(known, whole, 1.0), 0.0)


def log_sum_exp(state_peak: Tile, state_total: Tile) -> Tile:
    """Natural logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys."""
    known = state_total != 0.0  # NaN stays NaN
    return where(known, (state_peak + log2(where(known, state_total, 1.0))) * LN_2, MINUS_INFINITY)


def largest_score(state_peak: Tile, state_total: Tile) -> Tile:
    """Largest score, natural units; -inf for a row without keys, NaN where a score is, which a maximum may drop."""
    # Hardware maxima return the number of (number, NaN); the sum has kept the NaN.
    lost = is_nan(state_total) & (state_peak < float("inf"))
    return where(lost, state_total, state_peak * LN_2)
