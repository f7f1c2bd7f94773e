"""The arrays of one step of DeepSeek-V4: tokens of many requests, and pages in several groups of caches.

Decodes, requests with one new token, come first, then parts of prompts. Either kind may be padded to a number of rows:
a padded step has arrays of the same sizes however many requests of a kind it has, so that one program serves them all.
Groups have pages, and tables of pages, of their own. Groups of a window may let go the pages that it has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from specs.decoder.groups import NO_PAGE, GroupedRequest

Ints = npt.NDArray[np.integer[Any]]

NO_SLOT: Final = -1
"""Slot of tokens that are padding: inserts skip it."""
PAGE_TOKENS: Final[Mapping[str, int]] = {
    "window": 64,
    "c4": 256,
    "c128": 256,
    "indexer": 256,
    "c4_state": 4,
    "c128_state": 8,
    "indexer_state": 4,
}
"""Tokens of a page in every group. A page of c4, c128 or the indexer has a row per compressed entry."""
STATES: Final = ("c4_state", "c128_state", "indexer_state")


def groups(ratios: Sequence[int]) -> tuple[str, ...]:
    """Groups of caches that layers with these compression ratios have."""
    found = ["window"]
    found += ["c4", "indexer", "c4_state", "indexer_state"] if 4 in ratios else []
    found += ["c128", "c128_state"] if 128 in ratios else []
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class V4StepBatch:
    """A step of T tokens of B requests, the first D of which decode one token each; int32 arrays.

    Token i < D is that of request i; parts of prompts begin at token D. A row of padding among the decodes has a token
    without a slot, one among the others has no token.

    token_ids, positions: [T]. query_start_loc: [B + 1]. logits_indices: [B], the last token of every request.
    seq_lens: [B], tokens of every request after the step; 0 in padding.
    slot_mapping: [T], slot in the window's pages, -1 in padding. state_slots: the same for every group of states.
    block_tables: [B, pages] of every group.
    index_lens: [D, 1], entries of ratio 4 that a decode sees. index_starts: [B - D + 1], where the entries of the
        others begin when they are gathered one request after the other.
    index_first, index_end: [T - D], the gathered entries that a token sees.
    decodes: D, rows for decodes, padding included. longest_decode, longest_prefill: bounds of `seq_lens` of
        decodes and of the others. longest_chunk: bound of the new tokens of the others. These four are static in a
        compiled step, as the sizes of its arrays are: T, B and the widths of the tables.
    """

    token_ids: Ints
    positions: Ints
    query_start_loc: Ints
    seq_lens: Ints
    logits_indices: Ints
    slot_mapping: Ints
    state_slots: Mapping[str, Ints]
    block_tables: Mapping[str, Ints]
    index_lens: Ints
    index_starts: Ints
    index_first: Ints
    index_end: Ints
    decodes: int
    longest_decode: int
    longest_prefill: int
    longest_chunk: int


def step_batch(
    requests: Sequence[GroupedRequest],
    ratios: Sequence[int],
    *,
    tokens: int | None = None,
    decodes: int | None = None,
    prefills: int | None = None,
    longest: int | None = None,
    longest_chunk: int | None = None,
) -> V4StepBatch:
    """The arrays of a step.

    Args:
        requests: decodes first. ratios: compression ratios of the layers.
        tokens, decodes, prefills: sizes to pad to: T, rows for decodes (a token each), and rows for the others.
        longest, longest_chunk: bounds of the tokens of a request, and of its new ones, which give the tables' widths
            too. Whatever is left out is what the step needs.

    Raises:
        ValueError: a decode after a part of a prompt, too few pages, or sizes too small.
    """
    counts = [len(request.tokens) for request in requests]
    live = sum(count == 1 for count in counts)
    if any(count == 1 for count in counts[live:]) or 0 in counts:
        raise ValueError(f"requests: expected those with one token first, and none without; got {counts}")
    d = _size("decodes", decodes, live)
    longest_decode, longest_prefill = (
        _size("longest", longest, max((one.length for one in part), default=0))
        for part in (requests[:live], requests[live:])
    )
    rows = np.asarray([*range(live), *range(d, d + len(counts) - live)], np.int64)
    count, lengths = (np.zeros(d + _size("prefills", prefills, len(counts) - live), np.int32) for _ in range(2))
    count[rows], lengths[rows] = counts, [request.length for request in requests]
    starts = _starts(np.where(np.arange(len(count)) < d, 1, count))
    padded = _size("tokens", tokens, int(starts[-1]))
    owner = np.repeat(np.arange(len(count)), count)  # of the tokens that are none of padding
    place = np.concatenate([np.arange(live), np.arange(d, starts[-1])])
    ids, positions = np.zeros(padded, np.int32), np.zeros(padded, np.int32)
    ids[place] = np.concatenate([np.zeros(0, np.int32), *(np.asarray(one.tokens, np.int32) for one in requests)])
    positions[place] = lengths[owner] - starts[owner + 1] + place
    tables = {group: _table(requests, rows, len(count), group, longest) for group in groups(ratios)}
    slots = {
        group: _slots(table, owner, place, positions, PAGE_TOKENS[group])
        for group, table in tables.items()
        if group == "window" or group in STATES
    }
    entries = _starts(lengths[d:] // 4)
    first, end = np.zeros(padded, np.int32), np.zeros(padded, np.int32)
    first[place[live:]] = entries[owner[live:] - d]
    end[place[live:]] = first[place[live:]] + (positions[place[live:]] + 1) // 4
    return V4StepBatch(
        token_ids=ids,
        positions=positions,
        query_start_loc=starts,
        seq_lens=lengths,
        logits_indices=np.maximum(starts[1:] - 1, 0),
        slot_mapping=slots["window"],
        state_slots={group: found for group, found in slots.items() if group != "window"},
        block_tables=tables,
        index_lens=lengths[:d, None] // 4,
        index_starts=entries,
        index_first=first[d:],
        index_end=end[d:],
        decodes=d,
        longest_decode=longest_decode,
        longest_prefill=longest_prefill,
        longest_chunk=_size("longest_chunk", longest_chunk, int(count[d:].max(initial=0))),
    )


def engine_batch(
    requests: Sequence[GroupedRequest], ratios: Sequence[int], *, requests_bound: int, chunk: int, longest: int
) -> tuple[V4StepBatch, list[int]]:
    """A step as an engine has it: requests in any order, sizes of the arrays that do not depend on them.

    Args:
        requests_bound: most requests of a step. chunk: most tokens of parts of prompts; 0 in steps of decodes alone.
        longest: bound of the tokens of a request.

    Returns:
        The arrays, whose `logits_indices` [requests_bound] are in the order of the requests; and by request the index
        of its first token.
    """
    order = sorted(range(len(requests)), key=lambda index: len(requests[index].tokens) > 1)
    found = step_batch(
        [requests[index] for index in order],
        ratios,
        tokens=requests_bound + chunk,
        decodes=requests_bound,
        prefills=requests_bound if chunk else 0,
        longest=longest,
        longest_chunk=chunk,
    )
    starts, last, prompts = [0] * len(requests), np.zeros(requests_bound, np.int32), 0
    for place, index in enumerate(order):
        decodes = len(requests[index].tokens) == 1
        row = place if decodes else found.decodes + prompts
        prompts += not decodes
        starts[index] = int(found.query_start_loc[row])
        last[index] = found.logits_indices[row]
    return replace(found, logits_indices=last), starts


def _starts(counts: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)


def _table(requests: Sequence[GroupedRequest], rows: Ints, count: int, group: str, longest: int | None) -> Ints:
    size = PAGE_TOKENS[group]
    for index, request in enumerate(requests):
        needed, have = -(-request.length // size), len(request.pages[group])
        if have < needed:
            raise ValueError(f"requests[{index}].pages[{group!r}]: expected at least {needed}; got {have}")
    most = max((len(request.pages[group]) for request in requests), default=0)
    width = most if longest is None else -(-longest // size)
    found = np.full((count, width), NO_PAGE, np.int32)
    for row, request in zip(rows, requests, strict=True):
        pages = request.pages[group][:width]  # no position of the step lies in pages after these
        found[row, : len(pages)] = pages
    return found


def _slots(table: Ints, owner: Ints, place: Ints, positions: Ints, size: int) -> Ints:
    slots = np.full(len(positions), NO_SLOT, np.int32)
    used = positions[place]
    slots[place] = table[owner, used // size] * size + used % size
    return slots


def _size(name: str, wanted: int | None, needed: int) -> int:
    if wanted is not None and wanted < needed:
        raise ValueError(f"{name}: expected at least {needed}; got {wanted}")
    return needed if wanted is None else wanted
