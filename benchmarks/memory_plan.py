"""Which models fit on which card, by the server's own plan: weights, then pages of keys and values in the rest.

    python -m benchmarks.memory_plan

Sizes follow from the declarations of weights, in the formats that folders of Hugging Face have; nothing is loaded and
nothing runs. The workspace of a step is not in it: it takes a compile for the card (`parity xpu --step`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from jax_impl.serving.memory import DEVICE_SHARE
from specs.decoder.config import DecoderConfig
from specs.decoder.precision import DEVICE
from specs.decoder.weights import Weight, layer_weights, model_weights
from specs.lang.formats.named import FP8_BLOCK_128, MXFP4

CARDS: Final[Mapping[str, int]] = {"B580": 12, "B50": 16, "B60": 24, "Max 1100": 48}
"""GiB that the data sheets name."""
GROUP: Final = 128
ROPE: Final = {"rope_theta": 500000.0, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5}
LLAMA: Final[Mapping[str, Any]] = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "intermediate_size": 14336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, **ROPE,
}  # fmt: skip
QWEN3: Final[Mapping[str, Any]] = {
    "model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096, "intermediate_size": 12288, "head_dim": 128,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 151936, **ROPE,
}  # fmt: skip
GPT_OSS: Final[Mapping[str, Any]] = {
    "model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880, "intermediate_size": 2880, "head_dim": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 201088, "num_local_experts": 32,
    "num_experts_per_tok": 4, **ROPE,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model in a format. size: bytes of a weight of that name."""

    name: str
    config: DecoderConfig
    size: Callable[[str, Weight], int]

    @property
    def weights(self) -> int:
        """Bytes of all weights."""
        layers = (layer_weights(self.config, layer) for layer in range(self.config.layers))
        return sum(
            self.size(name, one) for table in (model_weights(self.config), *layers) for name, one in table.items()
        )

    @property
    def token(self) -> int:
        """Bytes of the keys and values of a token."""
        width = 2 * self.config.kv_heads * self.config.head_dim
        return self.config.layers * width * DEVICE.caches.storage_bits // 8


OF_THE_MODEL: Final = ("embedding", "head")
"""Linears that quantised folders leave in bfloat16."""


def plain(_: str, weight: Weight) -> int:
    """bfloat16."""
    return prod(weight.shape) * DEVICE.activations.storage_bits // 8


def fp8(name: str, weight: Weight) -> int:
    """Blocks of 128 x 128 in the layers' linears."""
    if not weight.linear or name in OF_THE_MODEL:
        return plain(name, weight)
    scales = FP8_BLOCK_128.storage_shape(weight.shape).scale
    return prod(weight.shape) + 4 * prod(scales or ())


def int4(name: str, weight: Weight) -> int:
    """Groups of 128 with float16 scales and zero points in the layers' linears."""
    if not weight.linear or name in OF_THE_MODEL:
        return plain(name, weight)
    count = prod(weight.shape)
    return count // 2 + count // GROUP * 2 + count // GROUP // 2


def mxfp4(name: str, weight: Weight) -> int:
    """Experts in MXFP4."""
    if name not in ("w13", "w2"):
        return plain(name, weight)
    stored = MXFP4.storage_shape(weight.shape)
    return prod(stored.data) + prod(stored.scale or ())


MODELS: Final = (
    Model(name="Llama-3.1-8B, bf16", config=DecoderConfig.from_hf(LLAMA), size=plain),
    Model(name="Llama-3.1-8B, FP8", config=DecoderConfig.from_hf(LLAMA), size=fp8),
    Model(name="Llama-3.1-8B, INT4", config=DecoderConfig.from_hf(LLAMA), size=int4),
    Model(name="Qwen3-8B, FP8", config=DecoderConfig.from_hf(QWEN3), size=fp8),
    Model(name="Qwen3-8B, INT4", config=DecoderConfig.from_hf(QWEN3), size=int4),
    Model(name="gpt-oss-20b, MXFP4", config=DecoderConfig.from_hf(GPT_OSS), size=mxfp4),
)


def row(model: Model) -> list[str]:
    """Weights, bytes per token, and tokens of caches on every card."""
    room = [int((size << 30) * DEVICE_SHARE) - model.weights for size in CARDS.values()]
    fits = [f"{left // model.token:,}".replace(",", " ") if left > 0 else "-" for left in room]
    return [model.name, f"{model.weights / (1 << 30):.2f} GiB", f"{model.token} B", *fits]


def main() -> None:
    """Prints the table in Markdown."""
    cards = [f"{name}, {size} GiB" for name, size in CARDS.items()]
    lines = [["model", "weights", "caches per token", *cards], ["---"] * (3 + len(cards)), *map(row, MODELS)]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


if __name__ == "__main__":
    main()
