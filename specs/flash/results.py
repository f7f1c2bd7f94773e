"""Results once all keys of a row have been visited: means of the values, logarithms of the sums."""

from __future__ import annotations

from typing import Any

from specs.attention.columns import Span
from specs.attention.softmax import LN_2, LOG2_E, MINUS_INFINITY, State, normaliser
from specs.flash.scores import descale
from specs.flash.work import Work
from specs.lang.formats.elements import F32
from specs.tile.frontend.trace import Tile
from specs.tile.language import both, exp2, load, log2, maximum, store, where
from specs.tile.library.codec import is_nan


def sums_of(p: Any, at: Work, state: State) -> tuple[Tile, ...]:
    """Sums of values, which may have a factor of their own."""
    if p.v_descale is None:
        return state.sums
    factor = descale(p, p.v_descale, at)
    return tuple(total * factor for total in state.sums)


def finish(p: Any, at: Work, columns: tuple[Span, ...], state: State) -> None:
    """Stores the results of a program that has seen all keys of its rows."""
    sink = sinks(p, at.query_head, at.live)
    factor = normaliser(state.peak, state.total, sink)
    for span, total in zip(columns, sums_of(p, at, state), strict=True):
        store_out(p, at.token, at.query_head, at.live, span, total * factor[:, None])
    if p.return_softmax_lse:
        store(p.lse, (at.query_head, at.token), log_sum_exp(state, sink), at.live)


def sinks(p: Any, head: Tile, live: Tile) -> Tile | None:
    """Scores without a value, times log2(e), of rows with these query heads."""
    if p.s_aux is None:
        return None
    return load(p.s_aux, (head,), live).to(F32) * LOG2_E


def store_out(p: Any, token: Tile, head: Tile, live: Tile, span: Span, mean: Tile) -> None:
    """Stores columns of results; token: of each row, or of all."""
    token = token[:, None] if token.shape else token
    inside = span.inside()
    mask = both(live[:, None], None if inside is None else inside[None, :])
    store(p.out, (token, head[:, None], span.columns()[None, :]), mean.to(p.out.element), mask)


def log_sum_exp(state: State, sink: Tile | None) -> Tile:
    """Natural logarithm of the sum of exponentials, the sink's among them; -inf where there is nothing."""
    peak = state.peak if sink is None else maximum(state.peak, sink)
    finite = (peak > MINUS_INFINITY) & (peak < float("inf"))
    base = where(finite, peak, 0.0)
    total = state.total * exp2(where(finite, state.peak, MINUS_INFINITY) - base)
    if sink is not None:
        total = total + exp2(where(finite, sink, MINUS_INFINITY) - base)
    logarithm = where(finite, (base + log2(where(finite, total, 1.0))) * LN_2, peak)
    return where(is_nan(state.total), state.total, logarithm)  # a maximum may drop NaN
