"""`torch.ops._xpu_C` where vllm-xpu-kernels has not defined it: the operators that vLLM's XPU platform calls.

Names, order of arguments and layouts are vLLM's. Every operator is one call of `torch_impl.ops`, and traces and
compiles as that does; one which exists already is left alone.

Source: vllm/_xpu_ops.py, vllm/model_executor/kernels/linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from torch_impl import ops

NAMESPACE = "_xpu_C"
Mode = Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"]
GroupSize = Literal[-1, 32, 64, 128, 256]  # which the operation checks
_EDGE = 128  # of blocks, where the mode has none


def fp8_gemm(
    a: Tensor, b: Tensor, out_dtype: torch.dtype, a_scale: Tensor | None, b_scale: Tensor | None, bias: Tensor | None
) -> Tensor:
    """a [M, K] times b [K, N] in FP8; the shapes of the scales say what they are of (see `scale_mode`)."""
    mode, group = scale_mode(a, b, a_scale, b_scale)
    if mode not in ("mx", "block"):
        a_scale, b_scale = flat(a_scale), flat(b_scale)
    return ops.fp8_gemm(*(a, b, a_scale, b_scale, given(bias)), scale_mode=mode, group=group, out_dtype=out_dtype)


def fp8_bmm(
    a: Tensor, b: Tensor, out_dtype: torch.dtype, a_scale: Tensor | None, b_scale: Tensor | None, bias: Tensor | None
) -> Tensor:
    """a [G, M, K] times b [G, K, N] in FP8, scales of 1 x 128 by 128 x 128 blocks or of MXFP8."""
    mode, group = scale_mode(a[0], b[0], *(None if scale is None else scale[0] for scale in (a_scale, b_scale)))
    return ops.fp8_bmm(*(a, b, a_scale, b_scale, given(bias)), scale_mode=mode, group=group, out_dtype=out_dtype)


def fp8_gemm_w8a16(a: Tensor, b: Tensor, b_scale: Tensor | None, bias: Tensor | None) -> Tensor:
    """16-bit a [M, K] times b [K, N] in FP8, one scale or one per column."""
    mode: Literal["tensor", "channel"] = "tensor" if b_scale is None or b_scale.numel() == 1 else "channel"
    return ops.fp8_gemm_w8a16(a, b, flat(b_scale), given(bias), scale_mode=mode)


def int4_gemm_w4a16(
    a: Tensor,
    b: Tensor,
    bias: Tensor | None,
    b_scale: Tensor,
    b_zp: Tensor,
    group_size: GroupSize,
    g_idx: Tensor | None,
) -> Tensor:
    """16-bit a [M, K] times b int32 [K / 8, N], eight k per word."""
    return ops.int4_gemm_w4a16(*(a, b, b_scale, zero_points(b_zp), given(g_idx), given(bias)), group_size=group_size)


def int4_gemm_w4a8(
    a: Tensor,
    a_scale: Tensor,
    a_zp: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zp: Tensor,
    group_size: GroupSize,
    g_idx: Tensor | None,
    bias: Tensor | None,
) -> Tensor:
    """int8 a [M, K], a scale and zero point per row, times b int32 [K / 8, N]; float16."""
    return ops.int4_gemm_w4a8(
        *(a, b, a_scale, b_scale, given(a_zp), zero_points(b_zp), given(g_idx), None, given(bias)),
        group_size=group_size,
        out_dtype=torch.float16,
    )


def fp4_gemm(
    a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, out_dtype: torch.dtype, bias: Tensor | None
) -> Tensor:
    """MXFP4 a [M, K / 2] times b [K / 2, N], two k per byte."""
    return ops.fp4_gemm(*(a.view(torch.uint8), b.view(torch.uint8), a_scale, b_scale, given(bias)), out_dtype=out_dtype)


def fp8_mqa_logits(q: Tensor, k: Tensor, k_scale: Tensor, weights: Tensor, ks: Tensor, ke: Tensor) -> Tensor:
    """Scores of the indexer, float32 [M, N]."""
    return ops.mqa_logits(q, k, weights, ks, ke, k_scale)


def fp8_paged_mqa_logits(
    q: Tensor,
    kv_cache: Tensor,
    weights: Tensor,
    context_lens: Tensor,
    block_tables: Tensor,
    schedule_metadata: Tensor,  # noqa: ARG001 - the grid follows from the shapes
    max_model_len: int,
) -> Tensor:
    """Scores of the indexer over pages [pages, rows, 1, 132], float32 [B queries, max_model_len]."""
    pages = kv_cache.view(torch.uint8).reshape(*kv_cache.shape[:2], -1)
    lens: Literal["query", "request"] = "query" if context_lens.dim() > 1 else "request"
    return ops.paged_mqa_logits(q, pages, weights, context_lens, block_tables, max_model_len=max_model_len, lens=lens)


def mhc_pre(
    residual: Tensor,
    fn: Tensor,
    scale: Tensor,
    base: Tensor,
    rms_eps: float,
    pre_eps: float,
    sinkhorn_eps: float,
    post_mult: float,
    repeat: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates of a layer's output, mixing matrix and input of the layer."""
    numbers = _numbers(rms_eps, pre_eps, sinkhorn_eps, post_mult, repeat)
    return ops.mhc_pre(residual, fn, scale, base, **numbers)


def mhc_fused_post_pre(
    x: Tensor,
    residual: Tensor,
    post: Tensor,
    comb: Tensor,
    fn: Tensor,
    scale: Tensor,
    base: Tensor,
    rms_eps: float,
    pre_eps: float,
    sinkhorn_eps: float,
    post_mult: float,
    repeat: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The streams after a layer, then as `mhc_pre` of these."""
    numbers = _numbers(rms_eps, pre_eps, sinkhorn_eps, post_mult, repeat)
    return ops.mhc_fused_post_pre(x, residual, post, comb, fn, scale, base, **numbers)


def mhc_post(x: Tensor, residual: Tensor, post: Tensor, comb: Tensor) -> Tensor:
    """The streams after a layer."""
    return ops.mhc_post(x, residual, post, comb)


def hc_head_fused(
    hidden: Tensor, fn: Tensor, scale: Tensor, base: Tensor, out: Tensor, rms_eps: float, eps: float
) -> None:
    """One stream of the last layer's four, into out bf16 [tokens, H]."""
    ops.hc_head(hidden, fn, scale, base, rms_eps=rms_eps, eps=eps, out=out)


def scale_mode(a: Tensor, b: Tensor, a_scale: Tensor | None, b_scale: Tensor | None) -> tuple[Mode, Any]:
    """Mode and block edge of `fp8_gemm` by the scales: E8M0 is MXFP8, [K / edge, N / edge] blocks, [M, 1] one a row."""
    (rows, k), columns = a.shape, b.shape[1]
    if a_scale is not None and a_scale.dtype == torch.float8_e8m0fnu:
        return "mx", _EDGE
    if b_scale is not None and b_scale.dim() == 2 and b_scale.numel() not in (1, columns):
        return "block", k // b_scale.shape[0]
    # [M, 1] for every M, so that a row's bits do not depend on whether it is alone.
    token = a_scale is not None and a_scale.dim() == 2 and a_scale.shape[0] == rows
    if b_scale is not None and b_scale.numel() == columns > 1:
        return "token_channel" if token else "tensor_channel", _EDGE
    return "token_tensor" if token else "tensor", _EDGE


def flat(scale: Tensor | None) -> Tensor | None:
    """[M] for vLLM's [M, 1], [N] for its [1, N]."""
    return None if scale is None else scale.reshape(-1)


def given(tensor: Tensor | None) -> Tensor | None:
    """None for an empty tensor, which is vLLM's way to pass no bias."""
    return None if tensor is None or tensor.numel() == 0 else tensor


def zero_points(packed: Tensor) -> Tensor | None:
    """None where all are 8, which vLLM passes as one int8; packed ones are words of int32."""
    return None if packed.dtype == torch.int8 else packed


def _numbers(rms_eps: float, pre_eps: float, sinkhorn_eps: float, post_mult: float, repeat: int) -> dict[str, Any]:
    return {
        "rms_eps": rms_eps,
        "pre_eps": pre_eps,
        "sinkhorn_eps": sinkhorn_eps,
        "post_mult": post_mult,
        "repeat": repeat,
    }


@dataclass(frozen=True, slots=True)
class Operator:
    """A function and its schema without the name."""

    function: Callable[..., Any]
    schema: str

    @property
    def name(self) -> str:
        """Its name in the namespace."""
        return self.function.__name__


_FP8 = "(Tensor a, Tensor b, ScalarType out_dtype, Tensor? a_scale, Tensor? b_scale, Tensor? bias) -> Tensor"
_MHC = (
    "Tensor fn, Tensor scale, Tensor base, "
    "float rms_eps, float pre_eps, float sinkhorn_eps, float post_mult, int repeat"
)
OPERATORS = (
    Operator(fp8_gemm, _FP8),
    Operator(fp8_bmm, _FP8),
    Operator(fp8_gemm_w8a16, "(Tensor a, Tensor b, Tensor? b_scale, Tensor? bias) -> Tensor"),
    Operator(
        int4_gemm_w4a16,
        "(Tensor a, Tensor b, Tensor? bias, Tensor b_scale, Tensor b_zp, int group_size, Tensor? g_idx) -> Tensor",
    ),
    Operator(
        int4_gemm_w4a8,
        "(Tensor a, Tensor a_scale, Tensor a_zp, Tensor b, Tensor b_scale, Tensor b_zp, int group_size, Tensor? g_idx, "
        "Tensor? bias) -> Tensor",
    ),
    Operator(
        fp4_gemm,
        "(Tensor a, Tensor b, Tensor a_scale, Tensor b_scale, ScalarType out_dtype, Tensor? bias) -> Tensor",
    ),
    Operator(fp8_mqa_logits, "(Tensor q, Tensor k, Tensor k_scale, Tensor weights, Tensor ks, Tensor ke) -> Tensor"),
    Operator(
        fp8_paged_mqa_logits,
        "(Tensor q, Tensor kv_cache, Tensor weights, Tensor context_lens, Tensor block_tables, "
        "Tensor schedule_metadata, int max_model_len) -> Tensor",
    ),
    Operator(mhc_pre, f"(Tensor residual, {_MHC}) -> (Tensor, Tensor, Tensor)"),
    Operator(
        mhc_fused_post_pre,
        f"(Tensor x, Tensor residual, Tensor post, Tensor comb, {_MHC}) -> (Tensor, Tensor, Tensor, Tensor)",
    ),
    Operator(mhc_post, "(Tensor x, Tensor residual, Tensor post, Tensor comb) -> Tensor"),
    Operator(
        hc_head_fused,
        "(Tensor hidden, Tensor fn, Tensor scale, Tensor base, Tensor(a!) out, float rms_eps, float eps) -> ()",
    ),
)
_libraries: list[torch.library.Library] = []  # a definition lives as long as its library


def register(namespace: str = NAMESPACE) -> tuple[str, ...]:
    """Defines the operators that the namespace lacks, and returns their names."""
    present = getattr(torch.ops, namespace)
    absent = tuple(operator for operator in OPERATORS if not hasattr(present, operator.name))
    library = torch.library.Library(namespace, "FRAGMENT")
    for operator in absent:
        library.define(operator.name + operator.schema)
        library.impl(operator.name, operator.function, "CompositeImplicitAutograd")
    _libraries.append(library)
    return tuple(operator.name for operator in absent)
