"""Rows that no request owns: padding of a batch to a fixed size, before cu_seqlens_q[0] or from cu_seqlens_q[-1] on.

Their out is 0 and their lse -inf, whatever the sinks are. The programs after the last request share them.
"""

from __future__ import annotations

from typing import Any

from specs.attention.columns import Span
from specs.attention.softmax import MINUS_INFINITY, empty
from specs.flash.results import store_out
from specs.flash.splits import store_part
from specs.flash.work import Work, owned_rows, tiles_per_head
from specs.lang.formats.elements import F32
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, fori_loop, full, maximum, store, where


def fill_unowned(p: Any, at: Work, columns: tuple[Span, ...]) -> None:
    """Fills tiles i, i + n, .. of the rows (token, head) outside the requests, i of n the number of this program."""
    first, end = owned_rows(p)
    per_head = tiles_per_head(p)
    programs, own = per_head * p.HKV, at.head * per_head + at.first // p.BLOCK_M
    count = (p.TQ - (end - first)) * p.HQ
    tiles = (count + (p.BLOCK_M - 1)) // p.BLOCK_M

    def fill(step: Tile) -> None:
        row = (own + step * programs) * p.BLOCK_M + arange(p.BLOCK_M)
        token = row // p.HQ
        token = where(token < first, token, token + (end - first))
        _store(p, at, token, row % p.HQ, row < count, columns)

    fori_loop(0, (maximum(tiles - own, 0) + (programs - 1)) // programs, fill)


def _store(p: Any, at: Work, token: Tile, head: Tile, live: Tile, columns: tuple[Span, ...]) -> None:
    """What a row without keys gets, or its part of no keys."""
    state = empty(p.BLOCK_M, tuple(span.count for span in columns))
    if at.split is not None:
        store_part(p, at.split, token, head, live, columns, state)
        return
    for span, zero in zip(columns, state.sums, strict=True):
        store_out(p, token, head, live, span, zero)
    if p.return_softmax_lse:
        store(p.lse, (head, token), full((p.BLOCK_M,), MINUS_INFINITY, F32), live)
