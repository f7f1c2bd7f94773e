"""Weights of DeepSeek-V4: names and shapes, and the tensors of the published checkpoint that they are made of.

Projections that read the same activations are one array, in this order of rows: latent of the queries, keys; keys and
gates of a compressor; gate, up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from specs.decoder.host import stack_experts
from specs.decoder.v4.config import HEAD_DIM, INDEX_DIM, STREAMS, V4Config
from specs.decoder.weights import Source, Weight, Weights, gate_up
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.named import FP8_BLOCK_128_E8M0, MXFP4

GATES: Final = STREAMS * (STREAMS + 2)
"""Rows of the weight of a hyper-connection: pre, post, and the mixing matrix."""

FORMATS: Final[Mapping[str, type[np.generic]]] = {
    "attention_hc_fn": np.float32,
    "attention_hc_scale": np.float32,
    "attention_hc_base": np.float32,
    "ffn_hc_fn": np.float32,
    "ffn_hc_scale": np.float32,
    "ffn_hc_base": np.float32,
    "head_hc_fn": np.float32,
    "head_hc_scale": np.float32,
    "head_hc_base": np.float32,
    "sinks": np.float32,
    "ape": np.float32,
    "index_ape": np.float32,
    "correction_bias": np.float32,
    "experts_of_token": np.int32,
}
"""Weights whose format does not follow that of the activations."""

_FP8: Final = ("qkv_a", "q_b", "out_a", "out_b", "index_q_b", "shared_gate_up", "shared_down")
_FP8_OF_MTP: Final = ("embedding_proj", "hidden_proj")
PUBLISHED: Final[Mapping[str, BlockFormat]] = {
    **dict.fromkeys((*_FP8, *_FP8_OF_MTP), FP8_BLOCK_128_E8M0),
    "w13": MXFP4,
    "w2": MXFP4,
}
"""Formats of the quantised weights of V4-Flash; its other linears, the compressors' too, are bfloat16."""


def tables(config: V4Config) -> list[Weights]:
    """Weights outside the layers, of every layer, and of every block for multi-token prediction."""
    layers = [layer_weights(config, layer) for layer in range(config.layers)]
    return [model_weights(config), *layers, *(mtp_weights(config, index) for index in range(config.mtp))]


def model_weights(config: V4Config) -> Weights:
    """Weights outside the layers."""
    table = (config.vocab, config.hidden)
    return {
        "embedding": _plain("embed.weight", *table, linear=True),
        **_head("", config),
        "head": _plain("head.weight", *table, linear=True),
    }


def layer_weights(config: V4Config, layer: int) -> Weights:
    """Weights of a layer by the names that `jax_impl.layers.v4` and `torch_impl.layers.v4` have for them."""
    return _block(config, f"layers.{layer}.", config.ratios[layer], hashed=config.hashed[layer])


def mtp_weights(config: V4Config, block: int = 0) -> Weights:
    """Weights of a block for multi-token prediction: a layer of ratio 0, its entry and its head."""
    prefix, h = f"mtp.{block}.", config.hidden
    return {
        "embedding_norm": _plain(f"{prefix}enorm.weight", h),
        "hidden_norm": _plain(f"{prefix}hnorm.weight", h),
        "embedding_proj": _plain(f"{prefix}e_proj.weight", h, h, linear=True),
        "hidden_proj": _plain(f"{prefix}h_proj.weight", h, h, linear=True),
        **_block(config, prefix, 0, hashed=False),
        **_head(prefix, config),
    }


def _plain(name: str, *shape: int, linear: bool = False) -> Weight:
    return Weight(shape=shape, sources=(Source(name=name, shape=shape),), linear=linear)


def _rows(prefix: str, names: tuple[str, ...], rows: tuple[int, ...], columns: int) -> Weight:
    """Tensors with `rows` rows each, one below the other."""
    pairs = zip(names, rows, strict=True)
    sources = tuple(Source(name=f"{prefix}{name}.weight", shape=(n, columns)) for name, n in pairs)
    return Weight(shape=(sum(rows), columns), sources=sources, linear=True)


def _head(prefix: str, config: V4Config) -> dict[str, Weight]:
    return {
        "head_hc_fn": _plain(f"{prefix}hc_head_fn", STREAMS, STREAMS * config.hidden),
        "head_hc_scale": _plain(f"{prefix}hc_head_scale", 1),
        "head_hc_base": _plain(f"{prefix}hc_head_base", STREAMS),
        "norm": _plain(f"{prefix}norm.weight", config.hidden),
    }


def _block(config: V4Config, prefix: str, ratio: int, *, hashed: bool) -> dict[str, Weight]:
    return {
        **_hyper_connection(config, prefix, "attn", "attention"),
        "attention_norm": _plain(f"{prefix}attn_norm.weight", config.hidden),
        **_attention(config, f"{prefix}attn."),
        **_compression(config, f"{prefix}attn.", ratio),
        **_hyper_connection(config, prefix, "ffn", "ffn"),
        "ffn_norm": _plain(f"{prefix}ffn_norm.weight", config.hidden),
        **_experts(config, f"{prefix}ffn.", hashed=hashed),
    }


def _hyper_connection(config: V4Config, prefix: str, source: str, name: str) -> dict[str, Weight]:
    return {
        f"{name}_hc_fn": _plain(f"{prefix}hc_{source}_fn", GATES, STREAMS * config.hidden),
        f"{name}_hc_scale": _plain(f"{prefix}hc_{source}_scale", 3),
        f"{name}_hc_base": _plain(f"{prefix}hc_{source}_base", GATES),
    }


def _attention(config: V4Config, prefix: str) -> dict[str, Weight]:
    group = config.heads * HEAD_DIM // config.out_groups
    rows = config.out_groups * config.out_lora
    return {
        "qkv_a": _rows(prefix, ("wq_a", "wkv"), (config.q_lora, HEAD_DIM), config.hidden),
        "q_norm": _plain(f"{prefix}q_norm.weight", config.q_lora),
        "kv_norm": _plain(f"{prefix}kv_norm.weight", HEAD_DIM),
        "q_b": _plain(f"{prefix}wq_b.weight", config.heads * HEAD_DIM, config.q_lora, linear=True),
        "sinks": _plain(f"{prefix}attn_sink", config.heads),
        "out_a": _plain(f"{prefix}wo_a.weight", rows, group, linear=True),
        "out_b": _plain(f"{prefix}wo_b.weight", config.hidden, rows, linear=True),
    }


def _compression(config: V4Config, prefix: str, ratio: int) -> dict[str, Weight]:
    if ratio == 0:
        return {}
    found = _compressor(config, f"{prefix}compressor.", "", ratio, HEAD_DIM)
    if ratio == 4:
        indexer = f"{prefix}indexer."
        found |= _compressor(config, f"{indexer}compressor.", "index_", ratio, INDEX_DIM)
        found["index_q_b"] = _plain(f"{indexer}wq_b.weight", config.index_heads * INDEX_DIM, config.q_lora, linear=True)
        found["index_weights"] = _plain(f"{indexer}weights_proj.weight", config.index_heads, config.hidden, linear=True)
    return found


def _compressor(config: V4Config, prefix: str, name: str, ratio: int, dim: int) -> dict[str, Weight]:
    width = dim * (2 if ratio == 4 else 1)  # ratio 4 overlaps: an entry also has the window before its own
    return {
        f"{name}compress": _rows(prefix, ("wkv", "wgate"), (width, width), config.hidden),
        f"{name}ape": _plain(f"{prefix}ape", ratio, width),
        f"{name}compress_norm": _plain(f"{prefix}norm.weight", dim),
    }


def _experts(config: V4Config, prefix: str, *, hashed: bool) -> dict[str, Weight]:
    h, ffn, count = config.hidden, config.expert_ffn, config.experts
    each = [f"{prefix}experts.{e}." for e in range(count)]
    w13 = tuple(Source(name=f"{one}{part}.weight", shape=(ffn, h)) for one in each for part in ("w1", "w3"))
    w2 = tuple(Source(name=f"{one}w2.weight", shape=(h, ffn)) for one in each)
    table = Source(name=f"{prefix}gate.tid2eid", shape=(config.vocab, config.top_k), types=("int64", "int32"))
    choice = {
        "experts_of_token": Weight(shape=table.shape, sources=(table,)),
    }
    if not hashed:
        choice = {"correction_bias": _plain(f"{prefix}gate.bias", count)}
    return {
        "router": _plain(f"{prefix}gate.weight", count, h),
        **choice,
        "w13": Weight(shape=(count, 2 * ffn, h), sources=w13, linear=True, join=gate_up),
        "w2": Weight(shape=(count, h, ffn), sources=w2, linear=True, join=stack_experts),
        "shared_gate_up": _rows(f"{prefix}shared_experts.", ("w1", "w3"), (ffn, ffn), h),
        "shared_down": _plain(f"{prefix}shared_experts.w2.weight", h, ffn, linear=True),
    }
