"""Oracles of the index operations: the definitions, token by token. Everything is exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.op import Reference

NDArray = np.ndarray[Any, Any]
Results = dict[str, Reference]


def exact(**values: Any) -> Results:
    """Results without rounding."""
    return {name: Reference(value=np.asarray(value)) for name, value in values.items()}


def tokens_of(inputs: Mapping[str, Any], count: int) -> tuple[NDArray, NDArray]:
    """Request and position of every token, -1 for tokens after the last request's."""
    start = np.asarray(inputs["query_start_loc"], np.int64)
    start = start - start[0]
    request, position = np.full(count, -1), np.full(count, -1)
    for b, length in enumerate(np.asarray(inputs["seq_lens"], np.int64)):
        tokens = np.arange(start[b], start[b + 1])
        request[tokens], position[tokens] = b, length - len(tokens) + np.arange(len(tokens))
    return request, position


def slots_of(table: NDArray, request: int, index: NDArray, rows: int) -> NDArray:
    """Slots of entries `index` of a request; -1 where the table has no page for one."""
    slots = np.full(len(index), -1, np.int64)
    if not 0 <= request < table.shape[0]:
        return slots
    fits = (index >= 0) & (index // rows < table.shape[1])
    page = np.asarray(table, np.int64)[request, np.where(fits, index // rows, 0)] if table.shape[1] else slots
    fits &= page >= 0
    slots[fits] = (page * rows + index % rows)[fits]
    return slots


def combine_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `combine_topk_swa`."""
    window, ratio, topk, room, rows = (
        inputs[name] for name in ("window", "ratio", "topk", "workspace_rows", "compressed_rows")
    )
    chosen = np.asarray(inputs["topk_indices"], np.int64)
    count = len(chosen)
    request, position = tokens_of(inputs, count)
    left = inputs.get("left_visible", np.zeros(count, np.int64))
    right = inputs.get("right_visible", np.zeros(count, np.int64))
    width = -(-(topk + window + inputs["max_image_tokens"]) // 128) * 128
    indices, lens = np.full((count, width), -1, np.int64), np.zeros(count, np.int64)
    for t in np.flatnonzero(position >= 0):
        b, length = request[t], int(inputs["seq_lens"][request[t]])
        gathered = int(inputs["gather_lens"][b])
        local = chosen[t, : min((position[t] + 1) // ratio, topk)]
        low = max(position[t] - (window - 1) - max(int(left[t]) - (window - 1), 0), 0)
        row = np.arange(low, position[t] + int(right[t]) + 1) - (length - gathered)
        parts = [
            np.where((local >= 0) & (local < rows), room * b + local, -1),
            np.where((row >= 0) & (row < gathered), room * b + rows + row, -1),
        ]
        entries = np.concatenate(parts)[:width]
        indices[t, : len(entries)], lens[t] = entries, len(entries)
    return exact(combined_indices=indices, combined_lens=lens)


def global_topk_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `global_topk`."""
    local = np.asarray(inputs["topk_indices"], np.int64)
    indices, lens = np.full(local.shape, -1, np.int64), np.zeros(len(local), np.int64)
    for t, row in enumerate(local):
        slots = slots_of(inputs["block_table"], int(inputs["token_to_req"][t]), row, inputs["block_size"])
        kept = slots[slots >= 0]
        indices[t, : len(kept)] = kept
        lens[t] = len(kept) if inputs["is_valid"][t] else 0
    return exact(indices=indices, lens=lens)


def token_metadata_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `token_metadata`."""
    slots = np.asarray(inputs["slot_mapping"], np.int64)
    request, position = tokens_of(inputs, len(slots))
    valid = (slots >= 0) & (request >= 0)
    return exact(token_to_req=request, positions=np.maximum(position, 0), is_valid=valid)


def swa_decode_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `swa_decode_metadata`."""
    slots, window = inputs["slot_mapping"], inputs["window"]
    request, position = tokens_of(inputs, len(slots))
    indices, lens = np.full((len(slots), window), -1, np.int64), np.zeros(len(slots), np.int64)
    for t in np.flatnonzero((np.asarray(slots) >= 0) & (position >= 0)):
        seen = np.arange(max(position[t] - window + 1, 0), position[t] + 1)
        indices[t, : len(seen)] = slots_of(inputs["block_table"], request[t], seen, inputs["block_size"])
        lens[t] = len(seen)
    return exact(indices=indices, lens=lens)


def gather_lens_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `prefill_gather_lens`."""
    query = np.diff(np.asarray(inputs["query_start_loc"], np.int64))
    before = np.asarray(inputs["seq_lens"], np.int64) - query
    return exact(gather_lens=query + np.clip(before, 0, inputs["window"] - 1))


def c128a_decode_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `c128a_decode_metadata`."""
    positions, width = np.asarray(inputs["positions"], np.int64), inputs["width"]
    indices, lens = np.full((len(positions), width), -1, np.int64), np.zeros(len(positions), np.int64)
    for t in np.flatnonzero((np.asarray(inputs["slot_mapping"]) >= 0) & (positions >= 0)):
        lens[t] = min((positions[t] + 1) // inputs["ratio"], width)
        entries = np.arange(lens[t])
        request = int(inputs["token_to_req"][t])
        indices[t, : lens[t]] = slots_of(inputs["block_table"], request, entries, inputs["block_size"])
    return exact(indices=indices, lens=lens)


def c128a_prefill_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `c128a_prefill_metadata`."""
    positions = np.maximum(np.asarray(inputs["positions"], np.int64), -1)
    column = np.arange(inputs["width"])[None, :]
    return exact(indices=np.where(column < ((positions + 1) // inputs["ratio"])[:, None], column, -1))


def compressed_slots_oracle(inputs: Mapping[str, Any]) -> Results:
    """See `compressed_slot_mapping`."""
    ratio, rows = inputs["ratio"], inputs["block_size"] // inputs["ratio"]
    own = np.asarray(inputs["slot_mapping"], np.int64)
    slots = np.full(len(own), -1, np.int64)
    for t, position in enumerate(np.asarray(inputs["positions"], np.int64)):
        if position >= 0 and (position + 1) % ratio == 0 and own[t] >= 0:
            entry = np.array([position // ratio])
            slots[t] = slots_of(inputs["block_table"], int(inputs["token_to_req"][t]), entry, rows)[0]
    return exact(slots=slots)
