"""SmolLM2 from its GGUF file as a folder of Hugging Face, decoded, for engines that read only these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from checkpoints.checkpoint import Checkpoint
from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from specs.decoder.host import PackedWeight


def write(folder: Path, dtype: torch.dtype) -> Checkpoint:
    """The checkpoint `smollm2`, written into the folder with its linears in `dtype`."""
    opened = open_checkpoint(model_path("smollm2"))
    config, form = opened.config, str(dtype).removeprefix("torch.")
    tensors = {name: _values(tensor).to(dtype).contiguous() for name, tensor in opened.tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (eos,) = opened.tokenizer.eos
    ends = {"bos_token_id": opened.tokenizer.bos, "eos_token_id": eos, "pad_token_id": eos}
    _write(
        folder / "config.json",
        architectures=["LlamaForCausalLM"],
        model_type="llama",
        hidden_size=config.hidden,
        intermediate_size=config.ffn,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.head_dim,
        rms_norm_eps=config.eps,
        rope_theta=config.rope.theta,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope.theta},
        vocab_size=config.vocab,
        max_position_embeddings=config.max_positions,
        tie_word_embeddings=config.tied,
        hidden_act="silu",
        attention_bias=False,
        mlp_bias=False,
        dtype=form,
        **ends,
    )
    _write(folder / "generation_config.json", **ends)
    opened.tokenizer.library.save(str(folder / "tokenizer.json"))
    assert opened.chat is not None
    names = {
        name.removesuffix("_id"): opened.tokenizer.token(token) for name, token in ends.items() if token is not None
    }
    _write(
        folder / "tokenizer_config.json",
        tokenizer_class="PreTrainedTokenizerFast",
        chat_template=opened.chat.source,
        model_max_length=config.max_positions,
        **names,
    )
    return opened


def _values(tensor: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(tensor.decode() if isinstance(tensor, PackedWeight) else tensor))


def _write(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(fields, indent=1))
