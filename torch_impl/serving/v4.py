"""A checkpoint of DeepSeek-V4 on a device, ready to be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from checkpoints.deepseek_v4 import V4Checkpoint
from specs.decoder.host import HostWeight
from specs.decoder.v4.batch import V4StepBatch
from specs.decoder.v4.config import V4Config
from specs.decoder.v4.weights import FORMATS
from specs.decoder.weights import Weight
from torch_impl.layers.decoder import DecoderWeights
from torch_impl.layers.linear import put, tensor
from torch_impl.layers.step import Options
from torch_impl.layers.v4 import mtp
from torch_impl.layers.v4.block import logits
from torch_impl.layers.v4.caches import LayerCache
from torch_impl.layers.v4.step import Batch, Step, metadata, rotations

_DTYPES: Final[dict[type[np.generic], torch.dtype]] = {np.float32: torch.float32, np.int32: torch.int32}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V4Model:
    """Weights on a device, the tables of rotations, and how layers compute.

    cos_sin, compress_cos_sin: see `torch_impl.layers.v4.step.Step`.
    drafts: tokens that are drafted after each step; 1: weights outside the layers have the block `mtp`.
    """

    config: V4Config
    options: Options
    weights: DecoderWeights
    cos_sin: torch.Tensor
    compress_cos_sin: torch.Tensor
    drafts: int = 0

    def caches(self, pages: Mapping[str, int]) -> tuple[LayerCache, ...]:
        """Empty caches of every layer, then of the block that drafts. pages: how many every group has."""
        ratios = (*self.config.ratios, *(0,) * self.drafts)
        return tuple(LayerCache.empty(ratio, pages, self.cos_sin.device) for ratio in ratios)

    def step(self, batch: V4StepBatch) -> Step:
        """What `torch_impl.layers.v4.block.decode` takes for a batch."""
        arrays = Batch.of(batch, self.cos_sin.device)
        return Step(
            batch=arrays,
            metadata=metadata(self.config, arrays, self.options),
            cos_sin=self.cos_sin,
            compress_cos_sin=self.compress_cos_sin,
            config=self.config,
            options=self.options,
        )

    def draft(self, step: Step, residual: torch.Tensor, next_ids: torch.Tensor, cache: LayerCache) -> torch.Tensor:
        """Logits float32 [B, vocab] of the token after the next one of every request; the draft is the likeliest.

        Args:
            residual: streams after the last layer (`torch_impl.layers.v4.block.residual_streams`), [T, 4, hidden].
            next_ids: the token after every one of the step, drawn or of the prompt, int32 [T].
            cache: the last of `caches`; the tokens of the step are written into it.
        """
        weights = self.weights.model
        hidden, _ = mtp.draft(step, weights["embedding"], weights["mtp"], next_ids, residual, cache)
        return logits(step, weights, hidden)


def load_v4(
    checkpoint: V4Checkpoint, options: Options, *, drafts: int = 0, device: torch.device | str = "cpu"
) -> V4Model:
    """Puts a checkpoint on a device: streams are bfloat16, quantised weights stay as they are.

    Args:
        options: how layers compute; their dtype is bfloat16. drafts: tokens to draft after each step, 0 or 1.

    Raises:
        ValueError: the checkpoint has no block for as many.
    """
    config = checkpoint.config
    most = min(config.mtp, 1)
    if not 0 <= drafts <= most:
        raise ValueError(f"speculative tokens: expected 0 to {most} for this checkpoint; got {drafts}")

    def on_device(name: str, declared: Weight, host: HostWeight) -> Any:
        if declared.linear:
            return put(host, options.dtype, device=device)
        dtype = FORMATS.get(name)
        return tensor(declared.array(host), device).to(options.dtype if dtype is None else _DTYPES[dtype])

    model, layers = checkpoint.placed(on_device)
    block = {"mtp": checkpoint.placed_mtp(on_device)[0]} if drafts else {}
    return V4Model(
        config=config,
        options=options,
        drafts=drafts,
        weights=DecoderWeights(model={**model, **block}, layers=layers),
        cos_sin=rotations(config.rope, config.max_positions, device),
        compress_cos_sin=rotations(config.compress_rope, config.max_positions, device),
    )
