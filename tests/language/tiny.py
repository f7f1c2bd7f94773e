"""A tiny decoder with every feature that the oracle has: biases, norms of heads, sinks, windows, its own head."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import Checkpoint
from specs.decoder.config import DecoderConfig, RopeConfig
from specs.decoder.weights import layer_weights, model_weights
from tests.serving.tiny import tokenizer

CONFIG: Final = DecoderConfig(
    layers=2,
    hidden=64,
    heads=4,
    kv_heads=2,
    head_dim=16,
    ffn=96,
    vocab=96,
    max_positions=256,
    rope=RopeConfig(rot=16),
    qkv_bias=True,
    out_bias=True,
    qk_norm=True,
    sinks=True,
    windows=(5, None),
)


@cache
def checkpoint() -> Checkpoint:
    """Random weights, and one token per character."""
    rng = np.random.default_rng(5)
    tables = [model_weights(CONFIG), *(layer_weights(CONFIG, layer) for layer in range(CONFIG.layers))]
    sources = {source.name: source for table in tables for weight in table.values() for source in weight.sources}
    tensors = {}
    for name, source in sources.items():
        ones = 1.0 if name.endswith("norm.weight") else 0.0
        tensors[name] = (ones + 0.2 * rng.standard_normal(source.shape)).astype(np.float32)
    return Checkpoint(
        name="tiny",
        config=CONFIG,
        tensors=tensors,
        tokenizer=tokenizer(),
        chat=ChatTemplate(source="{{ messages[0].content }}", tokens={}),
        quantisation="float32",
    )
