"""Decoders of the Llama family: Llama, SmolLM2, Mistral, Qwen2, Qwen3, Qwen3-MoE and gpt-oss.

A configuration says what the layers compute, feature by feature, and never which model it is: code that asks for
`config.sinks` serves the next model with attention sinks too. `from_hf` reads the `config.json` of a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Scaling = Mapping[str, Any]
NormStyle = Literal["once", "twice", "gemma"]
Activation = Literal["silu", "gelu", "gelu_tanh", "swigluoai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeConfig:
    """Rotary position embedding of the first `rot` dimensions of every head.

    theta: base of the frequencies, theta ** (-2 i / rot).
    neox: pairs are (i, i + rot / 2); otherwise (2 i, 2 i + 1).
    scaling: the `rope_scaling` of config.json, None where frequencies are plain.
    """

    rot: int
    theta: float = 10000.0
    neox: bool = True
    scaling: Scaling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeConfig:
    """Experts in place of the MLP.

    experts, top_k, ffn: how many there are, how many a token uses, and the hidden size of one.
    score: "softmax" over all experts and then top_k, or "topk_softmax": top_k of the logits, softmax over these.
    renormalize: weights of a token are divided by their sum.
    bias: the router and the experts' products add a bias.
    interleaved: rows of w13 alternate between gate and up; otherwise gate first, then up.
    """

    experts: int
    top_k: int
    ffn: int
    score: Literal["softmax", "topk_softmax"] = "softmax"
    renormalize: bool = True
    bias: bool = False
    interleaved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """A decoder of pre-norm layers: attention, then an MLP or experts, each added to the residual stream.

    norm_style: rounding of the norms, see `rms_norm`: "twice" in Llama and Qwen, "once" in gpt-oss.
    qkv_bias, out_bias: whether the attention's projections add a bias.
    qk_norm: RMS norm of every query and key head before the rotation (Qwen3).
    sinks: a learned logit per head that takes part in the softmax and has no value (gpt-oss).
    windows: per layer, how many keys a query sees, its own included; None is all.
    act: gate of the MLP, see `act_and_mul`; `act_alpha` and `act_limit` are constants of swigluoai.
    tied: logits are products with the embedding table.
    devices: how many the output head and the experts are spread over (`specs.decoder.parallel`).
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    max_positions: int
    rope: RopeConfig
    eps: float = 1e-6
    norm_style: NormStyle = "twice"
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False
    windows: tuple[int | None, ...] = ()
    act: Activation = "silu"
    act_alpha: float = 1.702
    act_limit: float = 7.0
    tied: bool = False
    moe: MoeConfig | None = None
    devices: int = 1

    @property
    def held_experts(self) -> int:
        """Experts on one device: consecutive ones, the same number on each."""
        return 0 if self.moe is None else self.moe.experts // self.devices

    @property
    def scale(self) -> float:
        """Factor of the attention scores, head_dim ** -1/2."""
        return 1.0 / math.sqrt(self.head_dim)

    @property
    def qkv_rows(self) -> tuple[int, int, int]:
        """Rows of the fused projection that are queries, keys and values."""
        return self.heads * self.head_dim, self.kv_heads * self.head_dim, self.kv_heads * self.head_dim

    def cache_shape(self, pages: int, page_size: int) -> tuple[int, int, int, int]:
        """Shape of the keys, and of the values, of one layer."""
        return pages, page_size, self.kv_heads, self.head_dim

    def window(self, layer: int) -> tuple[int, int] | None:
        """(keys before the query, keys after it) for `flash_attn_varlen`, or None where all are visible."""
        keys = self.windows[layer] if self.windows else None
        return None if keys is None else (keys - 1, 0)

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> DecoderConfig:
        """The configuration in a `config.json` of Hugging Face.

        Raises:
            ValueError: the model type is none of the supported ones, or its activation is none of a gated MLP.
        """
        kind = str(config["model_type"])
        if kind not in MODEL_TYPES:
            raise ValueError(f"model_type: expected one of {', '.join(MODEL_TYPES)}; got {kind!r}")
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        head_dim = int(config.get("head_dim") or hidden // heads)
        oss, qwen2 = kind == "gpt_oss", kind == "qwen2"
        return cls(
            layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=head_dim,
            ffn=int(config["intermediate_size"]),
            vocab=int(config["vocab_size"]),
            max_positions=int(config["max_position_embeddings"]),
            rope=_rope(config, head_dim),
            eps=float(config["rms_norm_eps"]),
            norm_style="once" if oss else "twice",
            qkv_bias=qwen2 or bool(config.get("attention_bias", oss)),
            out_bias=not qwen2 and bool(config.get("attention_bias", oss)),
            qk_norm=kind in ("qwen3", "qwen3_moe"),
            sinks=oss,
            windows=_windows(config),
            act="swigluoai" if oss else _activation(config),
            act_limit=float(config.get("swiglu_limit", 7.0)),
            tied=bool(config.get("tie_word_embeddings", False)),
            moe=_moe(config),
        )


MODEL_TYPES: Final = ("llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gpt_oss")
"""Values of `model_type` that `DecoderConfig.from_hf` reads."""

_ACTIVATIONS: Final[Mapping[str, Activation]] = {"silu": "silu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}


def _rope(config: Mapping[str, Any], head_dim: int) -> RopeConfig:
    # transformers 5 has everything in rope_parameters; checkpoints from before have rope_theta and rope_scaling.
    scaling = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    theta = float(scaling.pop("rope_theta", None) or config.get("rope_theta") or 10000.0)
    partial = float(scaling.pop("partial_rotary_factor", None) or config.get("partial_rotary_factor") or 1.0)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    scaling.setdefault("original_max_position_embeddings", config["max_position_embeddings"])
    return RopeConfig(rot=int(head_dim * partial), theta=theta, scaling=None if kind == "default" else scaling)


def _windows(config: Mapping[str, Any]) -> tuple[int | None, ...]:
    window = config.get("sliding_window")
    if window is None or config.get("use_sliding_window", True) is False:
        return ()
    kinds = config.get("layer_types") or ["sliding_attention"] * int(config["num_hidden_layers"])
    found = tuple(int(window) if kind == "sliding_attention" else None for kind in kinds)
    return found if any(found) else ()


def _activation(config: Mapping[str, Any]) -> Activation:
    name = str(config.get("hidden_act", "silu"))
    if name not in _ACTIVATIONS:
        raise ValueError(f"hidden_act: expected one of {', '.join(_ACTIVATIONS)}; got {name!r}")
    return _ACTIVATIONS[name]


def _moe(config: Mapping[str, Any]) -> MoeConfig | None:
    kind = config["model_type"]
    if kind == "qwen3_moe":
        return MoeConfig(
            experts=int(config.get("num_experts") or config["num_local_experts"]),
            top_k=int(config["num_experts_per_tok"]),
            ffn=int(config["moe_intermediate_size"]),
            renormalize=bool(config.get("norm_topk_prob", True)),
        )
    if kind == "gpt_oss":
        return MoeConfig(
            experts=int(config["num_local_experts"]),
            top_k=int(config["num_experts_per_tok"]),
            ffn=int(config["intermediate_size"]),
            score="topk_softmax",
            bias=True,
            interleaved=True,
        )
    return None
