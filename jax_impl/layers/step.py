"""What all layers of a step share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp

from specs.decoder.batch import StepBatch, step_batch
from specs.decoder.config import DecoderConfig
from specs.rope.tables import rope_table

Implementation = Literal["pallas", "triton", "xla", "dequant", "interpret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How layers compute; hashable, so that it can be a static argument of `jax.jit`.

    dtype: of activations, bfloat16, float16 or float32.
    invariant: a request's results have the same bits in every batch: the same tiles for every number of rows, and no
        attention split over keys.
    implementation: of every operation; None for the default of each on the platform.
    axis: of the mesh, over whose devices heads, columns of the MLP and experts are spread (`specs.decoder.parallel`);
        None for one device. A step then runs in `jax.shard_map`.
    """

    dtype: Any = jnp.bfloat16
    invariant: bool = False
    implementation: Implementation | None = None
    axis: str | None = None

    def total(self, x: jax.Array) -> jax.Array:
        """The sum over all devices."""
        return x if self.axis is None else jax.lax.psum(x, self.axis)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The arrays of `specs.decoder.batch.StepBatch`, on the device."""

    token_ids: Any
    positions: Any
    slot_mapping: Any
    query_start_loc: Any
    seq_lens: Any
    block_table: Any
    logits_indices: Any

    @classmethod
    def of(cls, batch: StepBatch) -> Batch:
        """The arrays of a step on the default device."""
        return cls(**{name: jnp.asarray(getattr(batch, name)) for name in cls.__dataclass_fields__})

    @classmethod
    def structs(cls, *, tokens: int, requests: int, pages: int) -> Batch:
        """Shapes and dtypes of the arrays of a step, for lowering. pages: width of the block table."""
        empty = step_batch((), page_size=1, tokens=tokens, batch=requests, table=pages)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), cls.of(empty))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Configuration and choices, and the arrays that every layer reads.

    cos_sin: rotations, float32 [positions, rot].
    longest: most tokens of one request, 0 for any number. With 1, decodes alone, attention has fewer and smaller tiles.
    """

    batch: Batch
    cos_sin: Any
    config: DecoderConfig = field(metadata={"static": True})
    options: Options = field(metadata={"static": True})
    longest: int = field(default=0, metadata={"static": True})


def rotations(config: DecoderConfig) -> jax.Array:
    """The table of rotations of a model, float32 [max_positions, rot]."""
    rope = config.rope
    return jnp.asarray(rope_table(config.max_positions, rope.rot, theta=rope.theta, scaling=rope.scaling))
