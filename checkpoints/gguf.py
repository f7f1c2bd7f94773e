"""GGUF files: weights stay the bytes of the memory-mapped file, under their Hugging Face names.

llama.cpp stores the query and key rows of the llama architecture in the order that pairs (2 i, 2 i + 1) rotate. They
are put back into the order of Hugging Face, pairs (i, i + D/2), by moving whole rows of bytes: nothing is requantised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from specs.extras import hints

with hints("checkpoints"):
    import gguf

import ml_dtypes
import numpy as np

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import Checkpoint, formats
from checkpoints.tokenizer import from_gguf
from specs.decoder.config import DecoderConfig, RopeConfig
from specs.decoder.host import HostArray, PackedWeight, values
from specs.decoder.weights import CheckpointError, Tensor, check_tensors
from specs.lang.formats.ggml import BY_TYPE

ARCHITECTURES: Final = ("llama", "qwen2", "qwen3")
_PLAIN: Final = {0: np.float32, 1: np.float16, 30: ml_dtypes.bfloat16}
_MODEL: Final = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_LAYER: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_UNUSED: Final = "rope_freqs.weight"


def open_gguf(path: Path) -> Checkpoint:
    """Opens a GGUF file of the llama, qwen2 or qwen3 architecture.

    Raises:
        CheckpointError: truncated, of another architecture, of an unknown type, or tensors that do not fit.
    """
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError) as error:
        raise CheckpointError(f"{path.name}: expected a whole GGUF file; {error}") from error
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    config = gguf_config(metadata, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    tensors = {_name(tensor.name): _tensor(tensor) for tensor in reader.tensors if tensor.name != _UNUSED}
    if metadata["general.architecture"] == "llama":
        for layer in range(config.layers):
            for name, heads in (("q", config.heads), ("k", config.kv_heads)):
                full = f"model.layers.{layer}.self_attn.{name}_proj.weight"
                if full in tensors:
                    tensors[full] = unpermute(tensors[full], heads)
    check_tensors(config, tensors)
    tokenizer = from_gguf(metadata)
    template = metadata.get("tokenizer.chat_template")
    special = {
        f"{kind}_token": tokenizer.token(int(metadata.get(f"tokenizer.ggml.{kind}_token_id", -1)))
        for kind in ("bos", "eos")
        if f"tokenizer.ggml.{kind}_token_id" in metadata
    }
    return Checkpoint(
        name=str(metadata.get("general.name", path.stem)),
        config=config,
        tensors=tensors,
        tokenizer=tokenizer,
        chat=None if template is None else ChatTemplate(source=str(template), tokens=special),
        quantisation=formats(tensors),
    )


def gguf_config(metadata: Mapping[str, Any], *, tied: bool) -> DecoderConfig:
    """The configuration in the metadata of a GGUF file.

    Raises:
        CheckpointError: an architecture that is not in `ARCHITECTURES`.
    """
    kind = str(metadata["general.architecture"])
    if kind not in ARCHITECTURES:
        raise CheckpointError(f"general.architecture: expected one of {', '.join(ARCHITECTURES)}; got {kind!r}")

    def value(name: str, default: Any = None) -> Any:
        found = metadata.get(f"{kind}.{name}", default)
        if found is None:
            raise CheckpointError(f"{kind}.{name}: expected a value; the file has none")
        return found

    heads, hidden = int(value("attention.head_count")), int(value("embedding_length"))
    head_dim = int(value("attention.key_length", hidden // heads))
    scaling = metadata.get(f"{kind}.rope.scaling.type", "none")
    if scaling not in ("none", "default"):
        raise CheckpointError(f"{kind}.rope.scaling.type: expected none; got {scaling!r}")
    return DecoderConfig(
        layers=int(value("block_count")),
        hidden=hidden,
        heads=heads,
        kv_heads=int(value("attention.head_count_kv", heads)),
        head_dim=head_dim,
        ffn=int(value("feed_forward_length")),
        vocab=int(metadata.get(f"{kind}.vocab_size") or len(metadata["tokenizer.ggml.tokens"])),
        max_positions=int(value("context_length")),
        rope=RopeConfig(
            rot=int(value("rope.dimension_count", head_dim)), theta=float(value("rope.freq_base", 10000.0))
        ),
        eps=float(value("attention.layer_norm_rms_epsilon")),
        qkv_bias=kind == "qwen2",
        qk_norm=kind == "qwen3",
        tied=tied,
    )


def unpermute(weight: Tensor, heads: int) -> Tensor:
    """Rows of every head from the order of interleaved pairs, [D/2, 2], back to halves, [2, D/2]."""
    if isinstance(weight, PackedWeight):
        return PackedWeight(form=weight.form, data=_halves(weight.data, heads))
    return _halves(values(weight), heads)


def _halves(rows: HostArray, heads: int) -> HostArray:
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def _name(name: str) -> str:
    """The Hugging Face name; the name itself where there is none, so that it is reported."""
    stem, _, kind = name.rpartition(".")
    if stem in _MODEL:
        return f"{_MODEL[stem]}.{kind}"
    block, _, part = stem.partition(".")
    layer, _, part = part.partition(".")
    if block == "blk" and part in _LAYER:
        return f"model.layers.{layer}.{_LAYER[part]}.{kind}"
    return name


def _tensor(tensor: gguf.ReaderTensor) -> Tensor:
    shape = tuple(int(size) for size in reversed(tensor.shape))
    kind = int(tensor.tensor_type)
    if kind in _PLAIN:
        return np.asarray(tensor.data).view(_PLAIN[kind]).reshape(shape)
    form = BY_TYPE.get(kind)
    if form is None:
        name = tensor.tensor_type.name
        known = ", ".join(["F32", "F16", "BF16", *(form.name for form in BY_TYPE.values())])
        raise CheckpointError(f"{tensor.name}: expected one of the types {known}; got {name}, {tensor.n_bytes} bytes")
    data = np.asarray(tensor.data).view(np.uint8)
    expected = int(np.prod(shape[:-1])) * form.row_bytes(shape[-1])
    if data.size != expected:
        raise CheckpointError(f"{tensor.name}: expected {expected} bytes of {form.name} {list(shape)}; got {data.size}")
    return PackedWeight(form=form, data=data.reshape(*shape[:-1], -1))
