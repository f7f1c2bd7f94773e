"""Test data of index operations: batches of requests, their block tables, and invalid indices.

"exact" batches are like a server's: requests of equal length, no padding, indices in range. "random" ones have
empty requests, tokens of padding, and indices outside everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.declare.op import Sample

NDArray = np.ndarray[Any, Any]
Arrays = dict[str, NDArray]
FAR = 1_000_000  # outside every request, page and table
_FIRST = 5  # element of query_start_loc that tokens are counted from


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests of one step, int64.

    start: [R + 1], from `_FIRST` on. lengths: [R], this step included. token_to_req, positions: [T], -1 in padding.
    """

    start: NDArray
    lengths: NDArray
    token_to_req: NDArray
    positions: NDArray

    @property
    def queries(self) -> NDArray:
        """Tokens of every request in this step."""
        return np.diff(self.start)


def batch(sample: Sample, window: int, ratio: int = 1) -> Batch:
    """A batch of sizes T and R with positions around the window and the ratio, and far beyond."""
    rng, tokens, requests = sample.rng, sample.sizes["T"], sample.sizes["R"]
    counts = np.zeros(0, np.int64)
    if requests and sample.kind == "exact":
        counts = np.full(requests, tokens // requests)
        counts[: tokens % requests] += 1
    elif requests:
        live = tokens - tokens // 8
        ends = np.sort(rng.integers(0, live + 1, requests - 1))
        counts = np.diff([0, *ends, live])
    known = np.array([0, window - 2, window - 1, window, window + 1, ratio - 1, ratio, 5 * window + 3, 9 * ratio + 1])
    before = np.maximum(known, 0)[rng.permutation(np.arange(requests)) % len(known)]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    owner = np.full(tokens, -1)
    positions = np.full(tokens, -1)
    for b in range(requests):
        owner[start[b] : start[b + 1]] = b
        positions[start[b] : start[b + 1]] = before[b] + np.arange(counts[b])
    return Batch(start=start + _FIRST, lengths=before + counts, token_to_req=owner, positions=positions)


def starts(found: Batch) -> Arrays:
    """The arguments that say which tokens a request has."""
    return {"query_start_loc": found.start, "seq_lens": found.lengths}


def table(sample: Sample, unused: NDArray | None = None) -> NDArray:
    """Pages int64 [B, NB], drawn from twice as many as the table has room for; in random data some are missing."""
    shape = sample.shapes["block_table"]
    pages = sample.rng.permutation(2 * max(int(np.prod(shape)), 1))[: int(np.prod(shape))].reshape(shape)
    if sample.kind == "random":
        pages = np.where(sample.rng.random(shape) < 1 / 16, -FAR, pages)
    return pages if unused is None else np.where(unused, -FAR, pages)


def slots(sample: Sample, count: int) -> NDArray:
    """Slots int64 [count], a fifth of them missing in random data."""
    found = sample.rng.permutation(4 * max(count, 1))[:count].astype(np.int64)
    if sample.kind == "exact":
        return found
    drawn = sample.rng.random(count)
    return np.where(drawn < 1 / 5, np.where(drawn < 1 / 10, -1, -7), found)


def owners(sample: Sample, count: int) -> NDArray:
    """Requests int64 [count] of the block table; in random data some that it does not have."""
    rows = sample.shapes["block_table"][0]
    found = sample.rng.integers(0, max(rows, 1), count)
    if sample.kind == "exact" and rows:
        return found
    drawn = sample.rng.random(count)
    return np.where(drawn < 1 / 8, np.where(drawn < 1 / 16, -1, rows), found)


def around(sample: Sample, count: int, *marks: int) -> NDArray:
    """Positions int64 [count] at and next to the marks and their multiples, 0 among them; negative ones in padding."""
    known = np.array([0, *(k * mark + step for mark in marks for k in (1, 2, 3) for step in (-2, -1, 0, 1))])
    found = np.maximum(known, 0)[sample.rng.integers(0, len(known), count)]
    return found if sample.kind == "exact" else np.where(sample.rng.random(count) < 1 / 16, -1, found)
