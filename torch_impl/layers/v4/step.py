"""What all layers of a step share: the arrays of the step, and index lists that are made of them once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from specs.decoder.config import RopeConfig
from specs.decoder.v4.batch import PAGE_TOKENS, V4StepBatch
from specs.decoder.v4.config import V4Config
from specs.rope.tables import rope_table
from torch_impl import ops
from torch_impl.layers.step import Options


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The arrays of `specs.decoder.v4.batch.V4StepBatch`, on the device."""

    token_ids: torch.Tensor
    positions: torch.Tensor
    query_start_loc: torch.Tensor
    seq_lens: torch.Tensor
    logits_indices: torch.Tensor
    slot_mapping: torch.Tensor
    state_slots: Mapping[str, torch.Tensor]
    block_tables: Mapping[str, torch.Tensor]
    index_lens: torch.Tensor
    index_starts: torch.Tensor
    index_first: torch.Tensor
    index_end: torch.Tensor
    decodes: int
    longest_decode: int
    longest_prefill: int
    longest_chunk: int

    @classmethod
    def of(cls, batch: V4StepBatch, device: torch.device | str = "cpu") -> Batch:
        """The arrays of a step on a device."""

        def moved(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: moved(one) for name, one in value.items()}
            return value if isinstance(value, int) else torch.from_numpy(value).to(device)

        return cls(**{field.name: moved(getattr(batch, field.name)) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metadata:
    """Which rows of the caches the tokens of a step read and write; the same in all layers of a ratio.

    token_to_req: [T]. window_indices, window_lens: [D, window] and [D], slots of a decode's window. gather_lens:
        [B - D], rows of the window that are gathered for the other requests.
    compressed_slots: by group [T], the slot of the entry that a token completes, -1 where it completes none.
    c128_indices, c128_lens: [D, n] and [D], slots of the entries of ratio 128 that a decode sees.
    c128_entries: [T - D, n], their numbers for the other tokens.
    """

    token_to_req: torch.Tensor
    is_valid: torch.Tensor
    window_indices: torch.Tensor
    window_lens: torch.Tensor
    gather_lens: torch.Tensor
    compressed_slots: Mapping[str, torch.Tensor]
    c128_indices: torch.Tensor | None
    c128_lens: torch.Tensor | None
    c128_entries: torch.Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """Configuration and choices, and the arrays that every layer reads.

    cos_sin, compress_cos_sin: rotations of layers of ratio 0, and of the others, float32 [positions, 64].
    metadata: None in a run without caches, for the memory that a step takes: attention then gives zeros.
    """

    batch: Batch
    metadata: Metadata | None
    cos_sin: torch.Tensor
    compress_cos_sin: torch.Tensor
    config: V4Config
    options: Options

    def rotations(self, ratio: int) -> torch.Tensor:
        """The table of a layer's ratio."""
        return self.compress_cos_sin if ratio else self.cos_sin


def rotations(rope: RopeConfig, positions: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """A table of rotations, float32 [positions, 64]."""
    table = rope_table(positions, rope.rot, theta=rope.theta, scaling=rope.scaling)
    return torch.from_numpy(table).to(device)


def metadata(config: V4Config, batch: Batch, options: Options) -> Metadata:
    """The index lists of a step."""
    how, d, tables = options.implementation, batch.decodes, batch.block_tables
    token_to_req, _, is_valid = ops.token_metadata(
        batch.query_start_loc, batch.seq_lens, batch.slot_mapping, implementation=how
    )
    indices, lens = ops.swa_decode_metadata(
        batch.query_start_loc[: d + 1],
        batch.seq_lens[:d],
        batch.slot_mapping[:d],
        tables["window"][:d],
        window=config.window,
        block_size=PAGE_TOKENS["window"],
        implementation=how,
    )
    gather_lens = ops.prefill_gather_lens(
        batch.query_start_loc[d:], batch.seq_lens[d:], window=config.window, implementation=how
    )
    slots = {
        group: ops.compressed_slot_mapping(
            batch.positions,
            token_to_req,
            batch.slot_mapping,
            tables[group],
            ratio=128 if group == "c128" else 4,
            block_size=PAGE_TOKENS[group],
            implementation=how,
        )
        for group in ("c4", "c128", "indexer")
        if group in tables
    }
    c128 = _c128(batch, token_to_req, how) if "c128" in tables else (None, None, None)
    return Metadata(
        token_to_req=token_to_req,
        is_valid=is_valid,
        window_indices=indices,
        window_lens=lens,
        gather_lens=gather_lens,
        compressed_slots=slots,
        c128_indices=c128[0],
        c128_lens=c128[1],
        c128_entries=c128[2],
    )


def _c128(batch: Batch, token_to_req: torch.Tensor, how: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    d, rows = batch.decodes, PAGE_TOKENS["c128"] // 128
    indices, lens = ops.c128a_decode_metadata(
        batch.positions[:d],
        token_to_req[:d],
        batch.slot_mapping[:d],
        batch.block_tables["c128"],
        width=max(batch.longest_decode // 128, 1),
        block_size=rows,
        implementation=how,
    )
    entries = ops.c128a_prefill_metadata(
        batch.positions[d:], width=max(batch.longest_prefill // 128, 1), implementation=how
    )
    return indices, lens, entries
