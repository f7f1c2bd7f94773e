"""Tiles of keys and values: of one array where all requests follow each other, or of pages by a block table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.attention.columns import Span
from specs.flash.work import Work
from specs.lang.formats.elements import ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, load, maximum, minimum


@dataclass(frozen=True, slots=True)
class Keys:
    """BLOCK_N keys of a request. page: of all or of each; row: within the page; live: which exist, None for all."""

    page: Tile | int
    row: Tile
    head: Tile
    live: Tile | None

    def chunk(self, array: ArrayHandle, span: Span, wide: ElementFormat) -> Tile:
        """Columns of keys or values, [keys, columns] as `wide`; zeros where there is none."""
        page = self.page if isinstance(self.page, int) or not self.page.shape else self.page[:, None]
        inside = span.inside()
        mask = both(None if self.live is None else self.live[:, None], None if inside is None else inside[None, :])
        return load(array, (page, self.row[:, None], self.head, span.columns()[None, :]), mask).to(wide)


def keys_of(p: Any, at: Work, tile: Tile, masked: bool) -> Keys:
    """Tile number `tile` of a program's keys; masked: whether some may not exist.

    Entries of the table that name no page are held to those that there are: memory of others is never read.
    """
    first = tile * p.BLOCK_N
    position = first + arange(p.BLOCK_N)
    live = position < at.request.keys if masked else None
    if p.block_table is None:
        return Keys(0, at.request.key + position, at.head, live)
    if p.WHOLE_TILES:  # a tile lies in one page
        page = load(p.block_table, (at.request.number, first // p.PAGE))
        row = first % p.PAGE + arange(p.BLOCK_N)
    else:
        page = load(p.block_table, (at.request.number, position // p.PAGE), live)
        row = position % p.PAGE
    return Keys(minimum(maximum(page, 0), p.PAGES - 1), row, at.head, live)
