"""`--quantization twinkernels_fp8`: linear layers of a 16- or 32-bit checkpoint in FP8, quantised while loading.

Weights: E4M3 codes [N, K], one float32 scale per output channel. Activations: E4M3, one float32 scale per token,
quantised in every call. Both by `per_token_quant_fp8`; the product is `fp8_gemm` in mode token_channel, float32 sums.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.model_executor.layers.linear import LinearBase, UnquantizedLinearMethod
from vllm.model_executor.layers.quantization import register_quantization_config
from vllm.model_executor.layers.quantization.base_config import QuantizationConfig

from torch_impl import ops

NAME = "twinkernels_fp8"


class Fp8Linear(UnquantizedLinearMethod):
    """A linear layer whose weight becomes FP8 after loading; it is created and sharded as an unquantised one is."""

    def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
        """Replaces `weight` by codes, and adds `weight_scale` float32 [N]."""
        codes, scale = ops.per_token_quant_fp8(sixteen_bits(layer.get_parameter("weight").data))
        layer.weight = torch.nn.Parameter(codes, requires_grad=False)
        layer.weight_scale = torch.nn.Parameter(scale.reshape(-1), requires_grad=False)

    def apply(self, layer: torch.nn.Module, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """x [..., K] times the weight, in the format of x."""
        codes, scale = ops.per_token_quant_fp8(sixteen_bits(x))
        weight, weight_scale = layer.get_parameter("weight"), layer.get_parameter("weight_scale")
        return ops.fp8_gemm(
            *(codes, weight, scale, weight_scale, bias),
            scale_mode="token_channel",
            weight_order="nk",
            out_dtype=x.dtype,
        )


def sixteen_bits(x: torch.Tensor) -> torch.Tensor:
    """What the quantisers take; of float32 bits are lost that the three of an FP8 code do not hold either."""
    return x.to(torch.bfloat16) if x.dtype == torch.float32 else x


class Fp8Config(QuantizationConfig):
    """Every linear layer in FP8; embeddings and the output head stay as they are."""

    @classmethod
    def get_name(cls) -> str:
        return NAME

    @classmethod
    def get_supported_act_dtypes(cls) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16, torch.float32]

    @classmethod
    def get_min_capability(cls) -> int:
        return -1  # any device: the kernels say themselves what they cannot run on

    @staticmethod
    def get_config_filenames() -> list[str]:
        return []

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Fp8Config:  # noqa: ARG003 - nothing can be configured
        return cls()

    def get_quant_method(self, layer: torch.nn.Module, prefix: str) -> Fp8Linear | None:
        return Fp8Linear() if isinstance(layer, LinearBase) else None


def register() -> None:
    """Makes the name known; vLLM warns where that happened before."""
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    if NAME not in QUANTIZATION_METHODS:
        register_quantization_config(NAME)(Fp8Config)
