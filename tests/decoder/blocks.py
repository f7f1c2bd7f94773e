"""One layer and the head with weights of every kind, run by JAX and by torch on any batch over random caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import torch

import jax_impl.layers.attention as jax_attention
import jax_impl.layers.decoder as jax_decoder
import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_step
import torch_impl.layers.attention as torch_attention
import torch_impl.layers.decoder as torch_decoder
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_step
from specs.decoder.batch import Request, StepBatch, step_batch
from specs.decoder.config import DecoderConfig, MoeConfig, RopeConfig
from specs.decoder.host import PackedWeight, RowParts
from specs.decoder.weights import layer_weights, model_weights
from specs.lang.formats.ggml import Q4_1, Q4_K, Q8_0
from specs.lang.formats.packed import PackedBlock
from specs.lang.formats.packed_encode import encode

Array = np.ndarray[Any, Any]
PAGE, PAGES = 16, 32
BLOCK = jax_linear.GROUP
"""Edge of the blocks of an FP8 weight."""
PLAIN: Final = DecoderConfig(
    layers=1,
    hidden=256,
    heads=4,
    kv_heads=2,
    head_dim=64,
    ffn=512,
    vocab=128,
    max_positions=512,
    rope=RopeConfig(rot=64),
)
CONFIGS: Final = {
    "dense": PLAIN,
    "fp8": PLAIN,
    "gguf": PLAIN,
    "moe": replace(PLAIN, moe=MoeConfig(experts=8, top_k=2, ffn=128)),
}
LINEAR: Final = ("qkv", "out", "gate_up", "down", "w13", "w2", "head")
FORMS: Final = {"out": Q4_1, "gate_up": Q4_K, "down": Q8_0, "head": Q8_0}
"""Block types of GGUF weights; queries and keys have another one than values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fp8:
    """Codes float8_e4m3fn [N, K], scales float32 [N / BLOCK, K / BLOCK]."""

    codes: Array
    scale: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """x, residual: [T, hidden] in bfloat16, as float32. logits: float32 [T, vocab] of every token."""

    x: Array
    residual: Array
    logits: Array

    def rows(self, which: slice) -> tuple[Array, ...]:
        """All results of some tokens."""
        return self.x[which], self.residual[which], self.logits[which]


@cache
def weights(kind: str) -> dict[str, Any]:
    """Weights on the host by name: arrays float32, blocks of GGUF, or FP8."""
    rng, config = np.random.default_rng(1), CONFIGS[kind]
    table = {**layer_weights(config, 0), **{n: w for n, w in model_weights(config).items() if n != "embedding"}}
    found: dict[str, Any] = {}
    for name, weight in table.items():
        spread = 1.0 if len(weight.shape) == 1 else 0.08
        values = (rng.standard_normal(weight.shape) * spread).astype(np.float32)
        found[name] = _quantised(kind, name, values) if weight.linear else values
    return found


def _quantised(kind: str, name: str, values: Array) -> Any:
    if kind == "fp8":
        blocks = tuple(-(-size // BLOCK) for size in values.shape)
        scale = np.full(blocks, 2.0**-9, np.float32) * np.arange(1, 1 + blocks[0], dtype=np.float32)[:, None]
        spread = np.repeat(np.repeat(scale, BLOCK, 0), BLOCK, 1)[: values.shape[0], : values.shape[1]]
        return Fp8(codes=(values / spread).astype(ml_dtypes.float8_e4m3fn), scale=scale)
    if kind == "gguf":
        if name == "qkv":
            rows = sum(PLAIN.qkv_rows[:2])
            return RowParts(parts=(_packed(Q4_K, values[:rows]), _packed(Q8_0, values[rows:])))
        return _packed(FORMS[name], values)
    return values


def _packed(form: PackedBlock, values: Array) -> PackedWeight:
    return PackedWeight(form=form, data=encode(form, values))


def batch_of(requests: Sequence[Request]) -> StepBatch:
    """The arrays of a step that has logits of every token."""
    found = step_batch(requests, page_size=PAGE)
    return replace(found, logits_indices=np.arange(len(found.token_ids), dtype=np.int32))


def cache_values(which: int) -> Array:
    """Keys (0) or values (1) that lie in the pages before the step, float32 [pages, page, heads, head_dim]."""
    shape = (PAGES, PAGE, PLAIN.kv_heads, PLAIN.head_dim)
    return np.random.default_rng(2 + which).standard_normal(shape).astype(np.float32)


class Jax:
    """The block in JAX; its caches stay from one step to the next."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.config = CONFIGS[kind]
        self.options = jax_step.Options(dtype=jnp.bfloat16, **options)
        self.weights = {name: self._put(name, weight) for name, weight in weights(kind).items()}
        keys, values = (jnp.asarray(cache_values(which), jnp.bfloat16) for which in (0, 1))
        self.cache = jax_attention.KVCache(keys=keys, values=values)

    @staticmethod
    def _put(name: str, weight: Any) -> Any:
        if isinstance(weight, Fp8):
            return jax_linear.Fp8Block(codes=jnp.asarray(weight.codes), scale=jnp.asarray(weight.scale))
        return jax_linear.put(weight, jnp.bfloat16) if name in LINEAR else jnp.asarray(weight, jnp.bfloat16)

    def step(self, batch: StepBatch, x: Array) -> Result:
        """One step. x: float32 [T, hidden]."""
        step = jax_step.Step(
            batch=jax_step.Batch.of(batch),
            cos_sin=jax_step.rotations(self.config),
            config=self.config,
            options=self.options,
        )
        (y, residual, logits), self.cache = _jax_block(step, self.weights, jnp.asarray(x, jnp.bfloat16), self.cache)
        found = {"x": y, "residual": residual, "logits": logits}
        return Result(**{name: np.asarray(array, np.float32) for name, array in found.items()})


@jax.jit
def _jax_block(step: Any, weights: Any, x: Any, cache: Any) -> Any:
    y, residual, cache = jax_decoder.decoder_layer(step, 0, weights, x, None, cache)
    hidden, _ = jax_decoder.norm(step, weights["norm"], y, residual)
    logits = jax_decoder.logits(step, jax_decoder.DecoderWeights(model=weights, layers=()), hidden)
    return (y, residual, logits), cache


class Torch:
    """The block in torch; its caches stay from one step to the next."""

    def __init__(self, kind: str, device: str = "cpu", **options: Any) -> None:
        self.config, self.device = CONFIGS[kind], device
        self.options = torch_step.Options(dtype=torch.bfloat16, **options)
        self.weights = {name: self._put(name, weight) for name, weight in weights(kind).items()}
        keys, values = (torch.from_numpy(cache_values(which)).to(device, torch.bfloat16) for which in (0, 1))
        self.cache = torch_attention.KVCache(keys=keys, values=values)

    def _put(self, name: str, weight: Any) -> Any:
        if isinstance(weight, Fp8):
            codes, scale = torch.from_numpy(weight.codes.view(np.uint8)), torch.from_numpy(weight.scale)
            codes = codes.view(torch.float8_e4m3fn)
            return torch_linear.Fp8Block(codes=codes.to(self.device), scale=scale.to(self.device))
        if name in LINEAR:
            return torch_linear.put(weight, torch.bfloat16, device=self.device)
        return torch.from_numpy(weight).to(self.device, torch.bfloat16)

    def step(self, batch: StepBatch, x: Array) -> Result:
        """One step. x: float32 [T, hidden]."""
        step = torch_step.Step(
            config=self.config,
            options=self.options,
            batch=torch_step.Batch.of(batch, self.device),
            cos_sin=torch_step.rotations(self.config, self.device),
        )
        own = self.weights
        given = torch.from_numpy(x).to(self.device, torch.bfloat16)
        y, residual = torch_decoder.decoder_layer(step, 0, own, given, None, self.cache)
        hidden, _ = torch_decoder.norm(step, own["norm"], y, residual.clone())  # which it overwrites
        logits = torch_decoder.logits(step, torch_decoder.DecoderWeights(model=own, layers=()), hidden)
        return Result(x=y.float().cpu().numpy(), residual=residual.float().cpu().numpy(), logits=logits.cpu().numpy())
