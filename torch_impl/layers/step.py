"""What all layers of a step share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import torch

from specs.decoder.batch import StepBatch
from specs.decoder.config import DecoderConfig
from specs.rope.tables import rope_table

Implementation = Literal["triton", "eager", "dequant", "interpret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How layers compute.

    dtype: of activations, bfloat16, float16 or float32.
    invariant: a request's results have the same bits in every batch: the same tiles for every number of rows, and no
        attention split over keys.
    implementation: of every operation; None for the default of each on the device.
    """

    dtype: torch.dtype = torch.bfloat16
    invariant: bool = False
    implementation: Implementation | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The arrays of `specs.decoder.batch.StepBatch`, on the device."""

    token_ids: torch.Tensor
    positions: torch.Tensor
    slot_mapping: torch.Tensor
    query_start_loc: torch.Tensor
    seq_lens: torch.Tensor
    block_table: torch.Tensor
    logits_indices: torch.Tensor

    @classmethod
    def of(cls, batch: StepBatch, device: torch.device | str = "cpu") -> Batch:
        """The arrays of a step on a device."""
        names = (field.name for field in fields(cls))
        return cls(**{name: torch.from_numpy(getattr(batch, name)).to(device) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """Configuration and choices, and the arrays that every layer reads.

    cos_sin: rotations, float32 [positions, rot].
    longest: most tokens of one request, 0 for any number. With 1, decodes alone, attention has fewer and smaller tiles.
    """

    config: DecoderConfig
    options: Options
    batch: Batch
    cos_sin: torch.Tensor
    longest: int = 0


def rotations(config: DecoderConfig, device: torch.device | str = "cpu") -> torch.Tensor:
    """The table of rotations of a model, float32 [max_positions, rot]."""
    rope = config.rope
    table = rope_table(config.max_positions, rope.rot, theta=rope.theta, scaling=rope.scaling)
    return torch.from_numpy(table).to(device)
