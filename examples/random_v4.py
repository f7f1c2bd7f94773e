"""A random model with the architecture of DeepSeek-V4-Flash, small enough for a CPU, as a folder that can be served.

    python -m examples.random_v4 FOLDER
    python -m jax_impl.serving --model FOLDER --max-length 512 --max-requests 2 --max-tokens 32 --greedy

It has layers of all compression ratios, 0, 4 and 128, routing by token id and by learned scores, FP8 linears, experts
in MXFP4, and a block for multi-token prediction: 96 tokens, the printable characters, hidden size 128. Its answers are
noise; its tensors have the names, types and scales of the published checkpoint, whose reader opens it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import ml_dtypes
import numpy as np
import tokenizers
import typer

from checkpoints.tensors import write_tensors
from specs.decoder.v4.config import V4Config
from specs.decoder.v4.weights import FORMATS, PUBLISHED, tables
from specs.lang.formats.blocks import BlockFormat

Array = np.ndarray[Any, Any]
CONFIG: Final[Mapping[str, Any]] = {
    "model_type": "deepseek_v4",
    "vocab_size": 96,
    "hidden_size": 128,
    "head_dim": 512,
    "qk_rope_head_dim": 64,
    "moe_intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_nextn_predict_layers": 1,
    "num_attention_heads": 4,
    "q_lora_rank": 128,
    "o_groups": 2,
    "o_lora_rank": 128,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "routed_scaling_factor": 1.5,
    "swiglu_limit": 10.0,
    "compress_ratios": [0, 4, 128],
    "num_hash_layers": 1,
    "sliding_window": 128,
    "index_n_heads": 8,
    "index_topk": 32,
    "max_position_embeddings": 1024,
    "rope_theta": 10000.0,
    "compress_rope_theta": 160000.0,
    "rms_norm_eps": 1e-6,
    "hc_sinkhorn_iters": 4,
    "hc_eps": 1e-6,
}
"""V4-Flash has 43 layers, hidden size 4096, 64 heads and 256 experts."""
_SPREAD: Final = 3.0
"""Between the biases of experts: more than scores differ, so that rounding changes no token's experts."""


def write(folder: Path, *, seed: int = 0, **fields: Any) -> V4Config:
    """Writes a folder. fields: of `CONFIG`, to change."""
    settings = {**CONFIG, **fields}
    config, random = V4Config.from_hf(settings), np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for table in tables(config):
        for key, weight in table.items():
            for source in weight.sources:
                values = _values(random, key, source.shape, config)
                found |= _stored(source.name, values, PUBLISHED.get(key), FORMATS.get(key, ml_dtypes.bfloat16))
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "model.safetensors", found)
    (folder / "config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
    _characters(config.vocab).save(str(folder / "tokenizer.json"))
    return config


def _values(random: np.random.Generator, key: str, shape: tuple[int, ...], config: V4Config) -> Array:
    """Of the sizes that training gives: products keep the size of their rows, norms are near one."""
    if key == "experts_of_token":
        return random.permuted(np.tile(np.arange(config.experts), (shape[0], 1)), axis=1)[:, : shape[1]]
    if key == "correction_bias":
        return random.permutation(config.experts) * _SPREAD
    if key == "embedding":
        return random.standard_normal(shape)
    if "norm" in key or key.endswith("scale"):
        return 1.0 + random.standard_normal(shape) / 8
    if key.endswith("base") or key == "sinks":
        return random.standard_normal(shape) / 2
    return random.standard_normal(shape) * shape[-1] ** -0.5


def _stored(name: str, values: Array, form: BlockFormat | None, dtype: Any) -> dict[str, Array]:
    """A tensor as the checkpoint has it: codes and scales, or values."""
    if form is None:
        return {name: values.astype(dtype)}
    encoded = form.encode(values.astype(np.float32))
    assert encoded.scale is not None
    # Two MXFP4 codes per byte; E8M0 scales as their own type.
    codes = encoded.data.view(np.int8 if form.packing else ml_dtypes.float8_e4m3fn)
    scale = encoded.scale.view(ml_dtypes.float8_e8m0fnu)
    return {name: codes, name.removesuffix(".weight") + ".scale": scale}


def _characters(count: int) -> tokenizers.Tokenizer:
    """A token per printable character."""
    vocabulary = {chr(32 + index): index for index in range(count)}
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=" "))  # noqa: S106 - no password
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), behavior="isolated")
    library.decoder = tokenizers.decoders.Fuse()
    return library


def main(
    folder: Annotated[Path, typer.Argument(help="Where to write.")],
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
) -> None:
    """Writes the model."""
    config = write(folder, seed=seed)
    typer.echo(f"{folder}: {config.layers} layers of ratios {config.ratios}, {config.experts} experts")


if __name__ == "__main__":
    typer.run(main)
