"""Pages of all groups of a model's caches: what a request has of each, and which prefixes another one can begin with.

Prefixes are shared up to the ends of blocks, where pages of all groups end. A prefix can be used when every group has
the pages that the tokens after it read: all of them where a group keeps all rows, the last ones, or none, where it has
a window or the state of a compressor. So of such a group only these pages are kept for later requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jax_impl.serving.pages import Digest, Name, PagePool
from specs.decoder.groups import NO_PAGE, CacheGroup, prefix_boundary

Tables = dict[str, list[int]]
"""By group the pages of a request in order of its positions, `NO_PAGE` for those that it has let go."""


class CachePages:
    """A pool of pages for every group."""

    def __init__(self, groups: Sequence[CacheGroup], pages: Mapping[str, int]) -> None:
        """Pools in which all pages are free. pages: how many every group has."""
        self.groups: Final = tuple(groups)
        self.boundary: Final = prefix_boundary(groups)
        self.pools: Final = {group.name: PagePool(pages[group.name]) for group in groups}

    @property
    def free(self) -> int:
        """Pages of all groups that requests can get, including those with a cached prefix."""
        return sum(pool.free for pool in self.pools.values())

    @property
    def pages(self) -> int:
        """Pages of all groups."""
        return sum(pool.pages for pool in self.pools.values())

    def check(self, length: int, step: int) -> None:
        """Checks that a request fits when it is alone.

        Args:
            length: its tokens. step: most tokens of a step.

        Raises:
            ValueError: a group has too few pages.
        """
        for group in self.groups:
            needed, found = group.most_pages(length, step), self.pools[group.name].pages
            if found < needed:
                message = f"pages of {group.name}: expected at least {needed} for requests of {length} tokens"
                raise ValueError(f"{message}; got {found}")

    def grow(self, tables: Tables, tokens: int) -> bool:
        """Adds pages for up to `tokens` tokens; False, and nothing added, where a group has too few."""
        needed = {group.name: group.pages(tokens) - len(tables.get(group.name, ())) for group in self.groups}
        if any(count > self.pools[name].free for name, count in needed.items()):
            return False
        for name, count in needed.items():
            taken = self.pools[name].take(max(count, 0))
            assert taken is not None
            tables.setdefault(name, []).extend(taken)
        return True

    def trim(self, tables: Tables, computed: int) -> None:
        """Lets pages go whose rows no token from position `computed` on reads."""
        for group in self.groups:
            own, first = tables[group.name], group.first_page(computed)
            last = first
            while last and own[last - 1] != NO_PAGE:
                last -= 1
            self.pools[group.name].release(own[last:first])
            own[last:first] = [NO_PAGE] * (first - last)

    def match(self, digests: Sequence[Digest]) -> tuple[Tables, int]:
        """The longest prefix that all groups have: its pages, to each of which the caller has a reference, and tokens.

        Args:
            digests: of the blocks of the longest prefix that could be used.
        """
        blocks = len(digests)
        for group in self.groups:
            if group.back is None:
                blocks = self._whole_blocks(group, digests, blocks)
        while blocks and any(self._find(group, digests, blocks) is None for group in self.groups):
            blocks -= 1
        tables: Tables = {}
        for group in self.groups if blocks else ():
            found = self._find(group, digests, blocks)
            assert found is not None
            self.pools[group.name].share(found)
            tables[group.name] = [NO_PAGE] * (group.pages(blocks * self.boundary) - len(found)) + found
        return tables, blocks * self.boundary

    def publish(self, tables: Tables, digests: Sequence[Digest], start: int, end: int) -> None:
        """Lets later requests find the pages of the blocks that end after `start` tokens, and not after `end`."""
        for group in self.groups:
            own, pool = tables[group.name], self.pools[group.name]
            for block in range(start // self.boundary, end // self.boundary):
                stop = (block + 1) * self.boundary
                first = max(group.first_page(stop), group.pages(block * self.boundary))
                for page in range(first, group.pages(stop)):
                    pool.publish(own[page], self._name(group, digests, page))

    def release(self, tables: Tables) -> None:
        """Gives all pages back."""
        for name, pages in tables.items():
            self.pools[name].release([page for page in pages if page != NO_PAGE])
        tables.clear()

    def _name(self, group: CacheGroup, digests: Sequence[Digest], page: int) -> Name:
        return digests[page * group.page_tokens // self.boundary], page

    def _whole_blocks(self, group: CacheGroup, digests: Sequence[Digest], most: int) -> int:
        """Blocks from the beginning all pages of which are cached."""
        pool = self.pools[group.name]
        for page in range(group.pages(most * self.boundary)):
            if pool.cached(self._name(group, digests, page)) is None:
                return page * group.page_tokens // self.boundary
        return most

    def _find(self, group: CacheGroup, digests: Sequence[Digest], blocks: int) -> list[int] | None:
        """The pages that tokens after a prefix of `blocks` blocks read; None where one is not cached."""
        end, pool, found = blocks * self.boundary, self.pools[group.name], list[int]()
        for page in range(group.first_page(end), group.pages(end)):
            cached = pool.cached(self._name(group, digests, page))
            if cached is None:
                return None
            found.append(cached)
        return found
