"""Configuration of DeepSeek-V4: sparse attention over compressed keys, hyper-connections, mixture of experts.

Layers differ in their compression ratio r: 0 attends to the sliding window alone, 4 also to the compressed entries that
an indexer chooses, 128 also to all compressed entries. An entry replaces r tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from specs.decoder.config import RopeConfig

MODEL_TYPE: Final = "deepseek_v4"
"""In `config.json`."""
HEAD_DIM: Final = 512
"""Columns of a query, and of a key, which is also the value."""
ROPE_DIM: Final = 64
"""Columns of a head that are rotated: its last ones."""
INDEX_DIM: Final = 128
"""Columns of a query or key of the indexer."""
STREAMS: Final = 4
"""Residual streams."""
RATIOS: Final = {
    "sliding_attention": 0,
    "compressed_sparse_attention": 4,
    "heavily_compressed_attention": 128,
}
"""Compression ratio of every `layer_types` entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class V4Config:
    """DeepSeek-V4.

    ratios: compression ratio of every layer: 0, 4 or 128.
    hashed: whether a layer's experts come from a table by token id, and not from the router's logits.
    q_lora: columns of the latent that queries are made of.
    out_groups, out_lora: groups of heads that are projected by themselves, and the columns that a group gives.
    rope, compress_rope: rotations in layers of ratio 0, and in the others.
    window: keys that a query sees uncompressed, its own included.
    index_heads, index_topk: heads of the indexer, and the entries that it chooses.
    experts, top_k, expert_ffn: experts, how many a token uses, and the hidden size of one and of the shared expert.
    route_scale: factor of the weights of the experts, after they are divided by their sum.
    act_limit: bound of gates and factors in `act_and_mul(kind="clamp")`.
    hc_iters, hc_eps: Sinkhorn iterations of the hyper-connections, and what is added to their gates and sums.
    mtp: blocks for multi-token prediction.
    """

    layers: int
    hidden: int
    heads: int
    vocab: int
    max_positions: int
    ratios: tuple[int, ...]
    hashed: tuple[bool, ...]
    q_lora: int
    out_groups: int
    out_lora: int
    rope: RopeConfig
    compress_rope: RopeConfig
    window: int = 128
    index_heads: int = 64
    index_topk: int = 512
    experts: int = 256
    top_k: int = 6
    expert_ffn: int = 2048
    route_scale: float = 1.5
    renormalize: bool = True
    act_limit: float = 10.0
    eps: float = 1e-6
    hc_iters: int = 20
    hc_eps: float = 1e-6
    mtp: int = 0

    @property
    def scale(self) -> float:
        """Factor of the attention scores, HEAD_DIM ** -1/2."""
        return 1.0 / math.sqrt(HEAD_DIM)

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> V4Config:
        """The configuration in a `config.json`, as transformers writes it or as DeepSeek published it.

        Raises:
            ValueError: the model type is another one, or a size is none that the cache layouts have.
        """
        if config.get("model_type") != MODEL_TYPE:
            raise ValueError(f"model_type: expected {MODEL_TYPE!r}; got {config.get('model_type')!r}")
        layers = int(config["num_hidden_layers"])
        rope_dim = config.get("qk_rope_head_dim") or int(config["head_dim"] * config["partial_rotary_factor"])
        _expect("head_dim", config["head_dim"], HEAD_DIM)
        _expect("qk_rope_head_dim", rope_dim, ROPE_DIM)
        _expect("index_head_dim", config.get("index_head_dim", INDEX_DIM), INDEX_DIM)
        _expect("hc_mult", config.get("hc_mult", STREAMS), STREAMS)
        _expect("scoring_func", config.get("scoring_func", "sqrtsoftplus"), "sqrtsoftplus")
        _expect("n_shared_experts", config.get("n_shared_experts", 1), 1)
        rope, compress_rope = _ropes(config)
        return cls(
            layers=layers,
            hidden=int(config["hidden_size"]),
            heads=int(config["num_attention_heads"]),
            vocab=int(config["vocab_size"]),
            max_positions=int(config["max_position_embeddings"]),
            ratios=_ratios(config, layers),
            hashed=_hashed(config, layers),
            q_lora=int(config["q_lora_rank"]),
            out_groups=int(config["o_groups"]),
            out_lora=int(config["o_lora_rank"]),
            rope=rope,
            compress_rope=compress_rope,
            window=int(config["sliding_window"]),
            index_heads=int(config["index_n_heads"]),
            index_topk=int(config["index_topk"]),
            experts=int(config["n_routed_experts"]),
            top_k=int(config["num_experts_per_tok"]),
            expert_ffn=int(config["moe_intermediate_size"]),
            route_scale=float(config["routed_scaling_factor"]),
            renormalize=bool(config.get("norm_topk_prob", True)),
            act_limit=float(config["swiglu_limit"]),
            eps=float(config["rms_norm_eps"]),
            hc_iters=int(config["hc_sinkhorn_iters"]),
            hc_eps=float(config["hc_eps"]),
            mtp=int(config.get("num_nextn_predict_layers", 0)),
        )


def _expect(name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{name}: expected {wanted!r}; got {found!r}")


def _ratios(config: Mapping[str, Any], layers: int) -> tuple[int, ...]:
    kinds = config.get("layer_types")
    found = [RATIOS[kind] for kind in kinds] if kinds else [int(ratio) for ratio in config["compress_ratios"]]
    # The published list has an entry for the block of multi-token prediction too.
    found = found[:layers]
    if len(found) < layers or set(found) - set(RATIOS.values()):
        raise ValueError(f"compress_ratios: expected {layers} entries of 0, 4 or 128; got {found}")
    return tuple(found)


def _hashed(config: Mapping[str, Any], layers: int) -> tuple[bool, ...]:
    kinds = config.get("mlp_layer_types")
    if kinds:
        return tuple(kind == "hash_moe" for kind in kinds)
    return tuple(layer < int(config["num_hash_layers"]) for layer in range(layers))


def _ropes(config: Mapping[str, Any]) -> tuple[RopeConfig, RopeConfig]:
    nested = config.get("rope_parameters") or {}
    main, compress = dict(nested.get("main", {})), dict(nested.get("compress") or config.get("rope_scaling") or {})
    theta = float(main.get("rope_theta") or config["rope_theta"])
    compress_theta = float(compress.pop("rope_theta", None) or config["compress_rope_theta"])
    compress.pop("partial_rotary_factor", None)
    kind = compress.pop("type", None) or compress.get("rope_type", "default")
    compress["rope_type"] = kind
    # Cosines and sines have no factor, whatever YaRN says.
    scaling = None if kind == "default" else {**compress, "attention_factor": 1.0}
    return (
        RopeConfig(rot=ROPE_DIM, theta=theta, neox=False),
        RopeConfig(rot=ROPE_DIM, theta=compress_theta, neox=False, scaling=scaling),
    )
