"""The sizes that a step is compiled for.

A step is padded to the smallest bucket that has room for it. Buckets double, so padding costs at most half of a step,
and there are few programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Bucket:
    """Sizes of a program.

    tokens, requests, pages: T, B, and pages of a request in the first group of caches. general: whether rows may be
    sampled, ask for logprobs and have penalties; otherwise all are greedy.
    """

    tokens: int
    requests: int
    pages: int
    general: bool

    @property
    def longest(self) -> int:
        """Most tokens of one request, see `jax_impl.layers.step.Step`. Only steps of decodes are as long as wide."""
        return 1 if self.tokens == self.requests else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The sizes that programs are compiled for.

    tokens, requests, pages: the largest step, batch and table.
    """

    tokens: int
    requests: int
    pages: int

    def smallest(self, tokens: int, requests: int, pages: int, general: bool) -> Bucket:
        """The bucket of a step. Steps of decodes alone have one token per request."""
        batch = min(_power(requests), self.requests)
        if tokens == requests:
            size = batch
        else:
            # With parts of prompts the batch is the largest: such steps are long, and few programs matter more.
            size, batch = min(max(_power(tokens), _LEAST_TOKENS), self.tokens), self.requests
            size = self._mixed(size)
        width = min(max(_power(pages, 4), _LEAST_PAGES), self.pages)
        return Bucket(tokens=size, requests=batch, pages=width, general=general)

    def _mixed(self, size: int) -> int:
        """Tokens of a step with parts of prompts: more than requests, as `Bucket.longest` has it."""
        return max(size, self.requests + 1)

    def all(self) -> Iterator[Bucket]:
        """Every bucket, short contexts first."""
        widths = _steps(_LEAST_PAGES, self.pages, 4)
        for general in (False, True):
            for pages in widths:
                for requests in _steps(1, self.requests, 2):
                    yield Bucket(tokens=requests, requests=requests, pages=pages, general=general)
                sizes = {self._mixed(size) for size in _steps(_LEAST_TOKENS, self.tokens, 2)}
                for tokens in sorted(sizes):
                    yield Bucket(tokens=tokens, requests=self.requests, pages=pages, general=general)


_LEAST_TOKENS: Final = 32
_LEAST_PAGES: Final = 16


def _power(size: int, base: int = 2) -> int:
    """The least power of `base` that is not less."""
    found = 1
    while found < size:
        found *= base
    return found


def _steps(first: int, last: int, factor: int) -> list[int]:
    found = [min(first, last)]
    while found[-1] < last:
        found.append(min(found[-1] * factor, last))
    return found
