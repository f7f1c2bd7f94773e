"""Pages of the key and value caches: who owns them, and which ones hold a prefix that another request can use.

A page is counted once for every request that reads it. Only full pages are shared: they never change again, and a
request writes only into pages that it alone has. Pages without an owner keep what they hold until they are taken, least
recently used first, so that the next request with the same prefix finds them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

Digest = bytes
ROOT: Final[Digest] = hashlib.sha256(b"twinkernels prefix cache").digest()
"""Parent of the first block of every request."""
Name = tuple[Digest, int]
"""Of a page with a prefix: the digest of the block that it ends in, and its number in the order of positions."""


def block_digest(parent: Digest, tokens: Sequence[int], salt: bytes = b"") -> Digest:
    """Name of a full block: sha256 of the block before it, its tokens as little-endian int32, and a salt.

    By the chain the name covers the whole prefix, not the block's tokens alone.
    """
    return hashlib.sha256(parent + np.asarray(tokens, "<i4").tobytes() + salt).digest()


class PagePool:
    """Page numbers 0 .. pages - 1 of one group, with reference counts and a cache of prefixes."""

    def __init__(self, pages: int) -> None:
        """A pool in which all pages are free. pages: how many there are."""
        self.pages: Final = pages
        self._references = [0] * pages
        self._names: list[Name | None] = [None] * pages
        self._cached: dict[Name, int] = {}
        # Ordered: the first is taken first. Pages that hold nothing of use go to the front, others to the back.
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(pages))

    @property
    def free(self) -> int:
        """Pages that `take` can give, those with a cached prefix included."""
        return len(self._free)

    def references(self, page: int) -> int:
        """Requests that read a page."""
        return self._references[page]

    def cached(self, name: Name) -> int | None:
        """The page that holds what a name says, if there is one."""
        return self._cached.get(name)

    def share(self, pages: Sequence[int]) -> None:
        """Gives the caller a reference to each page."""
        for page in pages:
            self._free.pop(page, None)
            self._references[page] += 1

    def take(self, count: int) -> list[int] | None:
        """`count` empty pages that the caller alone owns; None, and nothing taken, where too few are free."""
        if count > len(self._free):
            return None
        taken = [self._free.popitem(last=False)[0] for _ in range(count)]
        for page in taken:
            self._forget(page)
            self._references[page] = 1
        return taken

    def publish(self, page: int, name: Name) -> None:
        """Lets later requests find a full page that the caller owns; of two with the same contents, the first."""
        if name not in self._cached:
            self._forget(page)
            self._cached[name] = page
            self._names[page] = name

    def release(self, pages: Sequence[int]) -> None:
        """Gives back a reference to each page; the last pages of a prefix are the first to be reused."""
        for page in reversed(pages):
            if self._references[page] <= 0:
                raise ValueError(f"page {page}: expected a page in use; it is free")
            self._references[page] -= 1
            if self._references[page] == 0:
                self._free[page] = None
                if self._names[page] is None:
                    self._free.move_to_end(page, last=False)

    def _forget(self, page: int) -> None:
        name = self._names[page]
        if name is not None:
            del self._cached[name]
            self._names[page] = None
