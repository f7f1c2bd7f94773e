# Written by `python -m parity emit --all --write`: do not edit.
# ruff: noqa: PYI021 - docstrings are here for editors, which cannot find them elsewhere
from typing import Any, Literal, TypeAlias

import torch

from specs.lang.elements import ElementFormat
from specs.lang.op import Op as Op
from torch_impl.support import choose as choose

_Format: TypeAlias = torch.dtype | ElementFormat | str
_Implementation: TypeAlias = Literal["triton", "eager", "interpret"]

def per_token_group_quant_fp8(
    x: torch.Tensor,
    *,
    group: Literal[32, 64, 128] = 128,
    element: _Format = "e4m3",
    scale_format: _Format = "f32",
    ue8m0: bool = False,
    eps: float = 1e-10,
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of every group of a row, with one scale per group.

    Source: DeepSeek-V3 technical report, section 3.3

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        group: elements per scale. One of 32, 64, 128. Default 128.
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        scale_format: format of the scales; e8m0 implies ue8m0. One of f32, e8m0. Default 'f32'.
        ue8m0: round scales up to powers of two. Default False.
        eps: smallest magnitude a group is scaled for. Default 1e-10.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every group, format of scale_format [..M, N // group]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def per_token_quant_fp8(
    x: torch.Tensor,
    *,
    element: _Format = "e4m3",
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of every row, with one float32 scale per row.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every row, f32 [..M]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def per_tensor_quant_fp8(
    x: torch.Tensor,
    static_scale: torch.Tensor | None = None,
    *,
    element: _Format = "e4m3",
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of a tensor under one float32 scale, given (static) or computed (dynamic).

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        static_scale: the scale to use; computed from the largest magnitude when left out, f32 [] or [1],
            optional
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, format of element [..M, N]
        scale: the scale used, f32 []

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def per_token_quant_int8(
    x: torch.Tensor,
    *,
    element: _Format = "int8",
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, ...]:
    """INT8 codes of every row: int8 without, uint8 with a zero point per row.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        element: format of the codes. One of int8, uint8. Default 'int8'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every row, f32 [..M]
        zero_point: code of zero, when the codes are uint8, int32 uint8: [..M]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def mxfp8_quant(
    x: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """MXFP8: e4m3 codes with one E8M0 scale per 32 elements.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, e4m3 [..M, N]
        scale: scale of every group, e8m0 [..M, N // 32]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def mxfp4_quant(
    x: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """MXFP4: e2m1 codes, two per byte, with one E8M0 scale per 32 elements.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        q: codes, uint8 [..M, N // 2]
        scale: scale of every group, e8m0 [..M, N // 32]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def fp8_gemm(
    a: torch.Tensor,
    b: torch.Tensor,
    a_scale: torch.Tensor | None = None,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"],
    group: Literal[64, 128, 256] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
) -> torch.Tensor:
    """W8A8 product of FP8 activations and an FP8 weight.

    Source: DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx

    Args:
        a: activations, e4m3 or e5m2 [..M, K]
        b: weight, format of a [K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode without groups), f32 or e8m0 tensor: [];
            token_channel: [..M]; token_tensor: [..M]; tensor_channel: []; block: [..M, cdiv(K, group)]; mx:
            [..M, K // 32], optional
        b_scale: scales of b, in the order of the weight where they have both dimensions, f32 or e8m0 tensor:
            []; token_channel: [N]; token_tensor: []; tensor_channel: [N]; block: [cdiv(K, group), cdiv(N,
            group)]; mx: [K // 32, N] (last two swapped at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 64, 128, 256. Default 128.
        weight_order: "kn": the weight and its scales are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def fp8_bmm(
    a: torch.Tensor,
    b: torch.Tensor,
    a_scale: torch.Tensor | None = None,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"],
    group: Literal[64, 128, 256] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
) -> torch.Tensor:
    """Batched W8A8 product, one weight per batch.

    Args:
        a: activations, e4m3 or e5m2 [G, M, K]
        b: weight, format of a [G, K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode without groups), f32 or e8m0 tensor: [G];
            token_channel: [G, M]; token_tensor: [G, M]; tensor_channel: [G]; block: [G, M, cdiv(K, group)];
            mx: [G, M, K // 32], optional
        b_scale: scales of b, in the order of the weight where they have both dimensions, f32 or e8m0 tensor:
            [G]; token_channel: [G, N]; token_tensor: [G]; tensor_channel: [G, N]; block: [G, cdiv(K, group),
            cdiv(N, group)]; mx: [G, K // 32, N] (last two swapped at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 64, 128, 256. Default 128.
        weight_order: "kn": the weight and its scales are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        c: result, format of out_dtype [G, M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def fp8_gemm_w8a16(
    a: torch.Tensor,
    b: torch.Tensor,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "channel", "block"],
    group: Literal[64, 128, 256] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    implementation: _Implementation | None = None,
) -> torch.Tensor:
    """Product of 16-bit activations and an FP8 weight.

    Args:
        a: activations, bf16 or f16 [..M, K]
        b: weight, e4m3 or e5m2 [K, N] (last two swapped at weight_order="nk")
        b_scale: scales of b, in the order of the weight where they have both dimensions, f32 or e8m0 tensor:
            []; token_channel: [N]; token_tensor: []; tensor_channel: [N]; block: [cdiv(K, group), cdiv(N,
            group)]; mx: [K // 32, N] (last two swapped at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'channel', 'block'. Required.
        group: edge of the square weight blocks (mode block). One of 64, 128, 256. Default 128.
        weight_order: "kn": the weight and its scales are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        c: result, format of a [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def int4_gemm_w4a16(
    a: torch.Tensor,
    b: torch.Tensor,
    b_scale: torch.Tensor,
    b_zp: torch.Tensor | None = None,
    g_idx: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    group_size: Literal[-1, 32, 64, 128, 256],
    weight_order: Literal["kn", "nk"] = "kn",
    implementation: _Implementation | None = None,
) -> torch.Tensor:
    """Product of 16-bit activations and an INT4 weight in groups along K.

    Source: GPTQ (Frantar et al., 2022) storage order

    Args:
        a: activations, bf16 or f16 [..M, K]
        b: weight, eight k per word, int32 [K // 8, N] (last two swapped at weight_order="nk")
        b_scale: scales, format of a -1: [1, N]; 32: [cdiv(K, group_size), N]; 64: [cdiv(K, group_size), N];
            128: [cdiv(K, group_size), N]; 256: [cdiv(K, group_size), N]
        b_zp: zero points, eight n per word; 8 everywhere when left out, int32 -1: [1, N // 8]; 32: [cdiv(K,
            group_size), N // 8]; 64: [cdiv(K, group_size), N // 8]; 128: [cdiv(K, group_size), N // 8]; 256:
            [cdiv(K, group_size), N // 8], optional
        g_idx: act-order: column of a that multiplies row k of the weight, int32 [K], optional
        bias: addend, f32 or bf16 or f16 [N], optional
        group_size: k per scale; -1 is one group for all. One of -1, 32, 64, 128, 256. Required.
        weight_order: "kn": the weight and its scales are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        c: result, format of a [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def fp4_gemm(
    a: torch.Tensor,
    b: torch.Tensor,
    a_scale: torch.Tensor,
    b_scale: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    out_dtype: _Format = "bf16",
    weight_order: Literal["kn", "nk"] = "kn",
    implementation: _Implementation | None = None,
) -> torch.Tensor:
    """Product of MXFP4 activations and an MXFP4 weight.

    Source: OCP Microscaling Formats (MX) 1.0

    Args:
        a: activations, two k per byte, uint8 [..M, KB]
        b: weight, two k per byte, uint8 [KB, N] (last two swapped at weight_order="nk")
        a_scale: scales of a, e8m0 [..M, KB // 16]
        b_scale: scales of b, e8m0 [KB // 16, N] (last two swapped at weight_order="nk")
        bias: addend, f32 or bf16 or f16 [N], optional
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        weight_order: "kn": the weight and its scales are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        implementation: one of triton, eager, interpret; None takes the first that the device supports.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """


NAMESPACE: str

def schema(op: Op) -> str: ...

def plain(*tensors: Any) -> bool: ...

def as_dtype(op: str, argument: str, value: Any) -> torch.dtype | None: ...

def explain(name: str, device: torch.device | str="cpu") -> dict[str, str | None]: ...
