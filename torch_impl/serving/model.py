"""A checkpoint on a device, ready to be served."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from checkpoints.checkpoint import Checkpoint
from specs.decoder.batch import StepBatch
from specs.decoder.config import DecoderConfig
from specs.decoder.host import HostWeight
from specs.decoder.weights import Weight as Declared
from torch_impl.layers.attention import KVCache
from torch_impl.layers.decoder import DecoderWeights
from torch_impl.layers.linear import Weight, put, tensor
from torch_impl.layers.step import Batch, Options, Step, rotations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Weights on a device, the table of rotations, and how layers compute.

    cache_dtype: of keys and values.
    """

    config: DecoderConfig
    options: Options
    weights: DecoderWeights
    cos_sin: torch.Tensor
    cache_dtype: torch.dtype

    def caches(self, pages: int, page_size: int) -> tuple[KVCache, ...]:
        """Empty caches of every layer."""
        shape, where = self.config.cache_shape(pages, page_size), self.cos_sin.device
        return tuple(
            KVCache(
                keys=torch.zeros(shape, dtype=self.cache_dtype, device=where),
                values=torch.zeros(shape, dtype=self.cache_dtype, device=where),
            )
            for _ in range(self.config.layers)
        )

    def step(self, batch: StepBatch) -> Step:
        """What `torch_impl.layers.decoder.decode` takes for a batch."""
        arrays = Batch.of(batch, self.cos_sin.device)
        return Step(config=self.config, options=self.options, batch=arrays, cos_sin=self.cos_sin, longest=batch.longest)


def load(
    checkpoint: Checkpoint,
    options: Options,
    *,
    cache_dtype: torch.dtype,
    decode: bool = False,
    device: torch.device | str = "cpu",
) -> Model:
    """Puts a checkpoint on a device.

    Args:
        options: how layers compute; weights that are not quantised become tensors of `options.dtype`.
        cache_dtype: of keys and values, bfloat16 or float16.
        decode: whether quantised weights are decoded to `options.dtype`: more memory, and no decoding in every step.
    """

    def on_device(declared: Declared, host: HostWeight) -> Weight | torch.Tensor:
        if declared.linear:
            return put(host, options.dtype, decode=decode, device=device)
        return tensor(declared.array(host), device).to(torch.float32 if declared.wide else options.dtype)

    model, layers = checkpoint.placed(on_device)
    return Model(
        config=checkpoint.config,
        options=options,
        weights=DecoderWeights(model=model, layers=layers),
        cos_sin=rotations(checkpoint.config, device),
        cache_dtype=cache_dtype,
    )
