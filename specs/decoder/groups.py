"""Groups of caches: what a serving engine has to know of a model's pages, and all that it knows of them.

A model has one group or several. All layers that cache rows of the same kind share a group: its pages have the same
numbers in each of them, and a request has one table of pages per group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NO_PAGE: Final = -1
"""Entry of a table where a request has let a page go, or never had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedRequest:
    """What a step computes of one request of a model with several groups.

    computed: tokens that are in the caches already.
    tokens: ids of the new tokens, at positions computed .. computed + len(tokens) - 1.
    pages: for every group the pages of the request, in order of its positions; `NO_PAGE` for those it let go.
    """

    computed: int
    tokens: Sequence[int]
    pages: Mapping[str, Sequence[int]]

    @property
    def length(self) -> int:
        """Tokens after the step."""
        return self.computed + len(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGroup:
    """Pages of one kind, and which rows tokens to come still read.

    page_tokens: tokens of a page.
    page_bytes: of a page in the caches of all layers, on one device.
    back: rows that are read before the block of the next token; None where all rows are read, however old.
    block: tokens that are read together: 1 in a sliding window of `back` + 1 tokens, r in a compressor that makes an
        entry of r tokens.
    """

    name: str
    page_tokens: int
    page_bytes: int
    back: int | None = None
    block: int = 1

    def first_page(self, computed: int) -> int:
        """The first page that the token at position `computed`, or a later one, reads."""
        if self.back is None:
            return 0
        return max(computed // self.block * self.block - self.back, 0) // self.page_tokens

    def pages(self, tokens: int) -> int:
        """Pages that have room for `tokens` tokens."""
        return -(-tokens // self.page_tokens)

    def most_pages(self, length: int, step: int) -> int:
        """Pages that a request of `length` tokens has at once, when a step computes at most `step` tokens of it."""
        whole = self.pages(length)
        if self.back is None:
            return whole
        return min(whole, self.pages(self.back + self.block - 1 + step) + 1)

    def capacity(self, tokens: int, *, requests: int, step: int, boundary: int) -> int:
        """Pages that go with room for `tokens` tokens in groups that keep all rows.

        Args:
            requests, step: that run at once, and tokens of a step. boundary: see `prefix_boundary`.
        """
        whole = self.pages(tokens)
        if self.back is None:
            return whole
        # Two steps may be queued, and every request has two pages that it shares with what it lets go or gets.
        running = self.pages(2 * step) + requests * (self.pages(self.back + self.block - 1) + 2)
        prefixes = tokens // boundary * (self.pages(boundary) - self.first_page(boundary))
        return min(whole, running + prefixes) if tokens else 0


def prefix_boundary(groups: Sequence[CacheGroup]) -> int:
    """Tokens of the blocks in which prefixes are shared: at their ends pages of all groups end."""
    return math.lcm(*(group.page_tokens for group in groups))
