"""The arrays of one step: tokens of many requests, decodes and parts of prompts, in one flat batch.

Request b has the tokens query_start_loc[b] .. query_start_loc[b + 1]. The keys and values of a step are written into
the caches before its attention reads them, so `seq_lens` includes the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]

PADDING_SLOT = -1
"""Slot of tokens that are padding: inserts skip it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a step computes of one request.

    computed: tokens that are in the caches already.
    tokens: ids of the new tokens, at positions computed .. computed + len(tokens) - 1.
    pages: the pages of the request, in order of its positions.
    """

    computed: int
    tokens: Sequence[int]
    pages: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBatch:
    """A step of T tokens of B requests; int32 arrays, so that both frameworks take them as they are.

    token_ids, positions, slot_mapping: [T]; a slot is page * page_size + row, -1 in padding.
    token_to_req: [T], the request of every token; 0 in padding.
    query_start_loc: [B + 1]. seq_lens: [B], keys of every request, this step's included; 0 in padding.
    block_table: [B, P], pages of every request; what follows the pages in use is 0.
    logits_indices: [B], the token of every request whose logits are wanted: its last.
    """

    token_ids: Ints
    positions: Ints
    slot_mapping: Ints
    token_to_req: Ints
    query_start_loc: Ints
    seq_lens: Ints
    block_table: Ints
    logits_indices: Ints

    @property
    def longest(self) -> int:
        """1 for decodes alone, else 0: layers take their `longest` from it, a number of their programs' own."""
        return int(np.diff(self.query_start_loc).max(initial=0) <= 1)


def step_batch(
    requests: Sequence[Request],
    *,
    page_size: int,
    tokens: int | None = None,
    batch: int | None = None,
    table: int | None = None,
) -> StepBatch:
    """The arrays of a step.

    Args:
        requests: decodes and parts of prompts, in the order of the rows; attention is fastest with decodes first.
        page_size: rows of a page.
        tokens, batch, table: sizes to pad to, T, B and P; no padding when left out.

    Raises:
        ValueError: more tokens, requests or pages than the sizes to pad to, or pages too few for the positions.
    """
    lengths = [request.computed + len(request.tokens) for request in requests]
    counts = [len(request.tokens) for request in requests]
    for index, (request, length) in enumerate(zip(requests, lengths, strict=True)):
        if len(request.pages) * page_size < length:
            have = len(request.pages)
            raise ValueError(f"requests[{index}].pages: expected at least {-(-length // page_size)}; got {have}")
    width = max((len(request.pages) for request in requests), default=0)
    sizes = (_size("tokens", tokens, sum(counts)), _size("batch", batch, len(requests)), _size("table", table, width))
    t, b, p = sizes
    ids, positions, slots, owner = (np.zeros(t, np.int32) for _ in range(4))
    slots[:] = PADDING_SLOT
    block_table = np.zeros((b, p), np.int32)
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    for index, request in enumerate(requests):
        rows = slice(int(starts[index]), int(starts[index + 1]))
        pages = np.asarray(request.pages, np.int32)
        block_table[index, : len(pages)] = pages
        ids[rows] = request.tokens
        positions[rows] = request.computed + np.arange(counts[index])
        slots[rows] = pages[positions[rows] // page_size] * page_size + positions[rows] % page_size
        owner[rows] = index
    start_loc = np.full(b + 1, starts[-1], np.int32)
    start_loc[: len(starts)] = starts
    seq_lens = np.zeros(b, np.int32)
    seq_lens[: len(lengths)] = lengths
    return StepBatch(
        token_ids=ids,
        positions=positions,
        slot_mapping=slots,
        token_to_req=owner,
        query_start_loc=start_loc,
        seq_lens=seq_lens,
        block_table=block_table,
        logits_indices=np.maximum(start_loc[1:] - 1, 0),
    )


def _size(name: str, wanted: int | None, needed: int) -> int:
    if wanted is not None and wanted < needed:
        raise ValueError(f"{name}: expected at least {needed}; got {wanted}")
    return needed if wanted is None else wanted
