"""Tiny random checkpoints of Hugging Face models: the folder that a user would download, a few kilobytes large."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

from specs.decoder.config import DecoderConfig
from specs.decoder.weights import Tensors

COMMON: Final[dict[str, Any]] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
}
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "llama": ("LlamaConfig", {"tie_word_embeddings": True}),
    "llama3": (
        "LlamaConfig",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
    ),
    "qwen3": ("Qwen3Config", {}),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "norm_topk_prob": True},
    ),
    "gpt_oss": (
        "GptOssConfig",
        {
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "intermediate_size": 64,
            "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
}
"""Class of the configuration, and what differs from `COMMON`."""


SEEDS: Final = {"gpt_oss": 5, "qwen3_moe": 1}
"""Of weights for which no token of the tests has two experts whose logits tie within the errors of bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model of transformers in float32, and what its folder holds."""

    model: Any
    config: DecoderConfig
    tensors: Tensors
    folder: Path


@cache
def checkpoint(name: str) -> Checkpoint:
    """A random model of `MODELS`, saved and read back."""
    kind, fields = MODELS[name]
    config = getattr(transformers, kind)(
        **{**COMMON, **fields}, attn_implementation="eager", experts_implementation="eager"
    )
    torch.manual_seed(SEEDS.get(name, 0))
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for label, parameter in model.named_parameters():
            # Norms and biases start as ones and zeros, which hide mistakes; so do scores that are nearly equal.
            spread = 0.25 if "self_attn" in label else 0.08
            parameter.copy_(torch.randn_like(parameter) * spread + (1.0 if parameter.ndim == 1 else 0.0))
    folder = Path(mkdtemp(prefix="tiny-"))
    model.save_pretrained(folder)
    return Checkpoint(
        model=model,
        config=DecoderConfig.from_hf(json.loads((folder / "config.json").read_text())),
        tensors=load_file(folder / "model.safetensors"),
        folder=folder,
    )


def logits(name: str, ids: list[int]) -> np.ndarray[Any, Any]:
    """Logits float32 [T, vocab] of transformers."""
    with torch.no_grad():
        found: np.ndarray[Any, Any] = checkpoint(name).model(torch.tensor([ids])).logits[0].numpy()
    return found
