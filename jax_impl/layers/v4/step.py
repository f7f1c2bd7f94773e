"""What all layers of a step share: the arrays of the step, and index lists that are made of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.step import Options
from specs.decoder.config import RopeConfig
from specs.decoder.v4.batch import PAGE_TOKENS, V4StepBatch, step_batch
from specs.decoder.v4.config import V4Config
from specs.rope.tables import rope_table

STATIC = ("decodes", "longest_decode", "longest_prefill", "longest_chunk")


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The arrays of `specs.decoder.v4.batch.V4StepBatch`, on the device."""

    token_ids: Any
    positions: Any
    query_start_loc: Any
    seq_lens: Any
    logits_indices: Any
    slot_mapping: Any
    state_slots: Any
    block_tables: Any
    index_lens: Any
    index_starts: Any
    index_first: Any
    index_end: Any
    decodes: int = field(metadata={"static": True})
    longest_decode: int = field(metadata={"static": True})
    longest_prefill: int = field(metadata={"static": True})
    longest_chunk: int = field(metadata={"static": True})

    @classmethod
    def of(cls, batch: V4StepBatch) -> Batch:
        """The arrays of a step on the default device."""
        found = {name: getattr(batch, name) for name in cls.__dataclass_fields__}
        return cls(**{k: v if k in STATIC else jax.tree.map(jnp.asarray, v) for k, v in found.items()})

    @classmethod
    def structs(
        cls, ratios: Sequence[int], *, tokens: int, decodes: int, prefills: int, longest: int, longest_chunk: int
    ) -> Batch:
        """Shapes and dtypes of the arrays of a step, for lowering; the sizes are arguments of `step_batch`."""
        sizes = {"tokens": tokens, "decodes": decodes, "prefills": prefills}
        empty = cls.of(step_batch((), ratios, **sizes, longest=longest, longest_chunk=longest_chunk))
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), empty)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Which rows of the caches the tokens of a step read and write; the same in all layers of a ratio.

    token_to_req: [T]. window_indices, window_lens: [D, window] and [D], slots of a decode's window. gather_lens:
        [B - D], rows of the window that are gathered for the other requests.
    compressed_slots: by group [T], the slot of the entry that a token completes, -1 where it completes none.
    c128_indices, c128_lens: [D, n] and [D], slots of the entries of ratio 128 that a decode sees.
    c128_entries: [T - D, n], their numbers for the other tokens.
    """

    token_to_req: Any
    is_valid: Any
    window_indices: Any
    window_lens: Any
    gather_lens: Any
    compressed_slots: Any
    c128_indices: Any
    c128_lens: Any
    c128_entries: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Configuration and choices, and the arrays that every layer reads.

    cos_sin, compress_cos_sin: rotations of layers of ratio 0, and of the others, float32 [positions, 64].
    metadata: None in a run without caches, for the memory that a step takes: attention then gives zeros.
    """

    batch: Batch
    metadata: Metadata | None
    cos_sin: Any
    compress_cos_sin: Any
    config: V4Config = field(metadata={"static": True})
    options: Options = field(metadata={"static": True})

    def rotations(self, ratio: int) -> Any:
        """The table of a layer's ratio."""
        return self.compress_cos_sin if ratio else self.cos_sin


def rotations(rope: RopeConfig, positions: int) -> jax.Array:
    """A table of rotations, float32 [positions, 64]."""
    return jnp.asarray(rope_table(positions, rope.rot, theta=rope.theta, scaling=rope.scaling))


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


def _c128(batch: Batch, token_to_req: jax.Array, how: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
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
