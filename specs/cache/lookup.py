"""Lookups of tile programs: the request of a token, and cache slots through a block table.

Indices that come from data are checked against their range before they address anything: a request or page that does
not exist reads nothing, and its slot is -1. Any negative index counts as none.
"""

from __future__ import annotations

from typing import Any

from specs.lang.formats.elements import INT32, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, cdiv, fori_loop, load, reduce_sum, where, zeros


def request_of(p: Any, token: Tile) -> Tile:
    """The request that a token belongs to, i32; the number of requests after the last one's tokens.

    Args:
        p: has query_start_loc [R + 1], R and BLOCK_R. Every end of a request is compared, BLOCK_R at a time: for a few
            thousand requests that is fewer dependent loads than a binary search, and requests may be empty.
        token: scalar or [n].
    """
    return owner_of(p.query_start_loc, p.R, p.BLOCK_R, token)


def owner_of(starts: ArrayHandle, owners: Tile, block: int, item: Tile) -> Tile:
    """Index of the part that contains an item, i32; `owners` for items past the last part.

    Args:
        starts: where parts begin, and the end after the last [owners + 1]; counted from its first element. Looked at
            `block` at a time.
        item: scalar or [n].
    """
    # A slice of the batch's array: its first element is not 0.
    first = load(starts, (0,))

    def count(k: Tile, ended: Tile) -> Tile:
        owner = k * block + arange(block)
        inside = owner < owners
        # A part that ends at or before the item lies wholly before it: their number is the owner, empty parts included.
        end = load(starts, (owner + 1,), inside) - first
        if not item.shape:
            return ended + reduce_sum((inside & (end <= item)).to(INT32), axis=0)
        over = inside[None, :] & (end[None, :] <= item[:, None])
        return ended + reduce_sum(over.to(INT32), axis=1)

    ended: Tile = fori_loop(0, cdiv(owners, block), count, zeros(item.shape, INT32))
    return ended


def position_of(p: Any, token: Tile, request: Tile, live: Tile) -> Tile:
    """Position of a token in its request, counted in original tokens, i32; -1 where `live` is false."""
    first = load(p.query_start_loc, (0,))
    end = load(p.query_start_loc, (request + 1,), live) - first
    length = load(p.seq_lens, (request,), live)
    # seq_lens includes this step's tokens, whose last one is end - 1 here and length - 1 in the request.
    return where(live, length - end + token, -1)


def slot_of(p: Any, request: Tile, index: Tile, live: Tile, rows: int, form: ElementFormat = INT32) -> Tile:
    """Slot of entry `index` of a request, in `form`; -1 where there is none.

    Args:
        p: has block_table [B, NB] of int32, B and NB.
        request: a scalar, or of the shape of `index`. live: of that shape, or a scalar.
        rows: entries per page.
    """
    # A request outside the table (padding has -1) has no pages: its row must not be read.
    pages = where((request >= 0) & (request < p.B), p.NB, 0)
    live = live & (index >= 0)
    entry = where(live, index, 0)
    page = entry // rows
    live = live & (page < pages)
    # other=-1 makes masked lanes look like missing pages.
    block = load(p.block_table, (request, page), live, other=-1)
    # Widened before the product: page * rows overflows int32 in caches of more than 2**31 rows.
    return where(block >= 0, block.to(form) * rows + (entry % rows).to(form), -1)
