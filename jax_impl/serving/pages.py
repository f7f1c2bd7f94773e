"""Pages of the key and value caches: who owns them, and which ones hold a prefix that another request can use.

A page is counted once for every request that reads it. Only full pages are shared: they never change again, and a
request writes only into pages that it alone has. Pages without an owner keep what they hold until they are taken, least
recently used first, so that the next request with the same prefix finds them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

Digest = bytes
ROOT: Final[Digest] = hashlib.sha256(b"twinkernels prefix cache").digest()
"""Parent of the first page of every request."""


def page_digest(parent: Digest, tokens: Sequence[int], salt: bytes = b"") -> Digest:
    """Name of a full page: sha256 of the page before it, its tokens as little-endian int32, and a salt.

    By the chain the name covers the whole prefix, not the page's tokens alone.
    """
    return hashlib.sha256(parent + np.asarray(tokens, "<i4").tobytes() + salt).digest()


class PagePool:
    """Page numbers 0 .. pages - 1, with reference counts and a cache of prefixes."""

    def __init__(self, pages: int, page_size: int) -> None:
        """A pool in which all pages are free.

        Args:
            pages: how many there are. page_size: tokens that one has room for.
        """
        self.pages: Final = pages
        self.page_size: Final = page_size
        self._references = [0] * pages
        self._digests: list[Digest | None] = [None] * pages
        self._cached: dict[Digest, int] = {}
        # Ordered: the first is taken first. Pages that hold nothing of use go to the front, others to the back.
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(pages))

    @property
    def free(self) -> int:
        """Pages that `take` can give, those with a cached prefix included."""
        return len(self._free)

    def references(self, page: int) -> int:
        """Requests that read a page."""
        return self._references[page]

    def match(self, digests: Iterable[Digest]) -> list[int]:
        """The pages of the longest cached prefix; the caller owns a reference to each."""
        found = []
        for digest in digests:
            page = self._cached.get(digest)
            if page is None:
                break
            found.append(page)
            self._free.pop(page, None)
            self._references[page] += 1
        return found

    def take(self, count: int) -> list[int] | None:
        """`count` empty pages that the caller alone owns; None, and nothing taken, where too few are free."""
        if count > len(self._free):
            return None
        taken = [self._free.popitem(last=False)[0] for _ in range(count)]
        for page in taken:
            self._forget(page)
            self._references[page] = 1
        return taken

    def publish(self, page: int, digest: Digest) -> None:
        """Lets later requests find a full page that the caller owns; of two with the same contents, the first."""
        if digest not in self._cached:
            self._forget(page)
            self._cached[digest] = page
            self._digests[page] = digest

    def release(self, pages: Sequence[int]) -> None:
        """Gives back a reference to each page; the last pages of a prefix are the first to be reused."""
        for page in reversed(pages):
            if self._references[page] <= 0:
                raise ValueError(f"page {page}: expected a page in use; it is free")
            self._references[page] -= 1
            if self._references[page] == 0:
                self._free[page] = None
                if self._digests[page] is None:
                    self._free.move_to_end(page, last=False)

    def _forget(self, page: int) -> None:
        digest = self._digests[page]
        if digest is not None:
            del self._cached[digest]
            self._digests[page] = None
