"""Weights of a decoder: one table of names and shapes, and how the tensors of a checkpoint become them.

Projections that read the same activations are one array, in this order of rows: queries, keys, values; gate, up. They
are put together when a checkpoint is loaded. In a jitted step XLA would do it again in every layer of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specs.decoder.config import DecoderConfig

HostArray = npt.NDArray[Any]
Tensors = Mapping[str, HostArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One weight of a layer, or of the model.

    shape: [N, K] of a linear, y = x W^T; [E, N, K] of experts; [h] of a norm, bias or sink.
    linear: whether it may be quantised.
    sources: names in a Hugging Face checkpoint, put together along rows in this order.
    join: makes the weight of the sources' arrays, where it is not their concatenation along rows.
    """

    shape: tuple[int, ...]
    sources: tuple[str, ...]
    linear: bool = False
    join: Callable[[list[HostArray]], HostArray] | None = None

    def assemble(self, tensors: Tensors) -> HostArray:
        """The weight, of the tensors of a checkpoint."""
        parts = [tensors[name] for name in self.sources]
        if self.join is not None:
            return self.join(parts)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 0)


Weights = Mapping[str, Weight]


def model_weights(config: DecoderConfig) -> Weights:
    """Weights outside the layers."""
    table = (config.vocab, config.hidden)
    found = {
        "embedding": Weight(shape=table, sources=("model.embed_tokens.weight",), linear=True),
        "norm": Weight(shape=(config.hidden,), sources=("model.norm.weight",)),
    }
    if not config.tied:
        found["head"] = Weight(shape=table, sources=("lm_head.weight",), linear=True)
    return found


def layer_weights(config: DecoderConfig, layer: int) -> Weights:
    """Weights of a layer by the names that `jax_impl.layers` and `torch_impl.layers` have for them."""
    prefix = f"model.layers.{layer}."
    norm = (config.hidden,)
    return {
        "attention_norm": Weight(shape=norm, sources=(prefix + "input_layernorm.weight",)),
        **_attention(config, prefix + "self_attn."),
        "ffn_norm": Weight(shape=norm, sources=(prefix + "post_attention_layernorm.weight",)),
        **(_mlp(config, prefix + "mlp.") if config.moe is None else _experts(config, prefix + "mlp.")),
    }


def _attention(config: DecoderConfig, prefix: str) -> dict[str, Weight]:
    queries = config.heads * config.head_dim
    rows = sum(config.qkv_rows)

    def of(kind: str, *names: str) -> tuple[str, ...]:
        return tuple(f"{prefix}{name}_proj.{kind}" for name in names)

    found = {
        "qkv": Weight(shape=(rows, config.hidden), sources=of("weight", "q", "k", "v"), linear=True),
        "out": Weight(shape=(config.hidden, queries), sources=of("weight", "o"), linear=True),
    }
    if config.qkv_bias:
        found["qkv_bias"] = Weight(shape=(rows,), sources=of("bias", "q", "k", "v"))
    if config.out_bias:
        found["out_bias"] = Weight(shape=(config.hidden,), sources=of("bias", "o"))
    if config.qk_norm:
        for name in ("q_norm", "k_norm"):
            found[name] = Weight(shape=(config.head_dim,), sources=(f"{prefix}{name}.weight",))
    if config.sinks:
        found["sinks"] = Weight(shape=(config.heads,), sources=(f"{prefix}sinks",))
    return found


def _mlp(config: DecoderConfig, prefix: str) -> dict[str, Weight]:
    gate_up = tuple(f"{prefix}{name}_proj.weight" for name in ("gate", "up"))
    return {
        "gate_up": Weight(shape=(2 * config.ffn, config.hidden), sources=gate_up, linear=True),
        "down": Weight(shape=(config.hidden, config.ffn), sources=(f"{prefix}down_proj.weight",), linear=True),
    }


def _experts(config: DecoderConfig, prefix: str) -> dict[str, Weight]:
    moe = config.moe
    assert moe is not None
    up, down = (moe.experts, 2 * moe.ffn, config.hidden), (moe.experts, config.hidden, moe.ffn)
    if not moe.bias:
        return {
            "router": Weight(shape=(moe.experts, config.hidden), sources=(f"{prefix}gate.weight",)),
            "w13": Weight(
                shape=up, sources=_each_expert(moe.experts, prefix, "gate", "up"), linear=True, join=_gate_up
            ),
            "w2": Weight(shape=down, sources=_each_expert(moe.experts, prefix, "down"), linear=True, join=np.stack),
        }
    experts = f"{prefix}experts."
    return {
        "router": Weight(shape=(moe.experts, config.hidden), sources=(f"{prefix}router.weight",)),
        "router_bias": Weight(shape=(moe.experts,), sources=(f"{prefix}router.bias",)),
        "w13": Weight(shape=up, sources=(f"{experts}gate_up_proj",), linear=True, join=_transposed),
        "w13_bias": Weight(shape=up[:2], sources=(f"{experts}gate_up_proj_bias",)),
        "w2": Weight(shape=down, sources=(f"{experts}down_proj",), linear=True, join=_transposed),
        "w2_bias": Weight(shape=down[:2], sources=(f"{experts}down_proj_bias",)),
    }


def _each_expert(experts: int, prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}experts.{e}.{name}_proj.weight" for e in range(experts) for name in names)


def _gate_up(parts: list[HostArray]) -> HostArray:
    """[E, 2 I, h], of the gate and the up weight [I, h] of one expert after the other."""
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return np.stack([np.concatenate(pair, 0) for pair in pairs])


def _transposed(parts: list[HostArray]) -> HostArray:
    """[E, N, K] of weights that gpt-oss stores as [E, K, N]."""
    return np.ascontiguousarray(parts[0].swapaxes(1, 2))
