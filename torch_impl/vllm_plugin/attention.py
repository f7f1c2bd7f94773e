"""vLLM's attention by `kv_insert` and `flash_attn_varlen_func`: `--attention-backend CUSTOM`.

Caches have vLLM's layout LBNHC, [blocks, tokens of a block, KV heads, K | V of a head]: the declared layout `adjacent`,
written in one launch and read in place. 16-bit caches, and FP8 with one scale for K and one for V of a layer. Causal
attention of decoders, prefill and decode in one call, with sliding windows, sinks, ALiBi and a cap of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from vllm.config import VllmConfig, get_current_vllm_config
from vllm.platforms import current_platform
from vllm.v1.attention.backend import (
    AttentionBackend,
    AttentionImpl,
    AttentionLayer,
    AttentionMetadata,
    AttentionMetadataBuilder,
    AttentionType,
    CommonAttentionMetadata,
)
from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend
from vllm.v1.kv_cache_interface import KVCacheLayout

from torch_impl import ops
from torch_impl.flash_attn import flash_attn_varlen_func

_FP8 = {"fp8": torch.float8_e4m3fn, "fp8_e4m3": torch.float8_e4m3fn, "fp8_e5m2": torch.float8_e5m2}


@dataclass(frozen=True, slots=True)
class Metadata(AttentionMetadata):
    """Arguments of a step that all layers share: query_start_loc [requests + 1] and seq_lens [requests], both int32."""

    tokens: int
    max_query_len: int
    max_seq_len: int
    query_start_loc: torch.Tensor
    seq_lens: torch.Tensor
    block_table: torch.Tensor
    slot_mapping: torch.Tensor


class Builder(AttentionMetadataBuilder[Metadata]):
    """Takes a step's arguments from vLLM as they are."""

    def __init__(
        self, kv_cache_spec: Any, layer_names: list[str], vllm_config: VllmConfig, device: torch.device
    ) -> None:
        super().__init__(kv_cache_spec, layer_names, vllm_config, device)

    def build(
        self,
        common_prefix_len: int,
        common_attn_metadata: CommonAttentionMetadata,
        fast_build: bool = False,
    ) -> Metadata:
        common = common_attn_metadata
        if common.causal is not True:
            raise NotImplementedError("twinkernels attention: causal attention only")
        return Metadata(
            tokens=common.num_actual_tokens,
            max_query_len=common.max_query_len,
            max_seq_len=common.max_seq_len,
            query_start_loc=common.query_start_loc,
            seq_lens=common.seq_lens,
            block_table=common.block_table_tensor,
            slot_mapping=common.slot_mapping,
        )


class Attention(AttentionImpl[Metadata]):
    """Attention of one layer."""

    def __init__(
        self,
        num_heads: int,
        head_size: int,
        scale: float,
        num_kv_heads: int | None = None,
        alibi_slopes: list[float] | None = None,
        sliding_window: int | None = None,
        kv_cache_dtype: str = "auto",
        logits_soft_cap: float | None = None,
        attn_type: str = AttentionType.DECODER,
        kv_sharing_target_layer_name: str | None = None,
        sinks: torch.Tensor | None = None,
    ) -> None:
        if attn_type != AttentionType.DECODER:
            raise NotImplementedError(f"twinkernels attention: {AttentionType.DECODER}, got {attn_type}")
        self.num_heads, self.head_size, self.scale = num_heads, head_size, float(scale)
        self.num_kv_heads = num_kv_heads or num_heads
        self.alibi_slopes = None if alibi_slopes is None else torch.tensor(alibi_slopes, dtype=torch.float32)
        self.window = None if sliding_window is None else (sliding_window - 1, 0)
        self.kv_cache_dtype = kv_cache_dtype
        self.softcap = logits_soft_cap or 0.0
        self.shares_cache = kv_sharing_target_layer_name is not None
        self.sinks = sinks

    def forward(
        self,
        layer: AttentionLayer,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        kv_cache: torch.Tensor,
        attn_metadata: Metadata | None,
        output: torch.Tensor,
        output_scale: torch.Tensor | None = None,
        output_block_scale: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Writes this step's keys and values into the cache, then attends.

        Args:
            query: [tokens, heads, head size]. key, value: [tokens, KV heads, head size].
            kv_cache: [blocks, KV heads, tokens of a block, 2 head size], in memory [blocks, tokens, heads, ..].
            output: [tokens, heads, head size], written in place.
        """
        if output_scale is not None or output_block_scale is not None:
            raise NotImplementedError("twinkernels attention: no quantised output")
        if attn_metadata is None:  # vLLM's profile run
            return output.zero_()
        step, d = attn_metadata, self.head_size
        cache = kv_cache.transpose(1, 2)
        scales: dict[str, Any] = {}
        if self.kv_cache_dtype in _FP8:
            cache = cache.view(_FP8[self.kv_cache_dtype])
            scales = {"k_scale": layer._k_scale, "v_scale": layer._v_scale}  # noqa: SLF001 - vLLM's names
        if not self.shares_cache:
            written = step.slot_mapping[: step.tokens]
            ops.kv_insert(key, value, cache, slot_mapping=written, kv_layout="adjacent", **scales)
        result = flash_attn_varlen_func(
            query[: step.tokens],
            cache[..., :d],
            cache[..., d:],
            step.query_start_loc,
            step.max_query_len,
            step.max_seq_len,
            softmax_scale=self.scale,
            causal=True,
            block_table=step.block_table,
            seqused_k=step.seq_lens,
            alibi_slopes=self.alibi_slopes,
            window_size=self.window,
            softcap=self.softcap,
            s_aux=self.sinks,
            k_descale=scales.get("k_scale"),
            v_descale=scales.get("v_scale"),
        )
        output[: step.tokens].view_as(result).copy_(result)
        return output


class Backend(AttentionBackend):
    """What vLLM asks a backend."""

    supported_dtypes: ClassVar[list[torch.dtype]] = [torch.bfloat16, torch.float16]
    supported_kv_cache_dtypes: ClassVar[list[Any]] = ["auto", "float16", "bfloat16", *_FP8]
    forward_includes_kv_cache_update = True

    @staticmethod
    def get_name() -> str:
        return "CUSTOM"

    @staticmethod
    def get_impl_cls() -> type[Attention]:
        return Attention

    @staticmethod
    def get_builder_cls() -> type[Builder]:
        return Builder

    @classmethod
    def supported_kv_cache_layouts(cls) -> tuple[KVCacheLayout, ...]:
        return (KVCacheLayout.LBNHC,)

    @classmethod
    def supports_sink(cls) -> bool:
        return True

    @classmethod
    def supports_sliding_window(cls) -> bool:
        return True

    @classmethod
    def supports_attn_type(cls, attn_type: str) -> bool:
        return attn_type == AttentionType.DECODER


def register() -> None:
    """Makes the backend CUSTOM. On a CPU vLLM takes its own whatever is asked for, so there its name is taken over."""
    register_backend(AttentionBackendEnum.CUSTOM, f"{__name__}.Backend")
    if current_platform.is_cpu():
        register_backend(AttentionBackendEnum.CPU_ATTN, f"{__name__}.CpuBackend")


def __getattr__(name: str) -> Any:
    """`CpuBackend`: this backend where the configuration asks for CUSTOM, vLLM's otherwise."""
    if name != "CpuBackend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if get_current_vllm_config().attention_config.backend is AttentionBackendEnum.CUSTOM:
        return Backend
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    return CPUAttentionBackend
