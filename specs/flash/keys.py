"""Tiles of keys and values: of one array where all requests follow each other, or of pages by a block table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.attention.columns import Span
from specs.cache.kv_layouts import View
from specs.flash.work import Work
from specs.lang.formats.elements import ElementFormat
from specs.tile.blocks import Slice, ds, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, load, maximum, minimum


@dataclass(frozen=True, slots=True)
class Keys:
    """BLOCK_N keys of a request.

    page: of all, or of each. rows: a range within the page, or the row of each key. live: which exist, where pages or
    rows are per key; None for all.
    """

    page: Tile | int
    rows: Slice | Tile
    head: Tile
    live: Tile | None = None

    def chunk(self, view: View, span: Span, wide: ElementFormat) -> Tile:
        """Columns of keys or values, [keys, columns] as `wide`; zeros where there is none."""
        if isinstance(self.rows, Slice):
            return load_block(view.array, view.block(self.page, self.rows, self.head, span.first, span.count)).to(wide)
        page = self.page if isinstance(self.page, int) else self.page[:, None]
        inside = span.inside()
        mask = both(None if self.live is None else self.live[:, None], None if inside is None else inside[None, :])
        at = view.at(page, self.rows[:, None], self.head, span.columns()[None, :])
        return load(view.array, at, mask).to(wide)

    def scales(self, array: ArrayHandle) -> Tile:
        """Scales of the keys or of the values [keys]; zeros where there is none."""
        if isinstance(self.rows, Slice):
            return load_block(array, (self.page, self.rows, self.head))
        return load(array, (self.page, self.rows, self.head), self.live)


def keys_of(p: Any, at: Work, tile: Tile, masked: bool) -> Keys:
    """Tile number `tile` of a program's keys; masked: whether some may not exist.

    Entries of the table that name no page are clamped to existing pages: no memory outside the cache is read.
    """
    first = tile * p.BLOCK_N
    if p.block_table is None:
        # The range ends with the keys of the request: what follows are keys of others.
        start, end = at.request.key + first, at.request.key + at.request.keys
        return Keys(0, ds(start, p.BLOCK_N, end=end, in_bounds=not masked), at.head)
    if p.WHOLE_TILES:  # a tile lies in one page
        page = load(p.block_table, (at.request.number, first // p.PAGE))
        start = first % p.PAGE
        rows = ds(start, p.BLOCK_N, end=start + (at.request.keys - first), in_bounds=not masked)
        return Keys(_existing(p, page), rows, at.head)
    position = first + arange(p.BLOCK_N)
    live = position < at.request.keys if masked else None
    page = load(p.block_table, (at.request.number, position // p.PAGE), live)
    return Keys(_existing(p, page), position % p.PAGE, at.head, live)


def _existing(p: Any, page: Tile) -> Tile:
    return minimum(maximum(page, 0), p.PAGES - 1)
