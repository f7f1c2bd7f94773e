# Written by `python -m parity emit --all --write`: do not edit.
# ruff: noqa: PYI021 - docstrings are here for editors, which cannot find them elsewhere
from typing import Any, Literal, TypeAlias

import torch

from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

_Format: TypeAlias = torch.dtype | ElementFormat | str
_Implementation: TypeAlias = Literal["triton", "eager", "dequant", "interpret"]

def per_token_group_quant_fp8(
    x: torch.Tensor,
    *,
    group: Literal[16, 32, 64, 128, 256, 512] = 128,
    element: _Format = "e4m3",
    scale_format: _Format = "f32",
    ue8m0: bool = False,
    eps: float = 1e-10,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of every group of a row, with one scale per group.

        amax = max(max |x| of the group, eps)
        s    = amax * fl(1 / max)            fl: rounded to float32; max: 448 for e4m3, 57344 for e5m2
        s    = 2 ** ceil(log2 s)             under ue8m0, and with scales in e8m0
        q    = round_half_even(x / s)        to the format, saturating at max

    All steps are float32 with one rounding each. A group of zeros has the codes 0 and the scale of eps (1e-10
        unless
    stated). A NaN or an infinity makes the scale of its group NaN or infinite (in e8m0: NaN), and no other's.

    Source: DeepSeek-V3 technical report, section 3.3

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        group: elements per scale. One of 16, 32, 64, 128, 256, 512. Default 128.
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        scale_format: format of the scales; e8m0 implies ue8m0. One of f32, e8m0. Default 'f32'.
        ue8m0: round scales up to powers of two. Default False.
        eps: smallest magnitude a group is scaled for; the least keeps scales normal float32 numbers. Default
            1e-10.
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions
            as one; column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of
            'row', 'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; q: the last dimension is contiguous; scale: any strides,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every group, format of scale_format row: [..M, N // group]; column: [N // group, M];
            column_tma: [N // group, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def per_token_quant_fp8(
    x: torch.Tensor,
    scale_ub: torch.Tensor | None = None,
    *,
    element: _Format = "e4m3",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of every row, with one float32 scale per row.

        amax = max(min(max |x| of the row, scale_ub), 1 / 512)
        s    = amax * fl(1 / max)            fl: rounded to float32; max: 448 for e4m3, 57344 for e5m2
        q    = round_half_even(x / s)        to the format, saturating at max

    All steps are float32 with one rounding each; scale_ub applies where it is passed.
    A row of zeros has the codes 0 and the scale 1 / (512 max).
    A NaN makes the scale of its row NaN, an infinity makes it infinite unless scale_ub bounds it.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it
            saturates, f32 [] or [1], optional
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; q: the last dimension is contiguous; scale: any strides,
            other strides are free. Refused where it begins at the address of an argument.

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
    scale_ub: torch.Tensor | None = None,
    *,
    element: _Format = "e4m3",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of a tensor under one float32 scale, given (static) or computed (dynamic).

        amax = max(min(max |x|, scale_ub), 1 / 512)
        s    = amax * fl(1 / max)            fl: rounded to float32; max: 448 for e4m3, 57344 for e5m2
        q    = round_half_even(x / s)        to the format, saturating at max

    All steps are float32 with one rounding each; scale_ub applies where it is passed.
    Zeros have the codes 0 and the scale 1 / (512 max). A static_scale is s.
    A NaN makes the scale of all NaN, an infinity makes it infinite unless scale_ub bounds it.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        static_scale: the scale to use; computed from the largest magnitude when left out, f32 [] or [1],
            optional
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it
            saturates, f32 [] or [1], optional
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free.
            Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: the scale used, f32 []

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def static_quant_fp8(
    x: torch.Tensor,
    scale: torch.Tensor,
    *,
    scale_mode: Literal["tensor", "token", "channel", "block"],
    group_m: int = 128,
    group_n: int = 128,
    element: _Format = "e4m3",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """FP8 codes under scales that are given: of the tensor, of every row or column, or of 2-D groups.

        q[m, n] = round_half_even(x[m, n] / s(m, n))        to the format, saturating

    s is scale[], scale[m], scale[n] or scale[m // group_m, n // group_n]. The division is float32, rounded
        once; a scale of
    zero gives the largest codes, and NaN for zeros.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale: the scales to use; in mode block leading dimensions count as one, f32 or e8m0 tensor: [];
            token: [..M]; channel: [N]; block: [cdiv(M, group_m), cdiv(N, group_n)]
        scale_mode: how the scales depend on row and column. One of 'tensor', 'token', 'channel', 'block'.
            Required.
        group_m: rows that one scale covers (mode block). Default 128.
        group_n: columns that one scale covers (mode block). Default 128.
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write q into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        q: codes, format of element [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def per_token_quant_int8(
    x: torch.Tensor,
    *,
    element: _Format = "int8",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """INT8 codes of every row: int8 without, uint8 with a zero point per row.

        int8:   s = max(max |x|, 127e-5) / 127                 q = round_half_even(x / s), clamped to -128 ..
            127
        uint8:  s = max(max x - min x, 255e-5) / 255           z = -round_half_even(min x / s)
                q = round_half_even(x / s + z), clamped to 0 .. 255

    All steps are float32 with one rounding each, and s (at least 1e-5) is rounded to the format of x before
        it divides:
    x is about q s, or (q - z) s. A row of zeros has the codes 0 (and z 0).

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        element: format of the codes. One of int8, uint8. Default 'int8'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale, zero_point) into, None for those to allocate, which is then
            returned: shape, format and device of the result; q: the last dimension is contiguous; scale: any
            strides; zero_point: any strides, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every row, f32 [..M]
        zero_point: code of zero, when the codes are uint8; in rows further from zero than 32896 = 2**23 / 255
            times their extent (255e-5 at least) codes may be off by more than one, and from 8421504 = 2**31 /
            255 times on zero points saturate at int32 and rows decode to other values, int32 int8: none;
            uint8: [..M]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def mxfp8_quant(
    x: torch.Tensor,
    *,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """MXFP8: e4m3 codes with one E8M0 scale per 32 elements.

        s = 2 ** ceil(log2(amax * fl32(1 / max))), product of 24 bits, exponent limited to [-127, 127]
        q = round_half_even(x / s)        to e4m3, saturating at max = 448

    amax is the largest magnitude of the 32 elements of a group, and at least 1.18e-38: a group of
    zeros has the codes 0 and the scale 5.88e-39 (byte 0).
    A NaN or an infinity makes the scale of its group NaN, and no other's.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions
            as one; column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of
            'row', 'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; q: the last dimension is contiguous; scale: any strides,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, e4m3 [..M, N]
        scale: scale of every group, e8m0 row: [..M, N // 32]; column: [N // 32, M]; column_tma: [N // 32, ((M
            + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def mxfp4_quant(
    x: torch.Tensor,
    *,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """MXFP4: e2m1 codes, two per byte, with one E8M0 scale per 32 elements.

        s = 2 ** ceil(log2(amax * fl32(1 / max))), product of 24 bits, exponent limited to [-127, 127]
        q = round_half_even(x / s)        to e2m1, saturating at max = 6

    amax is the largest magnitude of the 32 elements of a group, and at least 7.05e-38: a group of
    zeros has the codes 0 and the scale 1.18e-38 (byte 1).
    A NaN or an infinity makes the scale of its group NaN, and no other's.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions
            as one; column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of
            'row', 'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; q: the last dimension is contiguous; scale: any strides,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, uint8 [..M, N // 2]
        scale: scale of every group, e8m0 row: [..M, N // 32]; column: [N // 32, M]; column_tma: [N // 32, ((M
            + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def nvfp4_quant(
    x: torch.Tensor,
    global_scale: torch.Tensor,
    *,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """NVFP4: e2m1 codes, two per byte, with one e4m3 scale per 16 elements, under the tensor's global scale.

        scale = e4m3(amax * fl(1 / max) * global_scale)
        q     = round_half_even(x * fl(1 / (scale * fl(1 / global_scale))))        to e2m1, saturating at max
            = 6

    amax is the largest magnitude of the 16 elements of a group. All steps are float32 with one rounding each;
    a group whose scale is 0 has the codes 0. A NaN or an infinity makes the scale of its group NaN, and no
        other's.

    Source: NVFP4: NVIDIA Transformer Engine, vLLM scaled_fp4_quant (ref_nvfp4_quant in its tests)

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        global_scale: multiplies the scales before they are rounded to their format: 448 * 6 / amax of the
            tensor, f32 [] or [1]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions
            as one; column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of
            'row', 'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned:
            shape, format and device of the result; q: the last dimension is contiguous; scale: any strides,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, uint8 [..M, N // 2]
        scale: scale of every group, e4m3 row: [..M, N // 16]; column: [N // 16, M]; column_tma: [N // 16, ((M
            + 3) // 4) * 4]

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
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """W8A8 product of FP8 activations and an FP8 weight.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is
        rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row
        (token) or column
    (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx).

    Source: DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx

    Args:
        a: activations, e4m3 or e5m2 [..M, K]
        b: weight, format of a [K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode that does not need them), f32 or e8m0 tensor: [];
            token_channel: [..M]; token_tensor: [..M]; tensor_channel: []; block: [..M, cdiv(K, group)]; mx:
            [..M, K // 32], optional
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight
            where they have both dimensions, f32 or e8m0 tensor: []; token_channel: [N]; token_tensor: [];
            tensor_channel: [N]; block: [cdiv(K, group), cdiv(N, group)]; mx: [K // 32, N] (last two swapped
            at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as
            [N, K], the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

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
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Batched W8A8 product, one weight per batch.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is
        rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row
        (token) or column
    (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx).

    Args:
        a: activations, e4m3 or e5m2 [G, M, K]
        b: weight, format of a [G, K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode that does not need them), f32 or e8m0 tensor: [G];
            token_channel: [G, M]; token_tensor: [G, M]; tensor_channel: [G]; block: [G, M, cdiv(K, group)];
            mx: [G, M, K // 32], optional
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight
            where they have both dimensions, f32 or e8m0 tensor: [G]; token_channel: [G, N]; token_tensor:
            [G]; tensor_channel: [G, N]; block: [G, cdiv(K, group), cdiv(N, group)]; mx: [G, K // 32, N] (last
            two swapped at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as
            [N, K], the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

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
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of 16-bit activations and an FP8 weight.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is
        rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row
        (token) or column
    (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx).

    Args:
        a: activations, bf16 or f16 [..M, K]
        b: weight, e4m3 or e5m2 [K, N] (last two swapped at weight_order="nk")
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight
            where they have both dimensions, f32 or e8m0 tensor: []; channel: [N]; block: [cdiv(K, group),
            cdiv(N, group)] (last two swapped at weight_order="nk"), optional
        bias: addend, f32 or bf16 or f16 [N], optional
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'channel', 'block'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as
            [N, K], the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

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
    out: torch.Tensor | None = None,
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
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order;
            scales and zero points are [groups, N] in both. One of 'kn', 'nk'. Default 'kn'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        c: result, format of a [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def int4_gemm_w4a8(
    a: torch.Tensor,
    b: torch.Tensor,
    a_scale: torch.Tensor,
    b_scale: torch.Tensor,
    a_zp: torch.Tensor | None = None,
    b_zp: torch.Tensor | None = None,
    g_idx: torch.Tensor | None = None,
    channel_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    group_size: Literal[-1, 32, 64, 128, 256],
    weight_order: Literal["kn", "nk"] = "kn",
    scale_mode: Literal["token", "tensor"] = "token",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of 8-bit activations (int8, uint8, e4m3) and an INT4 weight in groups along K.

    Source: GPTQ (Frantar et al., 2022) storage order; QServe (Lin et al., 2024) for int8 activations

    Args:
        a: activations, int8 or uint8 or e4m3 [..M, K]
        b: weight, eight k per word, int32 [K // 8, N] (last two swapped at weight_order="nk")
        a_scale: scales of a, f32 or bf16 or f16 token: [..M]; tensor: []
        b_scale: scales, f32 or bf16 or f16 or e4m3 -1: [1, N]; 32: [cdiv(K, group_size), N]; 64: [cdiv(K,
            group_size), N]; 128: [cdiv(K, group_size), N]; 256: [cdiv(K, group_size), N]
        a_zp: zero points of an integer a; 0 when left out, int32 token: [..M]; tensor: [], optional
        b_zp: zero points, eight n per word; 8 everywhere when left out, int32 -1: [1, N // 8]; 32: [cdiv(K,
            group_size), N // 8]; 64: [cdiv(K, group_size), N // 8]; 128: [cdiv(K, group_size), N // 8]; 256:
            [cdiv(K, group_size), N // 8], optional
        g_idx: act-order: column of a that multiplies row k of the weight, int32 [K], optional
        channel_scale: further scales of the weight, one per column; 1 when left out, f32 [N] or [1, N] or [N,
            1], optional
        bias: addend, f32 or bf16 or f16 [N], optional
        group_size: k per scale; -1 is one group for all. One of -1, 32, 64, 128, 256. Required.
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order;
            scales and zero points are [groups, N] in both. One of 'kn', 'nk'. Default 'kn'.
        scale_mode: whether a has a scale (and a zero point) per token, or one for all. One of 'token',
            'tensor'. Default 'token'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        c: result, format of out_dtype [..M, N]

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
    a_global_scale: torch.Tensor | None = None,
    b_global_scale: torch.Tensor | None = None,
    *,
    out_dtype: _Format = "bf16",
    weight_order: Literal["kn", "nk"] = "kn",
    scale_format: _Format = "e8m0",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of activations and a weight in MXFP4 or NVFP4.

    Source: OCP Microscaling Formats (MX) 1.0; NVIDIA Transformer Engine (NVFP4), vLLM cutlass_scaled_fp4_mm

    Args:
        a: activations, two k per byte, uint8 [..M, KB]
        b: weight, two k per byte, uint8 [KB, N] (last two swapped at weight_order="nk")
        a_scale: scales of a, format of scale_format e8m0: [..M, KB // 16]; e4m3: [..M, KB // 8]
        b_scale: scales of b, format of scale_format e8m0: [KB // 16, N]; e4m3: [KB // 8, N] (last two swapped
            at weight_order="nk")
        bias: addend, f32 or bf16 or f16 [N], optional
        a_global_scale: NVFP4: number by which the scales of a were multiplied; 1 when left out, f32 e8m0:
            none; e4m3: [], optional
        b_global_scale: NVFP4: number by which the scales of b were multiplied; 1 when left out, f32 e8m0:
            none; e4m3: [], optional
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as
            [N, K], the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        scale_format: format of the scales: e8m0 is MXFP4 (one per 32 k), e4m3 NVFP4 (one per 16 k, and one
            per tensor). One of e8m0, e4m3. Default 'e8m0'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def quantize_and_insert_k(
    k: torch.Tensor,
    cache: torch.Tensor,
    slot_mapping: torch.Tensor,
    *,
    layout: Paged | Literal["v32", "v4", "v41", "v41_fp4", "nvfp4_mla", "bf16_512"] = "v4",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Rows quantised and written into their slots.

    Source: DeepSeek-V4 KV cache; layouts as in FlashMLA

    Args:
        k: rows, bf16 or f16 or f32 [T, D]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a
            row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value.
            Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def qnorm_rope_kv_insert(
    q: torch.Tensor,
    kv: torch.Tensor,
    cache: torch.Tensor,
    slot_mapping: torch.Tensor,
    positions: torch.Tensor,
    cos_sin: torch.Tensor,
    *,
    eps: float = 1e-06,
    layout: Paged | Literal["v32", "v4", "v41", "v41_fp4", "nvfp4_mla", "bf16_512"] = "v4",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Queries normalised and rotated in place; keys rotated, quantised and inserted.

    Source: DeepSeek-V4 attention input; layouts as in FlashMLA

    Args:
        q: queries; written in place, bf16 or f16 [T, H, D]
        kv: keys, normalised already, bf16 or f16 or f32 [T, D]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a
            row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        positions: position of every row; outside the table: q is unchanged, and no key is written, int32 or
            int64 [T]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        eps: added to the mean square. Default 1e-06.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value.
            Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def dequant_gather_k(
    out: torch.Tensor,
    cache: torch.Tensor,
    seq_lens: torch.Tensor,
    gather_lens: torch.Tensor | None = None,
    block_table: torch.Tensor | None = None,
    *,
    offset: int = 0,
    layout: Paged | Literal["v32", "v4", "v41", "v41_fp4", "nvfp4_mla", "bf16_512"] = "v4",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Rows of a paged cache dequantised into a dense workspace.

    Source: DeepSeek-V4 prefill over cached keys; layouts as in FlashMLA

    Args:
        out: workspace; other rows stay as they are; written in place, bf16 [BO, M, D]
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        seq_lens: rows that the cache holds of every request, int32 [B]
        gather_lens: how many of them, the last ones, are gathered; all if left out, int32 [B], optional
        block_table: pages of every request in order, int32 [B, TABLE]
        offset: first row of the workspace that is written. Default 0.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value.
            Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def sparse_mla_prefill(
    q: torch.Tensor,
    kv: torch.Tensor,
    indices: torch.Tensor,
    attn_sink: torch.Tensor | None = None,
    topk_length: torch.Tensor | None = None,
    *,
    sm_scale: float,
    return_lse: bool = False,
    d_v: int = 512,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """Attention of one token's heads over listed rows.

    Source: DeepSeek-V3.2 and V4; FlashMLA

    Args:
        q: queries, bf16 or f16 [T, H, D]
        kv: keys, format of q [S, D] or [S, 1, D]
        indices: rows of kv of every token, int32 or int64 [T, P] or [T, 1, P]
        attn_sink: score of a key without a value, per head; -inf for none, f32 [SINKS], optional
        topk_length: entries of every token's list that count; all if left out, int32 [T], optional
        sm_scale: factor of the scores. Required.
        return_lse: whether max_logits and lse are returned too. Default False.
        d_v: columns of a key that are its value. Default 512.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, max_logits, lse) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a token without keys, such as one of padding, format of q [T,
            H, VALUES]
        max_logits: largest score of every row, natural units, the sink not counted; -inf for none, f32 False:
            none; True: [T, H]
        lse: logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys, f32
            False: none; True: [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def sparse_mla_decode_fp8(
    q: torch.Tensor,
    swa_cache: torch.Tensor,
    swa_indices: torch.Tensor,
    swa_lens: torch.Tensor,
    comp_cache: torch.Tensor | None = None,
    topk_indices: torch.Tensor | None = None,
    topk_lens: torch.Tensor | None = None,
    attn_sink: torch.Tensor | None = None,
    *,
    sm_scale: float,
    return_lse: bool = False,
    layout: Paged | Literal["v32", "v4", "v41", "v41_fp4", "nvfp4_mla", "bf16_512"] = "v4",
    block_size: int | None = None,
    comp_block_size: int | None = None,
    splits: int = 0,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """Attention of decode tokens over listed rows of paged, quantised caches.

    Source: DeepSeek-V4; FlashMLA

    Args:
        q: queries, bf16 or f16 [T, H, D]
        swa_cache: pages of the window, uint8 [SWA_PAGES, SWA_BYTES] or [SWA_PAGES, SWA_ROWS, bytes of a row]
        swa_indices: slots of every token's window, int32 or int64 [T, W] or [T, 1, W]
        swa_lens: entries of every token's window list, clamped to 0 .. W, int32 [T]
        comp_cache: pages of compressed keys, uint8 [COMP_PAGES, COMP_BYTES] or [COMP_PAGES, COMP_ROWS, bytes
            of a row], optional
        topk_indices: slots of every token's chosen compressed keys, int32 or int64 [T, K] or [T, 1, K],
            optional
        topk_lens: entries of every token's top-k list, clamped to 0 .. K, int32 [T], optional
        attn_sink: score of a key without a value, per head; -inf for none, f32 [SINKS], optional
        sm_scale: factor of the scores. Required.
        return_lse: whether max_logits and lse are returned too. Default False.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value.
            Default 'v4'.
        block_size: rows of a page of swa_cache; may be left out where it is passed as [pages, rows, bytes of
            a row]. Default None.
        comp_block_size: rows of a page of comp_cache; may be left out where it is passed as [pages, rows,
            bytes of a row]. Default None.
        splits: parts that a token's keys are cut into; 0: as many as the batch leaves room for, so that the
            last bits of a token's result may depend on the number of tokens; any other number: they do not.
            Default 0.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, max_logits, lse) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a token without keys, such as one of padding, format of q [T,
            H, VALUES]
        max_logits: largest score of every row, natural units, the sink not counted; -inf for none, f32 False:
            none; True: [T, H]
        lse: logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys, f32
            False: none; True: [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def flash_attn_varlen(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor | None = None,
    seqused_k: torch.Tensor | None = None,
    block_table: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
    s_aux: torch.Tensor | None = None,
    q_descale: torch.Tensor | None = None,
    k_descale: torch.Tensor | None = None,
    v_descale: torch.Tensor | None = None,
    *,
    max_seqlen_q: int = 0,
    max_seqlen_k: int = 0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_left: int = -1,
    window_right: int = -1,
    softcap: float = 0.0,
    out_dtype: _Format | None = None,
    return_softmax_lse: bool = False,
    splits: int = 0,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """Attention of requests of different lengths, packed one after the other or paged.

    Source: Dao, FlashAttention-2 (2023); conventions as in vLLM

    Args:
        q: queries, request after request, bf16 or f16 or e4m3 or e5m2 [TQ, HQ, D]
        k: keys, request after request, or in pages, bf16 or f16 or e4m3 or e5m2 [PAGES, PAGE, HKV, D] or
            [PAGE, HKV, D]
        v: values, as keys, format of k [PAGES, PAGE, HKV, DV] or [PAGE, HKV, DV]
        cu_seqlens_q: first query of every request, and the end of the last; other rows of q are of no
            request, int32 [BOUNDS]
        cu_seqlens_k: first key of every request, and the end of the last; for keys without pages, int32
            [BOUNDS], optional
        seqused_k: keys of every request, the first ones in its pages or of its dense keys, int32 [BOUNDS -
            1], optional
        block_table: pages of every request in order; further entries are not read, int32 [BOUNDS - 1, TABLE],
            optional
        alibi_slopes: what a score loses per position of distance, per head, or per request and head, f32
            [SLOPES, HQ] or [HQ], optional
        s_aux: score of a key without a value, per head, neither scaled nor capped; -inf for none, f32 or bf16
            or f16 [HQ], optional
        q_descale: positive factor of q, per request and key head, f32 [BOUNDS - 1, HKV], optional
        k_descale: positive factor of k, per request and key head, f32 [BOUNDS - 1, HKV], optional
        v_descale: positive factor of v, per request and key head, f32 [BOUNDS - 1, HKV], optional
        max_seqlen_q: no request has more queries; 0: as many as there are. Default 0.
        max_seqlen_k: no request has more keys; 0: as many as there is room for. Default 0.
        softmax_scale: factor of the scores; None: D ** -0.5. Default None.
        causal: whether a query sees no later key, the last of both being level. Default False.
        window_left: how many keys before its own position a query sees; -1: all. Default -1.
        window_right: how many keys after its own position a query sees; -1: all. Default -1.
        softcap: c of c tanh(score / c); 0: no cap. Default 0.0.
        out_dtype: format of the result; that of the queries where left out. One of bf16, f16. Default None.
        return_softmax_lse: whether lse is returned too. Default False.
        splits: parts that the keys of a query are cut into; 0: as many as the batch leaves room for, so that
            the last bits of a query's result may depend on the number of requests; any other number: they do
            not. Default 0.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, lse) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free.
            Refused where it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a query that sees no key, and in rows that no request owns,
            format of out_dtype [TQ, HQ, DV]
        lse: natural logarithm of the sum of exponentials, the sink included; -inf for none, and in rows of no
            request, f32 False: none; True: [HQ, TQ]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def combine_topk_swa(
    topk_indices: torch.Tensor,
    query_start_loc: torch.Tensor,
    seq_lens: torch.Tensor,
    gather_lens: torch.Tensor,
    left_visible: torch.Tensor | None = None,
    right_visible: torch.Tensor | None = None,
    *,
    window: int,
    ratio: int,
    topk: int,
    workspace_rows: int,
    compressed_rows: int,
    max_image_tokens: int = 0,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """For every prefill token, the workspace rows it attends to: chosen compressed entries, then its window.

    Source: DeepSeek-V4 sparse attention: prefill over gathered rows

    Args:
        topk_indices: compressed entries chosen for every token, counted from its request's first; negative:
            none, int32 [T, K]
        query_start_loc: first token of every request, and the end after the last; counted from its first
            element, int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        gather_lens: window rows gathered for every request, the last of them that of its last token, int32
            [R]
        left_visible: tokens before it that a token of an image sees, int32 [T], optional
        right_visible: tokens after it that a token of an image sees, int32 [T], optional
        window: sliding window, the token itself included. Required.
        ratio: original tokens per compressed entry, 1 in layers that have none. Required.
        topk: most compressed entries of a token; at 0 topk_indices is not read. Required.
        workspace_rows: rows of the workspace per request (M). Required.
        compressed_rows: rows of them that hold compressed entries (N). Required.
        max_image_tokens: most tokens that images add to a window. Default 0.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (combined_indices, combined_lens) into, None for those to allocate,
            which is then returned: shape, format and device of the result; the last dimension is contiguous,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        combined_indices: rows of the workspace, -1 after the last, int32 [T, cdiv(((topk + window) +
            max_image_tokens), 128) * 128]
        combined_lens: entries of every list; 0 for tokens of no request, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def global_topk(
    topk_indices: torch.Tensor,
    token_to_req: torch.Tensor,
    block_table: torch.Tensor,
    is_valid: torch.Tensor,
    *,
    block_size: int,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cache slots of the compressed entries that were chosen for every token.

    Source: DeepSeek-V4 sparse attention: decode

    Args:
        topk_indices: entries chosen for every token, counted from its request's first; -1: none, int32 [T, K]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        is_valid: whether a token is none of padding, bool [T]
        block_size: entries of a page. Required.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last, int32 [T, K]
        lens: slots of every list; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def token_metadata(
    query_start_loc: torch.Tensor,
    seq_lens: torch.Tensor,
    slot_mapping: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Request, position and validity of every token of a step.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        query_start_loc: first token of every request, and the end after the last; counted from its first
            element, int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (token_to_req, positions, is_valid) into, None for those to allocate,
            which is then returned: shape, format and device of the result; the last dimension is contiguous,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        token_to_req: request of every token; -1 in padding, int32 [T]
        positions: position of every token in its request; 0 in padding, format of slot_mapping [T]
        is_valid: whether a token has a request and a slot, bool [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def swa_decode_metadata(
    query_start_loc: torch.Tensor,
    seq_lens: torch.Tensor,
    slot_mapping: torch.Tensor,
    block_table: torch.Tensor,
    *,
    window: int = 128,
    block_size: int = 64,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cache slots of the window of every decode token, oldest first.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        query_start_loc: first token of every request, and the end after the last; counted from its first
            element, int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        window: sliding window, the token itself included. Default 128.
        block_size: tokens of a page. Default 64.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last; all -1 for tokens of padding, int32 [T, window]
        lens: tokens of every window; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def prefill_gather_lens(
    query_start_loc: torch.Tensor,
    seq_lens: torch.Tensor,
    *,
    window: int = 128,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Window rows that every prefill request needs: its tokens' rows, and the window of its first token.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        query_start_loc: first token of every request, and the end after the last; counted from its first
            element, int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        window: sliding window, the token itself included. Default 128.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write gather_lens into, which is then returned: shape, format and device of the
            result; the last dimension is contiguous, other strides are free. Refused where it begins at the
            address of an argument.

    Returns:
        gather_lens: rows to gather, the last ones of a request, int32 [R]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def c128a_decode_metadata(
    positions: torch.Tensor,
    token_to_req: torch.Tensor,
    slot_mapping: torch.Tensor,
    block_table: torch.Tensor,
    *,
    width: int,
    ratio: int = 128,
    block_size: int = 2,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cache slots of all compressed entries that a decode token sees.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        positions: position of every token in its request, int32 or int64 [T]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        width: entries of a list. Required.
        ratio: original tokens per compressed entry. Default 128.
        block_size: compressed entries of a page. Default 2.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last; all -1 for tokens of padding, int32 [T, width]
        lens: entries of every list; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def c128a_prefill_metadata(
    positions: torch.Tensor,
    *,
    width: int,
    ratio: int = 128,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Numbers, in their request, of all compressed entries that a prefill token sees.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        positions: position of every token in its request, int32 or int64 [T]
        width: entries of a list. Required.
        ratio: original tokens per compressed entry. Default 128.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result;
            the last dimension is contiguous, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        indices: 0, 1, .. as far as entries exist, then -1, int32 [T, width]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def compressed_slot_mapping(
    positions: torch.Tensor,
    token_to_req: torch.Tensor,
    slot_mapping: torch.Tensor,
    block_table: torch.Tensor,
    *,
    ratio: int = 128,
    block_size: int = 256,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Slot of the compressed entry that a token completes, where it completes one.

    Source: DeepSeek-V4 sparse attention: metadata of a step

    Args:
        positions: position of every token in its request, int32 or int64 [T]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [P]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        ratio: original tokens per compressed entry. Default 128.
        block_size: original tokens per page, a multiple of ratio. Default 256.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write slots into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        slots: slots; -1 for tokens that complete no entry, and for padding, format of slot_mapping [P]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def indexer_q_fp8(
    positions: torch.Tensor,
    q: torch.Tensor,
    cos_sin: torch.Tensor,
    weights: torch.Tensor,
    *,
    softmax_scale: float,
    head_scale: float,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries of the indexer rotated and quantised, and the weights of their heads.

    Source: DeepSeek-V4, sparse indexer

    Args:
        positions: position of every token, int32 or int64 [T]
        q: queries, bf16 [T, H, 128]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        weights: weights of the heads, bf16 or f32 [T, H]
        softmax_scale: factor of the scores, usually the inverse root of their columns; applied to the
            weights. Required.
        head_scale: factor of the sum over heads, usually the inverse root of their number; likewise.
            Required.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q_fp8, weights_out) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q_fp8: codes, e4m3 [T, H, 128]
        weights_out: weights for `mqa_logits`, f32 [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def indexer_q_mxfp4(
    positions: torch.Tensor,
    q: torch.Tensor,
    cos_sin: torch.Tensor,
    weights: torch.Tensor,
    *,
    softmax_scale: float,
    head_scale: float,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries of the indexer rotated and quantised, and the weights of their heads.

    Source: DeepSeek-V4, sparse indexer

    Args:
        positions: position of every token, int32 or int64 [T]
        q: queries, bf16 [T, H, 128]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        weights: weights of the heads, bf16 or f32 [T, H]
        softmax_scale: factor of the scores, usually the inverse root of their columns; applied to the
            weights. Required.
        head_scale: factor of the sum over heads, usually the inverse root of their number; likewise.
            Required.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q_packed, q_scale, weights_out) into, None for those to allocate,
            which is then returned: shape, format and device of the result; the last dimension is contiguous,
            other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q_packed: codes, two per byte, uint8 [T, H, 64]
        q_scale: scales, one per 32 columns, e8m0 [T, H, 4]
        weights_out: weights for `mqa_logits`, f32 [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def indexer_k_insert(
    k: torch.Tensor,
    cache: torch.Tensor,
    slot_mapping: torch.Tensor,
    *,
    layout: Paged | Literal["indexer_fp8", "indexer_fp8_plain", "indexer_mxfp4"] = "indexer_fp8",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Keys of the indexer quantised and written into their slots.

    Source: DeepSeek-V3.2 and V4, sparse indexer

    Args:
        k: rows, bf16 or f16 or f32 [T, D]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a
            row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value.
            Default 'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def indexer_k_gather(
    cache: torch.Tensor,
    dst_k: torch.Tensor,
    dst_scale: torch.Tensor,
    block_table: torch.Tensor,
    cu_seq_lens: torch.Tensor,
    *,
    layout: Paged | Literal["indexer_fp8", "indexer_fp8_plain", "indexer_mxfp4"] = "indexer_fp8",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Codes and scales of cached keys copied into a dense workspace.

    Source: DeepSeek-V4, sparse indexer: prefill

    Args:
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        dst_k: codes of the keys, as bytes or in their format; written in place, e4m3 or uint8 [TK,
            layout_data]
        dst_scale: scales of the keys, as bytes; written in place, uint8 [TK, layout_share]
        block_table: pages of every request in order, int32 [B, NB]
        cu_seq_lens: where rows of requests begin, and the end after the last, int32 [B + 1]
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value.
            Default 'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def mqa_logits(
    q: torch.Tensor,
    k: torch.Tensor,
    weights: torch.Tensor,
    ks: torch.Tensor,
    ke: torch.Tensor,
    k_scale: torch.Tensor,
    q_scale: torch.Tensor | None = None,
    *,
    layout: Paged | Literal["indexer_fp8", "indexer_fp8_plain", "indexer_mxfp4"] = "indexer_fp8",
    fill: bool = True,
    logits_dtype: _Format = "f32",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scores of all dense keys that a query sees, for every query.

    Source: DeepSeek-V3.2 and V4, sparse indexer: prefill

    Args:
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [M, H, layout_data]
        k: codes of the keys, in their format or as bytes, e4m3 or uint8 [N, layout_data]
        weights: weights of the heads, f32 or bf16 [M, H]
        ks: first key that every query sees, int32 [M]
        ke: the key after the last one, int32 [M]
        k_scale: scales of the keys, f32 or e8m0 e4m3: [N]; e2m1: [N, layout_scales]
        q_scale: scales of the queries, one per 32 columns, e8m0 e4m3: none; e2m1: [M, H, layout_scales],
            optional
        layout: how rows are quantised. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value.
            Default 'indexer_fp8'.
        fill: whether columns that a row does not see become -inf; else they keep what they hold. Default
            True.
        logits_dtype: format of the logits, which are summed up in float32. One of f32, bf16. Default 'f32'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write logits into, which is then returned: shape, format and device of the result;
            the last dimension is contiguous, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        logits: scores; -inf where a query sees no key, format of logits_dtype [M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def paged_mqa_logits(
    q: torch.Tensor,
    cache: torch.Tensor,
    weights: torch.Tensor,
    context_lens: torch.Tensor,
    block_tables: torch.Tensor,
    q_scale: torch.Tensor | None = None,
    *,
    max_model_len: int,
    layout: Paged | Literal["indexer_fp8", "indexer_fp8_plain", "indexer_mxfp4"] = "indexer_fp8",
    block_size: int | None = None,
    lens: Literal["query", "request"] = "query",
    fill: bool = True,
    logits_dtype: _Format = "f32",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scores of all cached keys that a decode token sees.

    Source: DeepSeek-V3.2 and V4, sparse indexer: decode

    Args:
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [B, QUERIES, H, layout_data]
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        weights: weights of the heads, f32 or bf16 [B * QUERIES, H]
        context_lens: keys that queries see, int32 query: [B, QUERIES]; request: [B]
        block_tables: pages of every request in order, int32 [B, NB]
        q_scale: scales of the queries, one per 32 columns, e8m0 e4m3: none; e2m1: [B, QUERIES, H,
            layout_scales], optional
        max_model_len: columns of the result: keys of the longest request. Required.
        layout: how rows are quantised. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value.
            Default 'indexer_fp8'.
        block_size: rows of a page. Default None.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and
            each query before it one less. One of 'query', 'request'. Default 'query'.
        fill: whether columns that a row does not see become -inf; else they keep what they hold. Default
            True.
        logits_dtype: format of the logits, which are summed up in float32. One of f32, bf16. Default 'f32'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write logits into, which is then returned: shape, format and device of the result;
            the last dimension is contiguous, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        logits: scores; -inf where a query sees no key, format of logits_dtype [B * QUERIES, max_model_len]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def topk_rows(
    logits: torch.Tensor,
    row_starts: torch.Tensor,
    row_ends: torch.Tensor,
    *,
    topk: int,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Columns of the largest logits of every row, in a range of its own.

    Source: DeepSeek-V3.2 and V4, sparse indexer

    Args:
        logits: logits; NaN is ranked by its sign bit, above every number or below, f32 [R, W]
        row_starts: first column that every row looks at, int32 [R]
        row_ends: the column after the last, int32 [R]
        topk: columns chosen per row. Required.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result;
            the last dimension is contiguous, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        indices: columns of the largest logits, ascending; -1 after the last, so throughout in a row without
            columns, int32 [R, topk]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def topk_rows_decode(
    logits: torch.Tensor,
    seq_lens: torch.Tensor,
    *,
    topk: int,
    next_n: int = 1,
    lens: Literal["query", "request"] = "query",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Columns of the largest logits of every decode token.

    Source: DeepSeek-V3.2 and V4, sparse indexer

    Args:
        logits: logits; NaN is ranked by its sign bit, above every number or below, f32 [R, W]
        seq_lens: columns that rows look at, int32 query: [B, next_n]; request: [B]
        topk: columns chosen per row. Required.
        next_n: queries of a request. Default 1.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and
            each query before it one less. One of 'query', 'request'. Default 'query'.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result;
            the last dimension is contiguous, other strides are free. Refused where it begins at the address
            of an argument.

    Returns:
        indices: columns of the largest logits, ascending; -1 after the last, so throughout in a row without
            columns, int32 [R, topk]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """

def sparse_attn_indexer(
    topk_indices: torch.Tensor,
    cache: torch.Tensor,
    q: torch.Tensor,
    weights: torch.Tensor,
    context_lens: torch.Tensor | None = None,
    block_tables: torch.Tensor | None = None,
    ks: torch.Tensor | None = None,
    ke: torch.Tensor | None = None,
    block_table: torch.Tensor | None = None,
    cu_seq_lens: torch.Tensor | None = None,
    k: torch.Tensor | None = None,
    slot_mapping: torch.Tensor | None = None,
    q_scale: torch.Tensor | None = None,
    *,
    topk: int,
    next_n: int = 1,
    lens: Literal["query", "request"] = "query",
    max_model_len: int = 0,
    gathered_rows: int = 0,
    logits_bytes: int = 536870912,
    layout: Paged | Literal["indexer_fp8", "indexer_fp8_plain", "indexer_mxfp4"] = "indexer_fp8",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Keys that every token of a step attends to: insertion, logits and top-k.

    Source: DeepSeek-V3.2 and V4, sparse attention indexer

    Args:
        topk_indices: keys chosen for every token, ascending; -1 after the last; written in place, int32 [BUF,
            topk]
        cache: pages of keys; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [T, H, layout_data]
        weights: weights of the heads, f32 or bf16 [T, H]
        context_lens: keys that decode tokens see, int32 query: [B, next_n]; request: [B], optional
        block_tables: pages of every decode request in order, int32 [B, NB], optional
        ks: first gathered key that every prefill token sees, int32 [M], optional
        ke: the gathered key after the last, int32 [M], optional
        block_table: pages of every prefill request in order, int32 [PB, PNB], optional
        cu_seq_lens: where gathered rows of prefill requests begin, and the end after the last, int32
            [STARTS], optional
        k: keys to insert, rotated, bf16 or f16 or f32 [T, D], optional
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS],
            optional
        q_scale: scales of the queries, one per 32 columns, e8m0 e4m3: none; e2m1: [T, H, layout_scales],
            optional
        topk: keys chosen per token. Required.
        next_n: queries of a request. Default 1.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and
            each query before it one less. One of 'query', 'request'. Default 'query'.
        max_model_len: keys of the longest decode request. Default 0.
        gathered_rows: keys of all prefill requests together, or more. Default 0.
        logits_bytes: bytes that logits may take at a time; one row, or request, takes what it takes. Default
            536870912.
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value.
            Default 'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a
            row]. Default None.
        implementation: one of triton, eager, dequant, interpret; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.
    """


NAMESPACE: str

def explain(name: str, device: torch.device | str | None=None) -> dict[str, str]: ...

def why(name: str, device: torch.device | str | None=None) -> str: ...
