# Written by `python -m parity emit --all --write`: do not edit.
# ruff: noqa: E501, PYI021 - choices in one line; docstrings are here for editors, which find none elsewhere
from collections.abc import Callable as Callable
from typing import Any, Literal, TypeAlias, overload

import torch

from specs.lang.declare.op import Op as Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from torch_impl.quantized_tensor import QuantizedTensor as QuantizedTensor

_Format: TypeAlias = torch.dtype | ElementFormat | str
_Implementation: TypeAlias = Literal["triton", "eager", "dequant", "interpret", "gluon"]

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

    All steps are float32 with one rounding each. A group of zeros has the codes 0 and the scale of eps (1e-10 unless
    stated). A NaN or an infinity makes the scale of its group NaN or infinite (in e8m0: NaN), and no other's.

    Source: DeepSeek-V3 technical report, section 3.3

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        group: elements per scale. One of 16, 32, 64, 128, 256, 512. Default 128.
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        scale_format: format of the scales; e8m0 implies ue8m0. One of f32, e8m0. Default 'f32'.
        ue8m0: round scales up to powers of two. Default False.
        eps: smallest magnitude a group is scaled for; the least keeps scales normal float32 numbers. Default 1e-10.
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every group, format of scale_format; shape by scale_layout:
            row         [..M, N // group]
            column      [N // group, M]
            column_tma  [N // group, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 512]:

        >>> q, scale = per_token_group_quant_fp8(x)

        gives q e4m3 [7, 512], scale f32 [7, 4].
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

    All steps are float32 with one rounding each; scale_ub applies where it is passed. A row of zeros has the codes 0
    and the scale 1 / (512 max). A NaN makes the scale of its row NaN, an infinity makes it infinite unless scale_ub
    bounds it.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it saturates,
            optional, f32 [] or [1]
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every row, f32 [..M]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 512]:

        >>> q, scale = per_token_quant_fp8(x)

        gives q e4m3 [7, 512], scale f32 [7].
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

    All steps are float32 with one rounding each; scale_ub applies where it is passed. Zeros have the codes 0 and the
    scale 1 / (512 max). A static_scale is s. A NaN makes the scale of all NaN, an infinity makes it infinite unless
    scale_ub bounds it.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        static_scale: the scale to use; computed from the largest magnitude when left out, optional, f32 [] or [1]
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it saturates,
            optional, f32 [] or [1]
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; the last dimension is contiguous, other strides are free. Refused where
            it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: the scale used, f32 []

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [37, 200]:

        >>> q, scale = per_tensor_quant_fp8(x)

        gives q e4m3 [37, 200], scale f32 [].
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

    s is scale[], scale[m], scale[n] or scale[m // group_m, n // group_n]. The division is float32, rounded once; a
    scale of zero gives the largest codes, and NaN for zeros.

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale: the scales to use; in mode block leading dimensions count as one, f32 or e8m0; shape by scale_mode:
            tensor   [] or [1] or [1, 1]
            token    [..M] or [..M, 1]
            channel  [N] or [1, N]
            block    [cdiv(M, group_m), cdiv(N, group_n)]
        scale_mode: how the scales depend on row and column. One of 'tensor', 'token', 'channel', 'block'. Required.
        group_m: rows that one scale covers (mode block). Default 128.
        group_n: columns that one scale covers (mode block). Default 128.
        element: format of the codes. One of e4m3, e5m2. Default 'e4m3'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write q into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 512], scale f32 [7]:

        >>> q = static_quant_fp8(x, scale, scale_mode="token")

        gives q e4m3 [7, 512].
    """

def per_token_quant_int8(
    x: torch.Tensor,
    *,
    element: _Format = "int8",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """INT8 codes of every row: int8 without, uint8 with a zero point per row.

        int8:   s = max(max |x|, 127e-5) / 127                 q = round_half_even(x / s), clamped to -128 .. 127
        uint8:  s = max(max x - min x, 255e-5) / 255           z = -round_half_even(min x / s)
                q = round_half_even(x / s + z), clamped to 0 .. 255

    All steps are float32 with one rounding each, and s (at least 1e-5) is rounded to the format of x before it
    divides: x is about q s, or (q - z) s. A row of zeros has the codes 0 (and z 0).

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        element: format of the codes. One of int8, uint8. Default 'int8'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale, zero_point) into, None for those to allocate, which is then
            returned: shape, format and device of the result; q: the last dimension is contiguous; scale: any strides;
            zero_point: any strides, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, format of element [..M, N]
        scale: scale of every row, f32 [..M]
        zero_point: code of zero, when the codes are uint8; in rows further from zero than 32896 = 2**23 / 255 times
            their extent (255e-5 at least) codes may be off by more than one, and from 8421504 = 2**31 / 255 times on
            zero points saturate at int32 and rows decode to other values, int32; shape by element:
            int8   none
            uint8  [..M]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale, zero_point: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 512]:

        >>> q, scale = per_token_quant_int8(x)

        gives q int8 [7, 512], scale f32 [7].
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

    amax is the largest magnitude of the 32 elements of a group, and at least 1.18e-38: a group of zeros has the codes
    0 and the scale 5.88e-39 (byte 0). A NaN or an infinity makes the scale of its group NaN, and no other's.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, e4m3 [..M, N]
        scale: scale of every group, e8m0; shape by scale_layout:
            row         [..M, N // 32]
            column      [N // 32, M]
            column_tma  [N // 32, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 384]:

        >>> q, scale = mxfp8_quant(x)

        gives q e4m3 [7, 384], scale e8m0 [7, 12].
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

    amax is the largest magnitude of the 32 elements of a group, and at least 7.05e-38: a group of zeros has the codes
    0 and the scale 1.18e-38 (byte 1). A NaN or an infinity makes the scale of its group NaN, and no other's.

    Source: OCP Microscaling Formats (MX) 1.0; exponents rounded up

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, uint8 [..M, N // 2]
        scale: scale of every group, e8m0; shape by scale_layout:
            row         [..M, N // 32]
            column      [N // 32, M]
            column_tma  [N // 32, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 384]:

        >>> q, scale = mxfp4_quant(x)

        gives q uint8 [7, 192], scale e8m0 [7, 12].
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
        q     = round_half_even(x * fl(1 / (scale * fl(1 / global_scale))))        to e2m1, saturating at max = 6

    amax is the largest magnitude of the 16 elements of a group. All steps are float32 with one rounding each; a group
    whose scale is 0 has the codes 0. A NaN or an infinity makes the scale of its group NaN, and no other's.

    Source: NVFP4: NVIDIA Transformer Engine, vLLM scaled_fp4_quant (ref_nvfp4_quant in its tests)

    Args:
        x: values, bf16 or f16 or f32 [..M, N]
        global_scale: multiplies the scales before they are rounded to their format: 448 * 6 / amax of the tensor, f32
            [] or [1]
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, uint8 [..M, N // 2]
        scale: scale of every group, e4m3; shape by scale_layout:
            row         [..M, N // 16]
            column      [N // 16, M]
            column_tma  [N // 16, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: bit-identical to the definition in float64, rounded once.

    Example:
        With x bf16 [7, 384], global_scale f32 []:

        >>> q, scale = nvfp4_quant(x, global_scale)

        gives q uint8 [7, 192], scale e4m3 [7, 24].
    """

def gemm(
    a: torch.Tensor,
    b: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of unquantised activations and weights.

        C[m, n] = sum_k A[m, k] B[k, n] + bias[n]

    Products are exact where a and b are 16-bit, sums and the bias are float32, and C is rounded once. A float32
    weight may have 16-bit activations, as that of a router, which asks for float32 logits (out_dtype).

    With invariant=True a row of C has the same bits whatever the number of rows.

    Args:
        a: activations, bf16 or f16 or f32 [..M, K]
        b: weight, bf16 or f16 or f32 [K, N] (last two swapped at weight_order="nk")
        bias: addend, optional, f32 or bf16 or f16 [N]
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order. One of 'kn',
            'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default None.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [1, 200], b bf16 [96, 200]:

        >>> c = gemm(a, b, weight_order="nk", out_dtype="bf16")

        gives c bf16 [1, 96].
    """

def bmm(
    a: torch.Tensor,
    b: torch.Tensor,
    *,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Products of unquantised activations, one weight per batch.

        C[m, g, n] = sum_k A[m, g, k] B[g, k, n]

    einsum("mgk,gnk->mgn") with weight_order="nk". Products are exact where a and b are 16-bit, sums are float32, and
    C is rounded once. With invariant=True a row of C has the same bits whatever the number of rows. `fp8_bmm` is the
    same with scales, batch after batch: A [g, m, k].

    DeepSeek-V4 projects groups of heads so; a and b are its rotated attention output (`rotary_embedding` with
    inverse=True) and wo_a.

    Source: DeepSeek-V4, output projection

    Args:
        a: activations, bf16 or f16 or f32 [M, G, K]
        b: weight of every batch, format of a [G, K, N] (last two swapped at weight_order="nk")
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order. One of 'kn',
            'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default None.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        c: result, format of out_dtype [M, G, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [9, 4, 256], b bf16 [4, 96, 256]:

        >>> c = bmm(a, b, weight_order="nk")

        gives c bf16 [9, 4, 96].
    """

@overload
def fp8_gemm(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
    a_scale: torch.Tensor | None = None,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"],
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """W8A8 product of FP8 activations and an FP8 weight.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row (token) or
    column (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx). With
    invariant=True a row of C has the same bits whatever the number of rows.

    Source: DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx

    Args:
        a: activations, e4m3 or e5m2 [..M, K]
        b: weight, format of a [K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode that does not need them), optional, f32 or e8m0; shape by
            scale_mode:
            tensor, tensor_channel       [] or [1] or [1, 1]
            token_channel, token_tensor  [..M] or [..M, 1]
            block                        [..M, cdiv(K, group)]
            mx                           [..M, K // 32]
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight where
            they have both dimensions, optional, f32 or e8m0; shape by scale_mode (last two swapped at
            weight_order="nk" and block or mx):
            tensor, token_tensor           [] or [1] or [1, 1]
            token_channel, tensor_channel  [N] or [1, N] or [N, 1]
            block                          [cdiv(K, group), cdiv(N, group)]
            mx                             [K // 32, N]
        bias: addend, optional, f32 or bf16 or f16 [N]
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as [N, K],
            the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a e4m3 [1, 384], b e4m3 [384, 384], a_scale f32 [1, 3], b_scale f32 [3, 3], bias f32 [384]:

        >>> c = fp8_gemm(a, b, a_scale, b_scale, bias, scale_mode="block", weight_order="nk")

        gives c bf16 [1, 384].
    """
@overload
def fp8_gemm(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    a_scale: torch.Tensor | None = ...,
    b_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"] = ...,
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def fp8_bmm(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
    a_scale: torch.Tensor | None = None,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"],
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Batched W8A8 product, one weight per batch.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row (token) or
    column (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx). With
    invariant=True a row of C has the same bits whatever the number of rows.

    Args:
        a: activations, e4m3 or e5m2 [G, M, K]
        b: weight, format of a [G, K, N] (last two swapped at weight_order="nk")
        a_scale: scales of a (1 where left out in a mode that does not need them), optional, f32 or e8m0; shape by
            scale_mode:
            tensor, tensor_channel       [G] or [G, 1] or [G, 1, 1]
            token_channel, token_tensor  [G, M] or [G, M, 1]
            block                        [G, M, cdiv(K, group)]
            mx                           [G, M, K // 32]
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight where
            they have both dimensions, optional, f32 or e8m0; shape by scale_mode (last two swapped at
            weight_order="nk" and block or mx):
            tensor, token_tensor           [G] or [G, 1] or [G, 1, 1]
            token_channel, tensor_channel  [G, N] or [G, 1, N] or [G, N, 1]
            block                          [G, cdiv(K, group), cdiv(N, group)]
            mx                             [G, K // 32, N]
        bias: addend, optional, f32 or bf16 or f16 [N]
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'token_channel', 'token_tensor',
            'tensor_channel', 'block', 'mx'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as [N, K],
            the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of out_dtype [G, M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a e4m3 [4, 9, 256], b e4m3 [4, 128, 256], a_scale f32 [4, 9, 2], b_scale f32 [4, 1, 2], bias f32 [128]:

        >>> c = fp8_bmm(a, b, a_scale, b_scale, bias, scale_mode="block", weight_order="nk")

        gives c bf16 [4, 9, 128].
    """
@overload
def fp8_bmm(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    a_scale: torch.Tensor | None = ...,
    b_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    scale_mode: Literal["tensor", "token_channel", "token_tensor", "tensor_channel", "block", "mx"] = ...,
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def fp8_gemm_w8a16(
    a: torch.Tensor,
    b: torch.Tensor | QuantizedTensor,
    b_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["tensor", "channel", "block"],
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of 16-bit activations and an FP8 weight.

        C[m, n] = sum_k A[m, k] sa(m, k) B[k, n] sb(k, n) + bias[n]

    Products are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once.
    Scales multiply; one that is left out is 1. By scale_mode they are: one value (tensor), one per row (token) or
    column (channel), one per `group` of k (for b, also per `group` of n: block), or one per 32 k (mx). With
    invariant=True a row of C has the same bits whatever the number of rows.

    Args:
        a: activations, bf16 or f16 [..M, K]
        b: weight, e4m3 or e5m2 [K, N] (last two swapped at weight_order="nk")
        b_scale: scales of b (1 where left out in a mode that does not need them), in the order of the weight where
            they have both dimensions, optional, f32 or e8m0; shape by scale_mode (last two swapped at
            weight_order="nk" and block):
            tensor   [] or [1] or [1, 1]
            channel  [N] or [1, N] or [N, 1]
            block    [cdiv(K, group), cdiv(N, group)]
        bias: addend, optional, f32 or bf16 or f16 [N]
        scale_mode: how the scales depend on m, k, n. One of 'tensor', 'channel', 'block'. Required.
        group: edge of the square weight blocks (mode block). One of 32, 64, 128, 256, 512. Default 128.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as [N, K],
            the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of a [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most (K + 8) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [1, 384], b e4m3 [384, 384], b_scale f32 [3, 3], bias f32 [384]:

        >>> c = fp8_gemm_w8a16(a, b, b_scale, bias, scale_mode="block", weight_order="nk")

        gives c bf16 [1, 384].
    """
@overload
def fp8_gemm_w8a16(
    a: torch.Tensor,
    b: QuantizedTensor,
    b_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    scale_mode: Literal["tensor", "channel", "block"] = ...,
    group: Literal[32, 64, 128, 256, 512] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def int4_gemm_w4a16(
    a: torch.Tensor,
    b: torch.Tensor | QuantizedTensor,
    b_scale: torch.Tensor,
    b_zp: torch.Tensor | None = None,
    g_idx: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    group_size: Literal[-1, 32, 64, 128, 256],
    weight_order: Literal["kn", "nk"] = "kn",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of 16-bit activations and an INT4 weight in groups along K.

        C[m, n] = sum_k A[m, perm(k)] (u[k, n] - z[k // G, n]) s[k // G, n] + bias[n]

    u, z and s lie as `specs.gemm.int4_weights` says. With invariant=True a row of C has the same bits whatever the
    number of rows.

    Source: GPTQ (Frantar et al., 2022) storage order

    Args:
        a: activations, bf16 or f16 [..M, K]
        b: weight, eight k per word, int32 [K // 8, N] (last two swapped at weight_order="nk")
        b_scale: scales, bf16 or f16 or f32; shape by group_size:
            -1                [1, N]
            32, 64, 128, 256  [cdiv(K, group_size), N]
        b_zp: zero points, eight n per word; 8 everywhere when left out, optional, int32; shape by group_size:
            -1                [1, N // 8]
            32, 64, 128, 256  [cdiv(K, group_size), N // 8]
        g_idx: act-order: column of a that multiplies row k of the weight, optional, int32 [K]
        bias: addend, optional, f32 or bf16 or f16 [N]
        group_size: k per scale; -1 is one group for all. One of -1, 32, 64, 128, 256. Required.
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order; scales and
            zero points are [groups, N] in both. One of 'kn', 'nk'. Default 'kn'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of a [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most (K + 8) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [1, 384], b int32 [384, 48], b_scale bf16 [3, 384]:

        >>> c = int4_gemm_w4a16(a, b, b_scale, group_size=128, weight_order="nk")

        gives c bf16 [1, 384].
    """
@overload
def int4_gemm_w4a16(
    a: torch.Tensor,
    b: QuantizedTensor,
    b_scale: torch.Tensor | None = ...,
    b_zp: torch.Tensor | None = ...,
    g_idx: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    group_size: Literal[-1, 32, 64, 128, 256] = ...,
    weight_order: Literal["kn", "nk"] = "kn",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def int4_gemm_w4a8(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
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
    invariant: bool = False,
    scale_mode: Literal["token", "tensor"] = "token",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of 8-bit activations (int8, uint8, e4m3) and an INT4 weight in groups along K.

        C[m, n] = sum_k (A[m, perm(k)] - za[m]) sa[m] (u[k, n] - z[k // G, n]) s[k // G, n] t[n] + bias[n]

    A is int8 or uint8 with a scale and, where `a_zp` is passed, a zero point per token (or one for all), as
    `per_token_quant_int8` gives them; or e4m3 with a scale, as `per_token_quant_fp8` does. u, z and s lie as
    `specs.gemm.int4_weights` says; t is a further scale per column, for weights whose group scales are e4m3.

    With invariant=True a row of C has the same bits whatever the number of rows.

    Source: GPTQ (Frantar et al., 2022) storage order; QServe (Lin et al., 2024) for int8 activations

    Args:
        a: activations, int8 or uint8 or e4m3 [..M, K]
        b: weight, eight k per word, int32 [K // 8, N] (last two swapped at weight_order="nk")
        a_scale: scales of a, f32 or bf16 or f16; shape by scale_mode:
            token   [..M] or [..M, 1]
            tensor  [] or [1]
        b_scale: scales, f32 or bf16 or f16 or e4m3; shape by group_size:
            -1                [1, N]
            32, 64, 128, 256  [cdiv(K, group_size), N]
        a_zp: zero points of an integer a; 0 when left out, optional, int32; shape by scale_mode:
            token   [..M] or [..M, 1]
            tensor  [] or [1]
        b_zp: zero points, eight n per word; 8 everywhere when left out, optional, int32; shape by group_size:
            -1                [1, N // 8]
            32, 64, 128, 256  [cdiv(K, group_size), N // 8]
        g_idx: act-order: column of a that multiplies row k of the weight, optional, int32 [K]
        channel_scale: further scales of the weight, one per column; 1 when left out, optional, f32 [N] or [1, N] or
            [N, 1]
        bias: addend, optional, f32 or bf16 or f16 [N]
        group_size: k per scale; -1 is one group for all. One of -1, 32, 64, 128, 256. Required.
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order; scales and
            zero points are [groups, N] in both. One of 'kn', 'nk'. Default 'kn'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        scale_mode: whether a has a scale (and a zero point) per token, or one for all. One of 'token', 'tensor'.
            Default 'token'.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 14) * 2**-24 of
            the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a int8 [1, 384], b int32 [384, 48], a_scale f32 [1], b_scale f32 [3, 384]:

        >>> c = int4_gemm_w4a8(a, b, a_scale, b_scale, group_size=128, weight_order="nk")

        gives c bf16 [1, 384].
    """
@overload
def int4_gemm_w4a8(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    a_scale: torch.Tensor | None = ...,
    b_scale: torch.Tensor | None = ...,
    a_zp: torch.Tensor | None = ...,
    b_zp: torch.Tensor | None = ...,
    g_idx: torch.Tensor | None = ...,
    channel_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    group_size: Literal[-1, 32, 64, 128, 256] = ...,
    weight_order: Literal["kn", "nk"] = "kn",
    invariant: bool = False,
    scale_mode: Literal["token", "tensor"] = "token",
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def fp4_gemm(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
    a_scale: torch.Tensor,
    b_scale: torch.Tensor,
    bias: torch.Tensor | None = None,
    a_global_scale: torch.Tensor | None = None,
    b_global_scale: torch.Tensor | None = None,
    *,
    out_dtype: _Format = "bf16",
    weight_order: Literal["kn", "nk"] = "kn",
    scale_format: _Format = "e8m0",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of activations and a weight in MXFP4 or NVFP4.

        C[m, n] = (sum_k A[m, k] sa[m, k // G] B[k, n] sb[k // G, n]) / (ga gb) + bias[n]

    Codes are e2m1, two consecutive k per byte, the even one in the low nibble. The format of the scales says which of
    two declarations of `specs.lang.formats.named` applies: MXFP4 with one E8M0 scale per G = 32 k (OCP Microscaling
    Formats 1.0), or NVFP4 with one e4m3 scale per G = 16 k and one float32 number per tensor, ga and gb (448 * 6 /
    amax, as vLLM and compressed-tensors have it; MXFP4 has none). Products of codes are exact; each block of G is
    summed and then scaled in float32. The inverses of ga and gb, each rounded, multiply the sum.

    With invariant=True a row of C has the same bits whatever the number of rows.

    Source: OCP Microscaling Formats (MX) 1.0; NVIDIA Transformer Engine (NVFP4), vLLM cutlass_scaled_fp4_mm

    Args:
        a: activations, two k per byte, uint8 [..M, KB]
        b: weight, two k per byte, uint8 [KB, N] (last two swapped at weight_order="nk")
        a_scale: scales of a, format of scale_format; shape by scale_format:
            e8m0  [..M, KB // 16]
            e4m3  [..M, KB // 8]
        b_scale: scales of b, format of scale_format; shape by scale_format (last two swapped at weight_order="nk"):
            e8m0  [KB // 16, N]
            e4m3  [KB // 8, N]
        bias: addend, optional, f32 or bf16 or f16 [N]
        a_global_scale: NVFP4: number by which the scales of a were multiplied; 1 when left out, optional, f32; shape
            by scale_format:
            e8m0  none
            e4m3  [] or [1]
        b_global_scale: NVFP4: number by which the scales of b were multiplied; 1 when left out, optional, f32; shape
            by scale_format:
            e8m0  none
            e4m3  [] or [1]
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        weight_order: "kn": the weight, and scales that have both dimensions, are passed as [K, N]; "nk": as [N, K],
            the usual checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        scale_format: format of the scales: e8m0 is MXFP4 (one per 32 k), e4m3 NVFP4 (one per 16 k, and one per
            tensor). One of e8m0, e4m3. Default 'e8m0'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (KB * 2 + 8) * 2**-24
            of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8
            operands).

    Example:
        With a uint8 [1, 192], b uint8 [384, 192], a_scale e8m0 [1, 12], b_scale e8m0 [384, 12]:

        >>> c = fp4_gemm(a, b, a_scale, b_scale, weight_order="nk")

        gives c bf16 [1, 384].
    """
@overload
def fp4_gemm(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    a_scale: torch.Tensor | None = ...,
    b_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    a_global_scale: torch.Tensor | None = ...,
    b_global_scale: torch.Tensor | None = ...,
    *,
    out_dtype: _Format = "bf16",
    weight_order: Literal["kn", "nk"] = "kn",
    scale_format: _Format = "e8m0",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def gguf_gemm(
    a: torch.Tensor,
    b: torch.Tensor | QuantizedTensor,
    bias: torch.Tensor | None = None,
    *,
    quant_type: Literal["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"],
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Product of activations and a weight in a block type of GGUF files.

        C[m, n] = sum_k A[m, k] W[n, k] + bias[n]
        W[n, k] = (d s) q - dmin m

    d, s, q, dmin and m are the scale, the group's scale, the code's value, the scale of minima and the group's
    minimum in the block of element k of row n, as the block type declares (`specs.lang.formats.ggml`, docs/gguf.md);
    dmin m is added in Q4_1 and Q5_1, and 0 in types without minima. W is not rounded: sums of A q over a group are
    multiplied by s in float32, their sum over the block by d. Minima multiply the sums of A over their groups,
    likewise m first.

    With invariant=True a row of C has the same bits whatever the number of rows.

    Source: GGUF (ggml): gguf-py 0.19.0, ggml-quants.c

    Args:
        a: activations, bf16 or f16 or f32 [..M, K]
        b: weight, a row of blocks per column of c, uint8; shape by quant_type:
            Q4_0, IQ4_NL  [N, (K // 32) * 18]
            Q4_1          [N, (K // 32) * 20]
            Q5_0          [N, (K // 32) * 22]
            Q5_1          [N, (K // 32) * 24]
            Q8_0          [N, (K // 32) * 34]
            Q2_K          [N, (K // 256) * 84]
            Q3_K          [N, (K // 256) * 110]
            Q4_K          [N, (K // 256) * 144]
            Q5_K          [N, (K // 256) * 176]
            Q6_K          [N, (K // 256) * 210]
            MXFP4         [N, (K // 32) * 17]
        bias: addend, optional, bf16 or f16 or f32 [N]
        quant_type: block type of the weight, as GGUF files name it. One of 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0',
            'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'MXFP4'. Required.
        out_dtype: format of the result. One of bf16, f16, f32. Default None.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: result, format of out_dtype [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [1, 96], b uint8 [40, 54], bias f32 [40]:

        >>> c = gguf_gemm(a, b, bias, quant_type="Q4_0")

        gives c bf16 [1, 40].
    """
@overload
def gguf_gemm(
    a: torch.Tensor,
    b: QuantizedTensor,
    bias: torch.Tensor | None = ...,
    *,
    quant_type: Literal["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"] = ...,
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

def embedding(
    ids: torch.Tensor,
    table: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows of a dense table by token id; zeros for ids of no row.

        out[t] = table[ids[t]]                                     0 <= ids[t] < V
        out[t] = 0                                                 any other id

    The table is dense, or its rows are blocks of a type of GGUF files (`quant_type`), decoded in float32 as the block
    type declares (`specs.lang.formats.ggml`, docs/gguf.md), then rounded once to the format of the result, zeros
    positive. Ids of no row are not an error: padding, and tokens of other shards of a table, are zeros, whatever they
    are.

    Source: torch.nn.functional.embedding, vLLM VocabParallelEmbedding

    Args:
        ids: token ids; any that is no row of the table gives zeros, int32 or int64 [..T]
        table: one row per id, bf16 or f16 or f32 [V, D]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write out into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        out: a row per token, format of table [..T, D]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: bit-identical to the definition in float64, rounded once.

    Example:
        With ids int32 [9], table bf16 [33, 96]:

        >>> out = embedding(ids, table)

        gives out bf16 [9, 96].
    """

@overload
def gguf_embedding(
    ids: torch.Tensor,
    table: torch.Tensor | QuantizedTensor,
    *,
    quant_type: Literal["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"],
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows of a table in a block type of GGUF files by token id, decoded; zeros for ids of no row.

        out[t] = table[ids[t]]                                     0 <= ids[t] < V
        out[t] = 0                                                 any other id

    The table is dense, or its rows are blocks of a type of GGUF files (`quant_type`), decoded in float32 as the block
    type declares (`specs.lang.formats.ggml`, docs/gguf.md), then rounded once to the format of the result, zeros
    positive. Ids of no row are not an error: padding, and tokens of other shards of a table, are zeros, whatever they
    are.

    Source: GGUF (ggml): gguf-py 0.19.0, ggml-quants.c

    Args:
        ids: token ids; any that is no row of the table gives zeros, int32 or int64 [..T]
        table: one row of blocks per id, uint8 [V, ROW_BYTES]
        quant_type: block type of the weight, as GGUF files name it. One of 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0',
            'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'MXFP4'. Required.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write out into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'table' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        out: a row per token, format of out_dtype; shape by quant_type:
            Q4_0, IQ4_NL  [..T, (ROW_BYTES // 18) * 32]
            Q4_1          [..T, (ROW_BYTES // 20) * 32]
            Q5_0          [..T, (ROW_BYTES // 22) * 32]
            Q5_1          [..T, (ROW_BYTES // 24) * 32]
            Q8_0          [..T, (ROW_BYTES // 34) * 32]
            Q2_K          [..T, (ROW_BYTES // 84) * 256]
            Q3_K          [..T, (ROW_BYTES // 110) * 256]
            Q4_K          [..T, (ROW_BYTES // 144) * 256]
            Q5_K          [..T, (ROW_BYTES // 176) * 256]
            Q6_K          [..T, (ROW_BYTES // 210) * 256]
            MXFP4         [..T, (ROW_BYTES // 17) * 32]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most 4 * 2**-24 of the sum
            of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With ids int32 [9], table uint8 [33, 36]:

        >>> out = gguf_embedding(ids, table, quant_type="Q4_0")

        gives out bf16 [9, 64].
    """
@overload
def gguf_embedding(
    ids: torch.Tensor,
    table: QuantizedTensor,
    *,
    quant_type: Literal["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"] = ...,
    out_dtype: _Format = "bf16",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

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

        cache[slot_mapping[i]] = encode(k[i])      for every i whose slot is in the cache

    Rows are already rotated, and of bfloat16, float16 or float32; they are rounded once, to the formats of the
    layout. Slots that are negative (padding) or past the last page are skipped; no other byte of the cache changes.

    Source: DeepSeek-V4 KV cache; layouts as in FlashMLA

    Args:
        k: rows, bf16 or f16 or f32 [T, D]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value. Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        cache: bit-identical to the definition in float64, rounded once.

    Example:
        With k bf16 [17, 512], cache uint8 [3, 9792], slot_mapping int32 [17]:

        >>> quantize_and_insert_k(k, cache, slot_mapping, block_size=16)
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

        q[t, h]  = rope(q[t, h] / sqrt(mean(q[t, h]^2) + eps), positions[t])               all T rows, in place
        cache[slot_mapping[t]] = encode(rope(kv[t], positions[t]))                         for t with a slot in the
            cache

    rope rotates the last columns, as many as the table has, in interleaved pairs. Queries are float32 throughout and
    rounded once. The rotated columns of a key, of float16 or float32 first rounded to bfloat16, are rounded correctly
    to bfloat16 again (zeros positive), then stored or quantised; its other columns are quantised as they are. No
    temporary exists, and `kv` is not changed.

    For a token whose position is outside the table (padding), q is unchanged and no key is written.

    Source: DeepSeek-V4 attention input; layouts as in FlashMLA

    Args:
        q: queries; written in place, bf16 or f16 [T, H, D]
        kv: keys, normalised already, bf16 or f16 or f32 [T, D]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        positions: position of every row; outside the table: q is unchanged, and no key is written, int32 or int64 [T]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        eps: added to the mean square. Default 1e-06.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value. Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most (D + 16) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        cache: bit-identical to the definition in float64, rounded once.

    Example:
        With q bf16 [5, 8, 512], kv bf16 [5, 512], cache uint8 [1, 9792], slot_mapping int32 [5], positions int32 [5],
            cos_sin f32 [97, 64]:

        >>> qnorm_rope_kv_insert(q, kv, cache, slot_mapping, positions, cos_sin, block_size=16)
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

        out[b, offset + i] = decode(row p of request b),  p = seq_lens[b] - gather_lens[b] + i,  0 <= i <
            gather_lens[b]

    Row p lies in page block_table[b, p // rows], at p % rows. Values are rounded to bfloat16, which is exact for
    layouts whose scales are powers of two. Other rows of `out` are unchanged; a page outside the cache is not read,
    and its rows are unchanged too.

    Source: DeepSeek-V4 prefill over cached keys; layouts as in FlashMLA

    Args:
        out: workspace; other rows stay as they are; written in place, bf16 [BO, M, D]
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        seq_lens: rows that the cache holds of every request, int32 [B]
        gather_lens: how many of them, the last ones, are gathered; all if left out, optional, int32 [B]
        block_table: pages of every request in order, int32 [B, TABLE]
        offset: first row of the workspace that is written. Default 0.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value. Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: bit-identical to the definition in float64, rounded once.

    Example:
        With out bf16 [3, 32, 512], cache uint8 [6, 9792], seq_lens int32 [3], block_table int32 [3, 2]:

        >>> dequant_gather_k(out, cache, seq_lens, block_table=block_table, block_size=16)
    """

def kv_insert(
    key: torch.Tensor,
    value: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor | None = None,
    slot_mapping: torch.Tensor | None = None,
    k_scale: torch.Tensor | None = None,
    v_scale: torch.Tensor | None = None,
    k_scale_cache: torch.Tensor | None = None,
    v_scale_cache: torch.Tensor | None = None,
    *,
    kv_layout: Literal["separate", "adjacent", "interleaved"] = "separate",
    implementation: _Implementation | None = None,
) -> None:
    """Keys and values of new tokens written into their slots of a paged cache.

        key_cache[page, row, h]   = encode(key[t, h])          page, row = divmod(slot_mapping[t], page size)
        value_cache[page, row, h] = encode(value[t, h])        for every t whose slot is in the cache

        same format:      encode(x) = x, bit for bit
        FP8:              encode(x) = fp8(x / k_scale[h])       v_scale for values; 1 where left out
        INT8, or FP8 with k_scale_cache and v_scale_cache:
                          encode(x) = code(x (1 / s)),  s = max(amax / max, 1e-6),  amax = max |x| of token and head
                          k_scale_cache[page, row, h] = s

    All steps are float32 with one rounding each; max is the largest code (127, 448, 57344). FP8 codes are rounded to
    nearest even, saturate, and keep NaN; INT8 codes are rounded half away from zero. A NaN makes the scale of its
    token and head NaN, and all INT8 codes under it 0. Slots that are negative (padding) or after the last page are
    skipped, rows of key and value after the last slot are padding, and no other byte of the caches changes. With a
    `kv_layout` that has keys and values in one array, key_cache is that array, and value_cache is left out.

    Source: vLLM, reshape_and_cache_flash

    Args:
        key: keys of new tokens, bf16 or f16 or f32 [T, HKV, D]
        value: values of new tokens, format of key [T, HKV, DV]
        key_cache: keys in pages, or keys and values; written in place, bf16 or f16 or f32 or e4m3 or e5m2 or int8;
            shape by kv_layout:
            separate     [PAGES, PAGE, HKV, D]
            adjacent     [PAGES, PAGE, HKV, D + DV]
            interleaved  [PAGES, PAGE, 2 * HKV, DV]
        value_cache: values in pages; written in place, optional, format of key_cache; shape by kv_layout:
            separate               [PAGES, PAGE, HKV, DV]
            adjacent, interleaved  none
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        k_scale: scale of FP8 keys: one, or one per head; 1 where left out, optional, f32 [K_SCALES] or []
        v_scale: scale of FP8 values: one, or one per head; 1 where left out, optional, f32 [V_SCALES] or []
        k_scale_cache: scale of every token and head of the keys in pages; written in place, optional, f32 [PAGES,
            PAGE, HKV]
        v_scale_cache: scale of every token and head of the values in pages; written in place, optional, f32 [PAGES,
            PAGE, HKV]
        kv_layout: where keys and values lie: separate, two arrays; adjacent, K | V of a head in one row of one array;
            interleaved, heads k0 v0 k1 v1 .. of one array. One of 'separate', 'adjacent', 'interleaved'. Default
            'separate'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        key_cache, value_cache, k_scale_cache, v_scale_cache: bit-identical to the definition in float64, rounded
            once.

    Example:
        With key bf16 [19, 8, 64], value bf16 [19, 8, 64], key_cache bf16 [4, 16, 8, 64], value_cache bf16 [4, 16, 8,
            64], slot_mapping int32 [17]:

        >>> kv_insert(key, value, key_cache, value_cache, slot_mapping)
    """

def rope_kv_insert(
    positions: torch.Tensor,
    q: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cos_sin: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor | None = None,
    slot_mapping: torch.Tensor | None = None,
    k_scale: torch.Tensor | None = None,
    v_scale: torch.Tensor | None = None,
    k_scale_cache: torch.Tensor | None = None,
    v_scale_cache: torch.Tensor | None = None,
    *,
    neox: bool = True,
    offset: int = 0,
    inverse: bool = False,
    kv_layout: Literal["separate", "adjacent", "interleaved"] = "separate",
    implementation: _Implementation | None = None,
) -> None:
    """Queries rotated in place; keys, rotated, and values written into their slots of a paged cache.

        q[t, h]                   = rope(q[t, h], positions[t])          as `rotary_embedding`, in place
        key_cache[page, row, h]   = encode(rope(key[t, h], positions[t]))
        value_cache[page, row, h] = encode(value[t, h])                  as `kv_insert`, of rotated keys

    page, row = divmod(slot_mapping[t], page size).

        same format:      encode(x) = x
        FP8:              encode(x) = fp8(x / k_scale[h])       v_scale for values; 1 where left out
        INT8, or FP8 with k_scale_cache and v_scale_cache:
                          encode(x) = code(x / s), a scale per token and head as in `kv_insert`
                          k_scale_cache[page, row, h] = s

    Rotated keys are rounded to the format of key before they are encoded, and `key` itself is not changed. Slots that
    are negative (padding) or after the last page are skipped, as are keys and values after the last slot; queries are
    rotated all the same. Heads of tokens with a position outside the table are not rotated. No other byte of the
    caches changes. With a `kv_layout` that has keys and values in one array, key_cache is that array, and value_cache
    is left out.

    The arithmetic is that of `rotary_embedding` and `kv_insert`, instruction by instruction, and so are the bytes
    wherever a compiler contracts products and sums alike in both; a rotated element may otherwise differ in its last
    bit.

    Source: Su et al., RoFormer (2021); vLLM, reshape_and_cache_flash

    Args:
        positions: position of every token; outside the table: its heads are not rotated, int32 or int64 [T]
        q: queries; written in place, bf16 or f16 or f32 [T, HQ, D]
        key: keys of new tokens, not rotated, format of q [T, HKV, D]
        value: values of new tokens, format of q [T, HKV, DV]
        cos_sin: cosines, then sines of every position, as `rope_table` makes them, f32 or bf16 [POSITIONS, ROT]
        key_cache: keys in pages, or keys and values; written in place, bf16 or f16 or f32 or e4m3 or e5m2 or int8;
            shape by kv_layout:
            separate     [PAGES, PAGE, HKV, D]
            adjacent     [PAGES, PAGE, HKV, D + DV]
            interleaved  [PAGES, PAGE, 2 * HKV, DV]
        value_cache: values in pages; written in place, optional, format of key_cache; shape by kv_layout:
            separate               [PAGES, PAGE, HKV, DV]
            adjacent, interleaved  none
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        k_scale: scale of FP8 keys: one, or one per head; 1 where left out, optional, f32 [K_SCALES] or []
        v_scale: scale of FP8 values: one, or one per head; 1 where left out, optional, f32 [V_SCALES] or []
        k_scale_cache: scale of every token and head of the keys in pages; written in place, optional, f32 [PAGES,
            PAGE, HKV]
        v_scale_cache: scale of every token and head of the values in pages; written in place, optional, f32 [PAGES,
            PAGE, HKV]
        neox: pairs (i, i + rot / 2), as in GPT-NeoX; else (2 i, 2 i + 1), as in GPT-J. Default True.
        offset: first column of a head that is rotated. Default 0.
        inverse: rotate by the negative angle. Default False.
        kv_layout: where keys and values lie: separate, two arrays; adjacent, K | V of a head in one row of one array;
            interleaved, heads k0 v0 k1 v1 .. of one array. One of 'separate', 'adjacent', 'interleaved'. Default
            'separate'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (2 + 4) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        key_cache: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32), 2**-4 (e4m3), 2**-3 (e5m2),
            absolute 1/2 (int8); before it at most (2 + 4) * 2**-24 of the sum of the absolute values that are added
            up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        k_scale_cache: relative rounding error 2**-24 (f32); before it at most (2 + 4) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        value_cache, v_scale_cache: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [5], q bf16 [5, 9, 64], key bf16 [5, 3, 64], value bf16 [5, 3, 64], cos_sin f32 [97, 64],
            key_cache bf16 [2, 8, 3, 64], value_cache bf16 [2, 8, 3, 64], slot_mapping int32 [5]:

        >>> rope_kv_insert(positions, q, key, value, cos_sin, key_cache, value_cache, slot_mapping)
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

        keys of token t = kv[indices[t, j]] for j < topk_length[t]
        out[t, h] = softmax(sm_scale <q[t, h], keys>, attn_sink[h]) @ keys[:, :d_v]

    Entries that are negative or after the last row are skipped, and entries past the length are not read. A token
    without keys gives zeros. Weights are rounded to the format of the queries.

    Source: DeepSeek-V3.2 and V4; FlashMLA

    Args:
        q: queries, bf16 or f16 [T, H, D]
        kv: keys, format of q [S, D] or [S, 1, D]
        indices: rows of kv of every token, int32 or int64 [T, P] or [T, 1, P]
        attn_sink: score of a key without a value, per head; -inf for none, optional, f32 [SINKS]
        topk_length: entries of every token's list that count; all if left out, optional, int32 [T]
        sm_scale: factor of the scores. Required.
        return_lse: whether max_logits and lse are returned too. Default False.
        d_v: columns of a key that are its value. Default 512.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, max_logits, lse) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a token without keys, such as one of padding, format of q [T, H,
            VALUES]
        max_logits: largest score of every row, natural units, the sink not counted; -inf for none, f32; shape by
            return_lse:
            False  none
            True   [T, H]
        lse: logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys, f32; shape by
            return_lse:
            False  none
            True   [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most 1 * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        max_logits: relative rounding error 2**-24 (f32); before it at most 1 * 2**-24 of the sum of the absolute
            values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        lse: relative rounding error 2**-24 (f32); before it at most 1 * 2**-24 of the sum of the absolute values that
            are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all sums are
            exact.

    Example:
        With q bf16 [7, 8, 512], kv bf16 [1200, 512], indices int32 [7, 128], attn_sink f32 [8], topk_length int32
            [7]:

        >>> out, max_logits, lse = sparse_mla_prefill(q, kv, indices, attn_sink, topk_length,
        ...     sm_scale=0.6931471805599453, return_lse=True)

        gives out bf16 [7, 8, 512], max_logits f32 [7, 8], lse f32 [7, 8].
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

        keys of token t = comp[topk_indices[t, j]] for j < topk_lens[t], and swa[swa_indices[t, j]] for j <
            swa_lens[t]
        out[t, h] = softmax(sm_scale <q[t, h], keys>, attn_sink[h]) @ keys[:, :values]

    One softmax over both lists. Entries that are negative or name no row of the cache are skipped, inside the length
    too; entries past the length are ignored. A token without keys gives zeros. Keys and weights are rounded to the
    format of the queries.

    Source: DeepSeek-V4; FlashMLA

    Args:
        q: queries, bf16 or f16 [T, H, D]
        swa_cache: pages of the window, uint8 [SWA_PAGES, SWA_BYTES] or [SWA_PAGES, SWA_ROWS, bytes of a row]
        swa_indices: slots of every token's window, int32 or int64 [T, W] or [T, 1, W]
        swa_lens: entries of every token's window list, clamped to 0 .. W, int32 [T]
        comp_cache: pages of compressed keys, optional, uint8 [COMP_PAGES, COMP_BYTES] or [COMP_PAGES, COMP_ROWS,
            bytes of a row]
        topk_indices: slots of every token's chosen compressed keys, optional, int32 or int64 [T, K] or [T, 1, K]
        topk_lens: entries of every token's top-k list, clamped to 0 .. K, optional, int32 [T]
        attn_sink: score of a key without a value, per head; -inf for none, optional, f32 [SINKS]
        sm_scale: factor of the scores. Required.
        return_lse: whether max_logits and lse are returned too. Default False.
        layout: what lies in a page. One of v32, v4, v41, v41_fp4, nvfp4_mla, bf16_512 or a Paged value. Default 'v4'.
        block_size: rows of a page of swa_cache; may be left out where it is passed as [pages, rows, bytes of a row].
            Default None.
        comp_block_size: rows of a page of comp_cache; may be left out where it is passed as [pages, rows, bytes of a
            row]. Default None.
        splits: parts that a token's keys are cut into; 0: as many as the batch leaves room for, so that the last bits
            of a token's result may depend on the number of tokens; any other number: they do not. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, max_logits, lse) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a token without keys, such as one of padding, format of q [T, H,
            VALUES]
        max_logits: largest score of every row, natural units, the sink not counted; -inf for none, f32; shape by
            return_lse:
            False  none
            True   [T, H]
        lse: logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys, f32; shape by
            return_lse:
            False  none
            True   [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most 1 * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        max_logits: relative rounding error 2**-24 (f32); before it at most 1 * 2**-24 of the sum of the absolute
            values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        lse: relative rounding error 2**-24 (f32); before it at most 1 * 2**-24 of the sum of the absolute values that
            are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all sums are
            exact.

    Example:
        With q bf16 [4, 8, 512], swa_cache uint8 [10, 9792], swa_indices int32 [4, 40], swa_lens int32 [4], comp_cache
            uint8 [140, 1728], topk_indices int32 [4, 70], topk_lens int32 [4], attn_sink f32 [8]:

        >>> out, max_logits, lse = sparse_mla_decode_fp8(q, swa_cache, swa_indices, swa_lens, comp_cache,
        ...     topk_indices, topk_lens, attn_sink, sm_scale=0.6931471805599453, block_size=16, comp_block_size=2,
        ...     return_lse=True)

        gives out bf16 [4, 8, 512], max_logits f32 [4, 8], lse f32 [4, 8].
    """

def flash_attn_varlen(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor | None = None,
    cu_seqlens_q: torch.Tensor | None = None,
    cu_seqlens_k: torch.Tensor | None = None,
    seqused_k: torch.Tensor | None = None,
    block_table: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
    s_aux: torch.Tensor | None = None,
    q_descale: torch.Tensor | None = None,
    k_descale: torch.Tensor | None = None,
    v_descale: torch.Tensor | None = None,
    k_scale_cache: torch.Tensor | None = None,
    v_scale_cache: torch.Tensor | None = None,
    *,
    max_seqlen_q: int = 0,
    max_seqlen_k: int = 0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_left: int = -1,
    window_right: int = -1,
    softcap: float = 0.0,
    out_dtype: _Format | None = None,
    kv_layout: Literal["separate", "adjacent", "interleaved"] = "separate",
    return_softmax_lse: bool = False,
    splits: int = 0,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, ...] | None = None,
) -> Any:
    """Attention of requests of different lengths, packed one after the other or paged.

        s[i, j] = softmax_scale <q[i], k[j]>, then softcap tanh(s / softcap), then - slope |i + shift - j|
        out[i] = sum_j exp(s[i, j]) v[j] / Z,  lse[i] = ln(Z),  Z = sum_j exp(s[i, j]) + exp(s_aux)

    over the keys j of query i's request that it sees: window_left before and window_right after its own position i +
    shift, where shift = keys - queries lets the last of both be level. causal: none after it. Queries and keys are
    multiplied with their descales first, and the result with that of the values. Weights are rounded to the format of
    the values (of the queries, where values are FP8). With k_scale_cache and v_scale_cache, for INT8 or FP8 codes,
    keys and values are also multiplied with a scale of their own, and weights times scales are rounded to bfloat16.
    With a `kv_layout` that has keys and values in one array of pages, k is that array, and v is left out.

    Rows of q before cu_seqlens_q[0], and from cu_seqlens_q[-1] on, belong to no request, as in batches that are
    padded to a fixed size: their out is 0 and their lse -inf. Bounds and lengths are clamped to the arrays. Rows of a
    request after its first max_seqlen_q are not computed, and hold anything.

    Source: Dao, FlashAttention-2 (2023); conventions as in vLLM

    Args:
        q: queries, request after request, bf16 or f16 or e4m3 or e5m2 [TQ, HQ, D]
        k: keys, request after request, or in pages; or pages of keys and values, bf16 or f16 or e4m3 or e5m2 or int8;
            shape by kv_layout:
            separate     [PAGES, PAGE, HKV, D] or [PAGE, HKV, D]
            adjacent     [PAGES, PAGE, HKV, D + DV]
            interleaved  [PAGES, PAGE, 2 * HKV, DV]
        v: values, as keys, optional, format of k; shape by kv_layout:
            separate               [PAGES, PAGE, HKV, DV] or [PAGE, HKV, DV]
            adjacent, interleaved  none
        cu_seqlens_q: first query of every request, and the end of the last; other rows of q are of no request, int32
            [BOUNDS]
        cu_seqlens_k: first key of every request, and the end of the last; for keys without pages, optional, int32
            [BOUNDS]
        seqused_k: keys of every request, the first ones in its pages or of its dense keys, optional, int32 [BOUNDS -
            1]
        block_table: pages of every request in order; further entries are not read, optional, int32 [BOUNDS - 1,
            TABLE]
        alibi_slopes: what a score loses per position of distance, per head, or per request and head, optional, f32
            [SLOPES, HQ] or [HQ]
        s_aux: score of a key without a value, per head, neither scaled nor capped; -inf for none, optional, f32 or
            bf16 or f16 [HQ]
        q_descale: positive factor of q, per request and key head, optional, f32 [BOUNDS - 1, HKV]
        k_descale: positive factor of k: one, per key head, or per request and key head, optional, f32 [DESCALE_ROWS,
            DESCALE_HEADS] or [DESCALE_HEADS] or []
        v_descale: positive factor of v: one, per key head, or per request and key head, optional, f32 [DESCALE_ROWS,
            DESCALE_HEADS] or [DESCALE_HEADS] or []
        k_scale_cache: positive scale of every token and head of the keys, optional, f32 [PAGES, PAGE, HKV] or [PAGE,
            HKV]
        v_scale_cache: positive scale of every token and head of the values, optional, f32 [PAGES, PAGE, HKV] or
            [PAGE, HKV]
        max_seqlen_q: no request has more queries; 0: no limit. Default 0.
        max_seqlen_k: no request has more keys; 0: no limit. Default 0.
        softmax_scale: factor of the scores; None: D ** -0.5. Default None.
        causal: whether a query sees no later key, the last of both being level. Default False.
        window_left: how many keys before its own position a query sees; -1: all. Default -1.
        window_right: how many keys after its own position a query sees; -1: all. Default -1.
        softcap: c of c tanh(score / c); 0: no cap. Default 0.0.
        out_dtype: format of the result; that of the queries where left out. One of bf16, f16. Default None.
        kv_layout: where keys and values lie: separate, two arrays; adjacent, K | V of a head in one row of one array;
            interleaved, heads k0 v0 k1 v1 .. of one array. One of 'separate', 'adjacent', 'interleaved'. Default
            'separate'.
        return_softmax_lse: whether lse is returned too. Default False.
        splits: parts that the keys of a query are cut into; 0: as many as the batch leaves room for, so that the last
            bits of a query's result may depend on the number of requests; any other number: they do not. Default 0.
        invariant: the same tiles for every number of queries, and one part where splits is 0: a query's result has
            the same bits in every batch. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (out, lse) into, None for those to allocate, which is then returned: shape,
            format and device of the result; the last dimension is contiguous, other strides are free. Refused where
            it begins at the address of an argument.

    Returns:
        out: weighted means of the values; 0 for a query that sees no key, and in rows that no request owns, format of
            out_dtype [TQ, HQ, DV]
        lse: natural logarithm of the sum of exponentials, the sink included; -inf for none, and in rows of no
            request, f32; shape by return_softmax_lse:
            False  none
            True   [HQ, TQ]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most 1 * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        lse: relative rounding error 2**-24 (f32); before it at most 1 * 2**-24 of the sum of the absolute values that
            are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all sums are
            exact.

    Example:
        With q bf16 [90, 4, 64], k bf16 [1, 120, 2, 64], v bf16 [1, 120, 2, 64], cu_seqlens_q int32 [4], cu_seqlens_k
            int32 [4]:

        >>> out, lse = flash_attn_varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, softmax_scale=0.6931471805599453,
        ...     causal=True, return_softmax_lse=True)

        gives out bf16 [90, 4, 64], lse f32 [4, 90].
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

    The workspace has `workspace_rows` rows per request (M): first `compressed_rows` of them (N) for compressed
    entries, then the window rows, of which the last one gathered is that of the request's last token. For token t of
    request b, at position pos:

        M b + topk_indices[t, j]                        j < min((pos + 1) // ratio, topk)
        M b + N + (p - (seq_lens[b] - gather_lens[b]))  lo <= p <= pos + right,
                                                        lo = max(pos - (W - 1) - max(left - (W - 1), 0), 0)

    then -1 to the end of the row. An entry whose row does not exist (-1 among the chosen ones, a window row that was
    not gathered) is -1 in its place. Tokens after the last request's have no entries.

    Source: DeepSeek-V4 sparse attention: prefill over gathered rows

    Args:
        topk_indices: compressed entries chosen for every token, counted from its request's first; negative: none,
            int32 [T, K]
        query_start_loc: first token of every request, and the end after the last; counted from its first element,
            int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        gather_lens: window rows gathered for every request, the last of them that of its last token, int32 [R]
        left_visible: tokens before it that a token of an image sees, optional, int32 [T]
        right_visible: tokens after it that a token of an image sees, optional, int32 [T]
        window: sliding window, the token itself included. Required.
        ratio: original tokens per compressed entry, 1 in layers that have none. Required.
        topk: most compressed entries of a token; at 0 topk_indices is not read. Required.
        workspace_rows: rows of the workspace per request (M). Required.
        compressed_rows: rows of them that hold compressed entries (N). Required.
        max_image_tokens: most tokens that images add to a window. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (combined_indices, combined_lens) into, None for those to allocate, which is
            then returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        combined_indices: rows of the workspace, -1 after the last, int32 [T, cdiv(((topk + window) +
            max_image_tokens), 128) * 128]
        combined_lens: entries of every list; 0 for tokens of no request, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        combined_indices, combined_lens: bit-identical to the definition in float64, rounded once.

    Example:
        With topk_indices int32 [37, 16], query_start_loc int32 [5], seq_lens int32 [4], gather_lens int32 [4]:

        >>> combined_indices, combined_lens = combine_topk_swa(topk_indices, query_start_loc, seq_lens, gather_lens,
        ...     window=8, ratio=4, topk=16, workspace_rows=4096, compressed_rows=1024)

        gives combined_indices int32 [37, 128], combined_lens int32 [37].
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

        slot(i) = block_table[b, i // block_size] * block_size + i % block_size,  b = token_to_req[t]

    Entries without a slot (negative, past the block table's pages, a page that is missing, a request that does not
    exist) are left out; those that remain keep their order, and -1 follows. A token that is not valid has length 0.

    Source: DeepSeek-V4 sparse attention: decode

    Args:
        topk_indices: entries chosen for every token, counted from its request's first; -1: none, int32 [T, K]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        is_valid: whether a token is none of padding, bool [T]
        block_size: entries of a page. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last, int32 [T, K]
        lens: slots of every list; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices, lens: bit-identical to the definition in float64, rounded once.

    Example:
        With topk_indices int32 [11, 37], token_to_req int32 [11], block_table int32 [3, 5], is_valid bool [11]:

        >>> indices, lens = global_topk(topk_indices, token_to_req, block_table, is_valid, block_size=16)

        gives indices int32 [11, 37], lens int32 [11].
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
        query_start_loc: first token of every request, and the end after the last; counted from its first element,
            int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (token_to_req, positions, is_valid) into, None for those to allocate, which is
            then returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        token_to_req: request of every token; -1 in padding, int32 [T]
        positions: position of every token in its request; 0 in padding, format of slot_mapping [T]
        is_valid: whether a token has a request and a slot, bool [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        token_to_req, positions, is_valid: bit-identical to the definition in float64, rounded once.

    Example:
        With query_start_loc int32 [7], seq_lens int32 [6], slot_mapping int32 [41]:

        >>> token_to_req, positions, is_valid = token_metadata(query_start_loc, seq_lens, slot_mapping)

        gives token_to_req int32 [41], positions int32 [41], is_valid bool [41].
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
        query_start_loc: first token of every request, and the end after the last; counted from its first element,
            int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        window: sliding window, the token itself included. Default 128.
        block_size: tokens of a page. Default 64.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last; all -1 for tokens of padding, int32 [T, window]
        lens: tokens of every window; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices, lens: bit-identical to the definition in float64, rounded once.

    Example:
        With query_start_loc int32 [8], seq_lens int32 [7], slot_mapping int32 [7], block_table int32 [7, 12]:

        >>> indices, lens = swa_decode_metadata(query_start_loc, seq_lens, slot_mapping, block_table)

        gives indices int32 [7, 128], lens int32 [7].
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
        query_start_loc: first token of every request, and the end after the last; counted from its first element,
            int32 [R + 1]
        seq_lens: tokens of every request, including this step's, int32 [R]
        window: sliding window, the token itself included. Default 128.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write gather_lens into, which is then returned: shape, format and device of the result; the
            last dimension is contiguous, other strides are free. Refused where it begins at the address of an
            argument.

    Returns:
        gather_lens: rows to gather, the last ones of a request, int32 [R]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        gather_lens: bit-identical to the definition in float64, rounded once.

    Example:
        With query_start_loc int32 [9], seq_lens int32 [8]:

        >>> gather_lens = prefill_gather_lens(query_start_loc, seq_lens)

        gives gather_lens int32 [8].
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
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (indices, lens) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        indices: slots, -1 after the last; all -1 for tokens of padding, int32 [T, width]
        lens: entries of every list; 0 for tokens of padding, int32 [T]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices, lens: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [13], token_to_req int32 [13], slot_mapping int32 [13], block_table int32 [4, 6]:

        >>> indices, lens = c128a_decode_metadata(positions, token_to_req, slot_mapping, block_table, width=128)

        gives indices int32 [13, 128], lens int32 [13].
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
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        indices: 0, 1, .. as far as entries exist, then -1, int32 [T, width]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [31]:

        >>> indices = c128a_prefill_metadata(positions, width=128)

        gives indices int32 [31, 128].
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
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write slots into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        slots: slots; -1 for tokens that complete no entry, and for padding, format of slot_mapping [P]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        slots: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [60], token_to_req int32 [60], slot_mapping int32 [64], block_table int32 [5, 3]:

        >>> slots = compressed_slot_mapping(positions, token_to_req, slot_mapping, block_table)

        gives slots int32 [64].
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

        y[t, h] = rope(q[t, h], positions[t])            the last columns, as many as the table has, in pairs
        FP8:    s = 2^ceil(log2(max(amax, 1e-4) / 448)),  q_fp8 = e4m3(y / s)
                weights_out = ((w s) softmax_scale) head_scale
        MXFP4:  one E8M0 scale per 32 columns, e2m1 codes two per byte
                weights_out = (w softmax_scale) head_scale

    Rotated columns are rounded correctly to bfloat16 (zeros positive); the others are unchanged. Rows with a position
    outside the table are not rotated.

    Source: DeepSeek-V4, sparse indexer

    Args:
        positions: position of every token, int32 or int64 [T]
        q: queries, bf16 [T, H, 128]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        weights: weights of the heads, bf16 or f32 [T, H]
        softmax_scale: factor of the scores, usually the inverse root of their columns; applied to the weights.
            Required.
        head_scale: factor of the sum over heads, usually the inverse root of their number; likewise. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q_fp8, weights_out) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        q_fp8: codes, e4m3 [T, H, 128]
        weights_out: weights for `mqa_logits`, f32 [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q_fp8, weights_out: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [7], q bf16 [7, 64, 128], cos_sin f32 [97, 64], weights bf16 [7, 64]:

        >>> q_fp8, weights_out = indexer_q_fp8(positions, q, cos_sin, weights, softmax_scale=0.08838834764831845,
        ...     head_scale=0.125)

        gives q_fp8 e4m3 [7, 64, 128], weights_out f32 [7, 64].
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

        y[t, h] = rope(q[t, h], positions[t])            the last columns, as many as the table has, in pairs
        FP8:    s = 2^ceil(log2(max(amax, 1e-4) / 448)),  q_fp8 = e4m3(y / s)
                weights_out = ((w s) softmax_scale) head_scale
        MXFP4:  one E8M0 scale per 32 columns, e2m1 codes two per byte
                weights_out = (w softmax_scale) head_scale

    Rotated columns are rounded correctly to bfloat16 (zeros positive); the others are unchanged. Rows with a position
    outside the table are not rotated.

    Source: DeepSeek-V4, sparse indexer

    Args:
        positions: position of every token, int32 or int64 [T]
        q: queries, bf16 [T, H, 128]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        weights: weights of the heads, bf16 or f32 [T, H]
        softmax_scale: factor of the scores, usually the inverse root of their columns; applied to the weights.
            Required.
        head_scale: factor of the sum over heads, usually the inverse root of their number; likewise. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q_packed, q_scale, weights_out) into, None for those to allocate, which is
            then returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        q_packed: codes, two per byte, uint8 [T, H, 64]
        q_scale: scales, one per 32 columns, e8m0 [T, H, 4]
        weights_out: weights for `mqa_logits`, f32 [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q_packed, q_scale, weights_out: bit-identical to the definition in float64, rounded once.

    Example:
        With positions int32 [7], q bf16 [7, 64, 128], cos_sin f32 [97, 64], weights bf16 [7, 64]:

        >>> q_packed, q_scale, weights_out = indexer_q_mxfp4(positions, q, cos_sin, weights,
        ...     softmax_scale=0.08838834764831845, head_scale=0.125)

        gives q_packed uint8 [7, 64, 64], q_scale e8m0 [7, 64, 4], weights_out f32 [7, 64].
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
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, int32 or int64 [TS]
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value. Default
            'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        cache: bit-identical to the definition in float64, rounded once.

    Example:
        With k bf16 [70, 128], cache uint8 [2, 8640], slot_mapping int32 [67]:

        >>> indexer_k_insert(k, cache, slot_mapping, block_size=64)
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

        row cu_seq_lens[b] - cu_seq_lens[0] + i  =  row i of request b,   0 <= i < cu_seq_lens[b + 1] - cu_seq_lens[b]

    Row i lies in page block_table[b, i // rows], at i % rows. Rows of the workspace after the last request are
    unchanged, as are rows whose page is outside the cache.

    Source: DeepSeek-V4, sparse indexer: prefill

    Args:
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        dst_k: codes of the keys, as bytes or in their format; written in place, e4m3 or uint8 [TK, layout_data]
        dst_scale: scales of the keys, as bytes; written in place, uint8 [TK, layout_share]
        block_table: pages of every request in order, int32 [B, NB]
        cu_seq_lens: where rows of requests begin, and the end after the last, int32 [B + 1]
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value. Default
            'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        dst_k, dst_scale: bit-identical to the definition in float64, rounded once.

    Example:
        With cache uint8 [15, 8640], dst_k e4m3 [400, 128], dst_scale uint8 [400, 4], block_table int32 [5, 3],
            cu_seq_lens int32 [6]:

        >>> indexer_k_gather(cache, dst_k, dst_scale, block_table, cu_seq_lens, block_size=64)
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

        logits[m, n] = k_scale[n] sum_h weights[m, h] relu( sum_d q[m, h, d] k[n, d] )   for ks[m] <= n < ke[m], else
            -inf

    In MXFP4 q and k are codes times their scales, and k_scale is no factor of its own. With fill=False the other
    columns are not written: consumers must apply ks and ke. A row of padding, ks >= ke, is -inf throughout. Any
    layout works whose rows are like the indexer's, with 32, 64 or 128 columns.

    Source: DeepSeek-V3.2 and V4, sparse indexer: prefill

    Args:
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [M, H, layout_data]
        k: codes of the keys, in their format or as bytes, e4m3 or uint8 [N, layout_data]
        weights: weights of the heads, f32 or bf16 [M, H]
        ks: first key that every query sees, int32 [M]
        ke: the key after the last one, int32 [M]
        k_scale: scales of the keys, f32 or e8m0; shape by layout:
            e4m3  [N] or [N, 1]
            e2m1  [N, layout_scales]
        q_scale: scales of the queries, one per 32 columns, optional, e8m0; shape by layout:
            e4m3  none
            e2m1  [M, H, layout_scales]
        layout: how rows are quantised. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value. Default
            'indexer_fp8'.
        fill: whether columns that a row does not see become -inf; else they keep what they hold. Default True.
        logits_dtype: format of the logits, which are summed up in float32. One of f32, bf16. Default 'f32'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write logits into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        logits: scores; -inf where a query sees no key, format of logits_dtype [M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        logits: relative rounding error 2**-24 (f32), 2**-8 (bf16); before it at most (H + 128 + 6) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With q e4m3 [33, 64, 128], k e4m3 [300, 128], weights f32 [33, 64], ks int32 [33], ke int32 [33], k_scale f32
            [300]:

        >>> logits = mqa_logits(q, k, weights, ks, ke, k_scale)

        gives logits f32 [33, 300].
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

        row i = b n + j, column c: key c of request b, in page block_tables[b, c // rows], at c % rows
        visible for c < context_lens[b, j] with a length per query, for c < context_lens[b] - n + j + 1 with one per
            request

    Invisible columns, and keys whose page lies outside the cache, are -inf; with fill=False columns past the limit
    are not written. All n queries of a request share one read of its keys. A request of padding, length 0, is -inf
    throughout. Layouts as in `mqa_logits`, pages of any number of rows.

    Source: DeepSeek-V3.2 and V4, sparse indexer: decode

    Args:
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [B, QUERIES, H, layout_data]
        cache: pages of the layout, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        weights: weights of the heads, f32 or bf16 [B * QUERIES, H]
        context_lens: keys that queries see, int32; shape by lens:
            query    [B, QUERIES]
            request  [B]
        block_tables: pages of every request in order, int32 [B, NB]
        q_scale: scales of the queries, one per 32 columns, optional, e8m0; shape by layout:
            e4m3  none
            e2m1  [B, QUERIES, H, layout_scales]
        max_model_len: columns of the result: keys of the longest request. Required.
        layout: how rows are quantised. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value. Default
            'indexer_fp8'.
        block_size: rows of a page. Default None.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and each
            query before it one less. One of 'query', 'request'. Default 'query'.
        fill: whether columns that a row does not see become -inf; else they keep what they hold. Default True.
        logits_dtype: format of the logits, which are summed up in float32. One of f32, bf16. Default 'f32'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write logits into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        logits: scores; -inf where a query sees no key, format of logits_dtype [B * QUERIES, max_model_len]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        logits: relative rounding error 2**-24 (f32), 2**-8 (bf16); before it at most (H + 128 + 6) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With q e4m3 [2, 1, 64, 128], cache uint8 [6, 8640], weights f32 [2, 64], context_lens int32 [2, 1],
            block_tables int32 [2, 3]:

        >>> logits = paged_mqa_logits(q, cache, weights, context_lens, block_tables, max_model_len=200, block_size=64)

        gives logits f32 [2, 200].
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

        topk_rows          row m looks at columns row_starts[m] <= c < row_ends[m]
        topk_rows_decode   row i = b n + j looks at columns below seq_lens[b, j], or below seq_lens[b] - n + j + 1

    Results are counted from the row's first column and ascend; followed by -1 where a row has fewer than k. Of equal
    logits the first ones are taken (0 and -0 are equal). Columns outside of a row's range are not read, and a row of
    padding, which has none, is -1 throughout. Any row stride; rows of up to 2^20 columns, k up to 4096. NaN is ranked
    by its sign bit: larger than every number, inf included, or with the sign smaller than every number, -inf
    included, so that a NaN is chosen rather than overlooked.

    Source: DeepSeek-V3.2 and V4, sparse indexer

    Args:
        logits: logits; NaN is ranked by its sign bit, above every number or below, f32 [R, W]
        row_starts: first column that every row looks at, int32 [R]
        row_ends: the column after the last, int32 [R]
        topk: columns chosen per row. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        indices: columns of the largest logits, ascending; -1 after the last, so throughout in a row without columns,
            int32 [R, topk]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [7, 3000], row_starts int32 [7], row_ends int32 [7]:

        >>> indices = topk_rows(logits, row_starts, row_ends, topk=512)

        gives indices int32 [7, 512].
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

        topk_rows          row m looks at columns row_starts[m] <= c < row_ends[m]
        topk_rows_decode   row i = b n + j looks at columns below seq_lens[b, j], or below seq_lens[b] - n + j + 1

    Results are counted from the row's first column and ascend; followed by -1 where a row has fewer than k. Of equal
    logits the first ones are taken (0 and -0 are equal). Columns outside of a row's range are not read, and a row of
    padding, which has none, is -1 throughout. Any row stride; rows of up to 2^20 columns, k up to 4096. NaN is ranked
    by its sign bit: larger than every number, inf included, or with the sign smaller than every number, -inf
    included, so that a NaN is chosen rather than overlooked.

    Source: DeepSeek-V3.2 and V4, sparse indexer

    Args:
        logits: logits; NaN is ranked by its sign bit, above every number or below, f32 [R, W]
        seq_lens: columns that rows look at, int32; shape by lens:
            query    [B, next_n]
            request  [B]
        topk: columns chosen per row. Required.
        next_n: queries of a request. Default 1.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and each
            query before it one less. One of 'query', 'request'. Default 'query'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write indices into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        indices: columns of the largest logits, ascending; -1 after the last, so throughout in a row without columns,
            int32 [R, topk]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        indices: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [5, 700], seq_lens int32 [5, 1]:

        >>> indices = topk_rows_decode(logits, seq_lens, topk=128)

        gives indices int32 [5, 128].
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

    Tokens come in the order of a step: decode requests (next_n tokens each), then prefill requests, then padding.

        cache[slot_mapping[t]]  = encode(k[t])                                          where k is passed
        topk_indices[t]         = top-k of paged_mqa_logits                             decode tokens
        topk_indices[t]         = top-k of mqa_logits over the gathered keys            prefill tokens
        topk_indices[t]         = -1                                                    padding

    Either part may be left out. A row counts keys from its request's first one; results ascend. Rows of the buffer
    past the last token are unchanged. Logits exist for as many rows at a time as `logits_bytes` has room for, and for
    no row that sees no more keys than are chosen.

    Source: DeepSeek-V3.2 and V4, sparse attention indexer

    Args:
        topk_indices: keys chosen for every token, ascending; -1 after the last; written in place, int32 [BUF, topk]
        cache: pages of keys; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        q: codes of the queries, in their format or as bytes, e4m3 or uint8 [T, H, layout_data]
        weights: weights of the heads, f32 or bf16 [T, H]
        context_lens: keys that decode tokens see, optional, int32; shape by lens:
            query    [B, next_n]
            request  [B]
        block_tables: pages of every decode request in order, optional, int32 [B, NB]
        ks: first gathered key that every prefill token sees, optional, int32 [M]
        ke: the gathered key after the last, optional, int32 [M]
        block_table: pages of every prefill request in order, optional, int32 [PB, PNB]
        cu_seq_lens: where gathered rows of prefill requests begin, and the end after the last, optional, int32
            [STARTS]
        k: keys to insert, rotated, optional, bf16 or f16 or f32 [T, D]
        slot_mapping: slot = page * rows + row of every row; negative to skip it, optional, int32 or int64 [TS]
        q_scale: scales of the queries, one per 32 columns, optional, e8m0; shape by layout:
            e4m3  none
            e2m1  [T, H, layout_scales]
        topk: keys chosen per token. Required.
        next_n: queries of a request. Default 1.
        lens: "query": every query has a length; "request": a request has one, which its last query sees, and each
            query before it one less. One of 'query', 'request'. Default 'query'.
        max_model_len: keys of the longest decode request. Default 0.
        gathered_rows: keys of all prefill requests together, or more. Default 0.
        logits_bytes: bytes that logits may take at a time; one row, or request, takes what it takes. Default
            536870912.
        layout: what lies in a page. One of indexer_fp8, indexer_fp8_plain, indexer_mxfp4 or a Paged value. Default
            'indexer_fp8'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        topk_indices, cache: bit-identical to the definition in float64, rounded once.

    Example:
        With topk_indices int32 [8, 16], cache uint8 [21, 2304], q e4m3 [6, 64, 128], weights f32 [6, 64],
            context_lens int32 [3, 1], block_tables int32 [3, 7], k bf16 [6, 128], slot_mapping int32 [6]:

        >>> sparse_attn_indexer(topk_indices, cache, q, weights, context_lens, block_tables, k=k,
        ...     slot_mapping=slot_mapping, topk=16, max_model_len=100, block_size=16)
    """

def rms_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    *,
    eps: float = 1e-06,
    style: Literal["once", "twice", "gemma"] = "once",
    variance_size: int = 0,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows divided by their root mean square and multiplied by a weight.

        s = x, or with a residual: s = x + residual, rounded to the format of x and stored in residual
        r = 1 / sqrt(mean(s^2) + eps)
        once:   y = s r w                           the product in float32, one rounding
        twice:  y = round(s r) w                    s r is rounded to the format of x first, as in Hugging Face's
            Llama
        gemma:  y = s r (1 + w)

    The mean is over the first `variance_size` elements, or all where that is 0. Without a weight y = s r. A row of
    zeros gives zeros; a NaN or an infinity makes NaN of its own row, and of no other. The result of a row does not
    depend on the number of rows.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019)

    Args:
        x: rows; heads are rows too: [T, H, D], bf16 or f16 or f32 [..M, N]
        weight: factor of every column, optional, bf16 or f16 or f32 [N]
        residual: added to x before the norm; holds the rounded sum afterwards; written in place, optional, format of
            x [..M, N]
        eps: added to the mean square. Default 1e-06.
        style: how the weight is applied. One of 'once', 'twice', 'gemma'. Default 'once'.
        variance_size: elements in the mean, 0 for all. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: normalised rows, format of x [..M, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        residual: bit-identical to the definition in float64, rounded once.
        y: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most ((N + 1) // 2 + 12) *
            2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8
            operands).

    Example:
        With x bf16 [5, 576], weight bf16 [576]:

        >>> y = rms_norm(x, weight)

        gives y bf16 [5, 576].
    """

def rms_norm_quant(
    x: torch.Tensor,
    weight: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    scale_ub: torch.Tensor | None = None,
    *,
    eps: float = 1e-06,
    style: Literal["once", "twice", "gemma"] = "once",
    variance_size: int = 0,
    group: Literal[0, 32, 64, 128] = 128,
    scale_format: _Format = "f32",
    ue8m0: bool = False,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of normalised rows, with one scale per group or per row.

        s = x, or with a residual: s = x + residual, rounded to the format of x and stored in residual
        r = 1 / sqrt(mean(s^2) + eps)
        once:   y = s r w                           the product in float32, one rounding
        twice:  y = round(s r) w                    s r is rounded to the format of x first, as in Hugging Face's
            Llama
        gemma:  y = s r (1 + w)

    The mean is over the first `variance_size` elements, or all where that is 0. Without a weight y = s r. A row of
    zeros gives zeros; a NaN or an infinity makes NaN of its own row, and of no other. The result of a row does not
    depend on the number of rows.

    y is rounded to the format of x, and quantised:

        amax  = max(|y| of the group, floor)        limited to scale_ub where it is passed
        scale = amax * fl(1 / 448)                  fl: rounded to float32; rounded up to a power of two under ue8m0
        q     = round_half_even(y / scale)          to e4m3, saturating at 448

    The floor of groups is 1e-10, of rows (group = 0) 1 / 512. Codes and scales have the bytes that `rms_norm`
    followed by `per_token_group_quant_fp8`, or by `per_token_quant_fp8`, gives. A NaN makes the scale of its group
    NaN.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019); DeepSeek-V3 technical report, section 3.3

    Args:
        x: rows; heads are rows too: [T, H, D], bf16 or f16 or f32 [..M, N]
        weight: factor of every column, optional, bf16 or f16 or f32 [N]
        residual: added to x before the norm; holds the rounded sum afterwards; written in place, optional, format of
            x [..M, N]
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it saturates,
            optional, f32 [] or [1]
        eps: added to the mean square. Default 1e-06.
        style: how the weight is applied. One of 'once', 'twice', 'gemma'. Default 'once'.
        variance_size: elements in the mean, 0 for all. Default 0.
        group: elements per scale, 0 for one scale per row. One of 0, 32, 64, 128. Default 128.
        scale_format: format of the scales; e8m0 implies ue8m0. One of f32, e8m0. Default 'f32'.
        ue8m0: round scales up to powers of two. Default False.
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, e4m3 [..M, N]
        scale: scale of every group, format of scale_format; shape by scale_layout:
            row         [..M, N // (group + ((group == 0) * N))]
            column      [N // (group + ((group == 0) * N)), M]
            column_tma  [N // (group + ((group == 0) * N)), ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        residual: bit-identical to the definition in float64, rounded once.
        q, scale: e = (((N + 1) // 2 + 12) u_acc + t_acc) sum|terms|; |q scale - exact| <= scale (h + d), h half a
            step of the codes, d = e / scale; scale between the scales of amax - e and amax + e.

    Example:
        With x bf16 [5, 384], weight bf16 [384]:

        >>> q, scale = rms_norm_quant(x, weight)

        gives q e4m3 [5, 384], scale f32 [5, 3].
    """

def save_partial_states(
    kv: torch.Tensor,
    score: torch.Tensor,
    ape: torch.Tensor,
    positions: torch.Tensor,
    state_cache: torch.Tensor,
    slot_mapping: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
) -> None:
    """Keys and scores of a step's tokens, into the state that windows are compressed from.

        state_cache[page, row, :W] = kv[t]
        state_cache[page, row, W:] = score[t] + ape[positions[t] mod R]        slot_mapping[t] = page * rows + row

    One float32 addition, and one rounding where the state is bfloat16. Tokens whose slot is negative or past the last
    page, or whose position is negative, are skipped; no other element changes.

    Source: DeepSeek-V4, KV compressor

    Args:
        kv: keys, f32 [T, W]
        score: scores, f32 [T, W]
        ape: bias of the scores, by position in the window, f32 [R, W]
        positions: position of every token in its request, int32 or int64 [T]
        state_cache: keys, then scores with their bias, of every token; pages may lie further apart than they are
            long; written in place, f32 or bf16 [STATE_PAGES, STATE_ROWS, W * 2]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        state_cache: bit-identical to the definition in float64, rounded once.

    Example:
        With kv f32 [13, 256], score f32 [13, 256], ape f32 [4, 256], positions int32 [13], state_cache f32 [4, 4,
            512], slot_mapping int32 [13]:

        >>> save_partial_states(kv, score, ape, positions, state_cache, slot_mapping)
    """

def compress_norm_rope(
    state_cache: torch.Tensor,
    positions: torch.Tensor,
    token_to_req: torch.Tensor,
    block_table: torch.Tensor,
    slot_mapping: torch.Tensor,
    norm_weight: torch.Tensor,
    cos_sin: torch.Tensor,
    *,
    ratio: int,
    overlap: bool = False,
    eps: float = 1e-06,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Windows of tokens compressed to rows, normalised and rotated.

    For every token t that ends a window, with pos = positions[t], (pos + 1) mod ratio = 0 and slot_mapping[t] >= 0:

        n     = 2 ratio with overlap, else ratio                      tokens at pos - n + 1 .. pos, without negative
            ones
        a     = softmax of their scores, column by column
        c[d]  = sum_i a[i, d] kv[i, d]
        y     = c / sqrt(mean(c^2) + eps) norm_weight
        rows[t] = y, with its last columns, as many as the table has, rotated by the angle of position pos - ratio + 1

    and zeros for any other token. Keys and scores are those that save_partial_states wrote: the token at position i
    has its row i mod R of page block_table[token_to_req[t], i / R], R the rows of a page, keys in its first half,
    scores in its second. With overlap each half is 2 D columns wide, of which the first D count for tokens of the
    window before, the last D for tokens of this window. A token whose request or page does not exist counts as none;
    without any, c is 0.

    Everything is float32 and rounded once, to bfloat16. Pairs are interleaved: e' = e cos - o sin, o' = e sin + o
    cos. A row whose position is outside the table is not rotated.

    Rows go to the cache by `quantize_and_insert_k` (D = 512) or `indexer_k_insert` (D = 128) with the same
    slot_mapping, which `compressed_slot_mapping` makes; `compress_norm_rope_insert` does both.

    Source: DeepSeek-V4, KV compressor

    Args:
        state_cache: keys, then scores with their bias, of every token; pages may lie further apart than they are
            long, f32 or bf16 [STATE_PAGES, STATE_ROWS, (D * (overlap + 1)) * 2]
        positions: position of every token in its request, int32 or int64 [T]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        norm_weight: factor of every column, bf16 or f32 [D]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        ratio: tokens of a window. Required.
        overlap: compress every window together with the one before it. Default False.
        eps: added to the mean square. Default 1e-06.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write rows into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        rows: compressed rows; zeros for tokens that end no window, bf16 [T, D]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        rows: relative rounding error 2**-8 (bf16); before it at most (D + 256 + 24) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even
            where all sums are exact.

    Example:
        With state_cache f32 [9, 4, 2048], positions int32 [17], token_to_req int32 [17], block_table int32 [1, 9],
            slot_mapping int32 [17], norm_weight bf16 [512], cos_sin f32 [600, 64]:

        >>> rows = compress_norm_rope(state_cache, positions, token_to_req, block_table, slot_mapping, norm_weight,
        ...     cos_sin, ratio=4, overlap=True)

        gives rows bf16 [17, 512].
    """

def compress_norm_rope_insert(
    state_cache: torch.Tensor,
    positions: torch.Tensor,
    token_to_req: torch.Tensor,
    block_table: torch.Tensor,
    slot_mapping: torch.Tensor,
    norm_weight: torch.Tensor,
    cos_sin: torch.Tensor,
    cache: torch.Tensor,
    *,
    ratio: int,
    overlap: bool = False,
    eps: float = 1e-06,
    layout: Paged | Literal["v4", "indexer_fp8", "indexer_mxfp4"] = "v4",
    block_size: int | None = None,
    implementation: _Implementation | None = None,
) -> None:
    """Windows of tokens compressed to rows, normalised, rotated, quantised and written into their slots.

        cache[slot_mapping[t]] = encode(row of t)      for every token t that ends a window and has a slot in the
            cache

    The row of t is that of `compress_norm_rope`, rounded to bfloat16, and encode is that of `quantize_and_insert_k`
    (pages of keys, D = 512) and `indexer_k_insert` (pages of the indexer, D = 128): the same bytes as the two
    operations give one after the other, without rows in memory between them. Slots that are negative or past the last
    page are skipped; no other byte of the cache changes.

    A row near a tie of its rounding to bfloat16 may be either neighbour, and so may the codes of its group.

    Source: DeepSeek-V4, KV compressor; layouts as in FlashMLA

    Args:
        state_cache: keys, then scores with their bias, of every token; pages may lie further apart than they are
            long, f32 or bf16 [STATE_PAGES, STATE_ROWS, (D * (overlap + 1)) * 2]
        positions: position of every token in its request, int32 or int64 [T]
        token_to_req: request of every token; outside the block table: none, int32 [T]
        block_table: pages of every request in order; negative: none, int32 [B, NB]
        slot_mapping: cache slot of every token; negative: a token of padding, int32 or int64 [T]
        norm_weight: factor of every column, bf16 or f32 [D]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        cache: pages of the layout; written in place, uint8 [PAGES, PAGE_BYTES] or [PAGES, ROWS, bytes of a row]
        ratio: tokens of a window. Required.
        overlap: compress every window together with the one before it. Default False.
        eps: added to the mean square. Default 1e-06.
        layout: what lies in a page. One of v4, indexer_fp8, indexer_mxfp4 or a Paged value. Default 'v4'.
        block_size: rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row].
            Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        cache: relative rounding error , absolute 1/2 (uint8); before it at most (D + 256 + 24) * 2**-24 of the sum of
            the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even
            where all sums are exact.

    Example:
        With state_cache f32 [9, 4, 2048], positions int32 [17], token_to_req int32 [17], block_table int32 [1, 9],
            slot_mapping int32 [17], norm_weight bf16 [512], cos_sin f32 [600, 64], cache uint8 [2, 5184]:

        >>> compress_norm_rope_insert(state_cache, positions, token_to_req, block_table, slot_mapping, norm_weight,
        ...     cos_sin, cache, ratio=4, overlap=True, block_size=8)
    """

def inv_rope_fp8_quant(
    o: torch.Tensor,
    positions: torch.Tensor,
    cos_sin: torch.Tensor,
    *,
    n_groups: int,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention output rotated back and quantised, in the order of a grouped projection.

        y[t, h]  = the last columns of o[t, h], as many as the table has, rotated by minus the angle of positions[t]
        s        = 2^ceil(log2(max(amax, 1e-10) / 448))          amax: largest magnitude of 128 columns
        q[g, t]  = e4m3(y / s) of the heads of group g, one after the other

    Pairs are interleaved: e' = e c + o s, o' = o c - e s. Everything is float32, and nothing is rounded before it is
    quantised. Rows with a position outside the table are not rotated. `fp8_bmm` takes q and scale as they are; for
    products that read scales token by token, `tma_aligned_scales` reorders them. For a product of bfloat16 (`bmm`) o
    is rotated in place by rotary_embedding(positions, o, None, cos_sin, neox=False, inverse=True, offset=512 -
    columns of the table).

    Source: DeepSeek-V4, output projection

    Args:
        o: output of the heads, bf16 [T, H, 512]
        positions: position of every token in its request, int32 or int64 [T]
        cos_sin: cosines, then sines, f32 or bf16 [POSITIONS, ROPE]
        n_groups: groups of consecutive heads. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; the last dimension is contiguous, other strides are free. Refused where
            it begins at the address of an argument.

    Returns:
        q: codes of the heads of every group, e4m3 [n_groups, T, (H // n_groups) * 512]
        scale: one scale per 128 columns, a power of two, f32 [n_groups, T, (H // n_groups) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: e = ((0 + 3) u_acc + t_acc) sum|terms|; |q scale - exact| <= scale (h + d), h half a step of the
            codes, d = e / scale; scale between the scales of amax - e and amax + e.

    Example:
        With o bf16 [4, 8, 512], positions int32 [4], cos_sin f32 [97, 64]:

        >>> q, scale = inv_rope_fp8_quant(o, positions, cos_sin, n_groups=2)

        gives q e4m3 [2, 4, 2048], scale f32 [2, 4, 16].
    """

def tma_aligned_scales(
    scale: torch.Tensor,
    *,
    out_dtype: _Format = "f32",
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scales token by token, padded, and packed as ue8m0 where asked for.

        float32    out[g, s, t] = scale[g, t, s]
        int32      out[g, w, t] = sum over i of 0 .. 3:  byte(scale[g, t, 4 w + i]) 2^(8 i)        ue8m0, the first
            one low

        byte(x) = the exponent bits of x, which are its ue8m0 code where x is a power of two

    Tokens are padded to a multiple of 4, which is 16 bytes, and scales per token to whole words of four: both with
    zeros. DeepGEMM takes the view out.permute(2, 0, 1), [tokens, groups, scales or words].

    Source: DeepGEMM, layouts of scales

    Args:
        scale: scales of every token; powers of two where they are packed, f32 [G, T, S]
        out_dtype: float32 scales, or int32 words of ue8m0. One of f32, int32. Default 'f32'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write out into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        out: scales, or words of four, of every token in turn, format of out_dtype; shape by out_dtype:
            f32    [G, S, cdiv(T, 4) * 4]
            int32  [G, cdiv(S, 4), cdiv(T, 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        out: bit-identical to the definition in float64, rounded once.

    Example:
        With scale f32 [2, 7, 32]:

        >>> out = tma_aligned_scales(scale, out_dtype="int32")

        gives out int32 [2, 8, 8].
    """

def mhc_post(
    x: torch.Tensor,
    residual: torch.Tensor,
    post: torch.Tensor,
    comb: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """The layer's output and the residual streams mixed into new streams.

        y[t, j, h] = post[t, j] x[t, h] + sum_i comb[t, i, j] residual[t, i, h]

    float32 in this order, rounded once, zeros positive. The sum is over the first index of comb.

    Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4

    Args:
        x: output of the layer, bf16 [..T, H]
        residual: residual streams, bf16 [..T, 4, H]
        post: gates of x, f32 [..T, 4, 1]
        comb: mixing matrix of the streams: row i goes to column j, f32 [..T, 4, 4]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: residual streams, bf16 [..T, 4, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        y: relative rounding error 2**-8 (bf16); before it at most (5 + 2) * 2**-24 of the sum of the absolute values
            that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With x bf16 [5, 200], residual bf16 [5, 4, 200], post f32 [5, 4, 1], comb f32 [5, 4, 4]:

        >>> y = mhc_post(x, residual, post, comb)

        gives y bf16 [5, 4, 200].
    """

def mhc_pre(
    residual: torch.Tensor,
    fn: torch.Tensor,
    scale: torch.Tensor,
    base: torch.Tensor,
    norm_weight: torch.Tensor | None = None,
    *,
    rms_eps: float = 1e-06,
    pre_eps: float = 1e-06,
    sinkhorn_eps: float = 1e-06,
    post_mult: float = 2.0,
    repeat: int = 20,
    norm_eps: float = 1e-06,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gates of the residual streams, and the input of the next layer.

        x    = residual[t] as one row of 4 h columns            rs = 1 / sqrt(mean(x^2) + rms_eps)
        mix  = (x @ fn^T) rs                                    24 columns: 4 pre, 4 post, 16 comb row by row
        pre  = sigmoid(mix_pre scale[0] + base_pre) + pre_eps
        post = post_mult sigmoid(mix_post scale[1] + base_post)
        comb = softmax of the rows of mix_comb scale[2] + base_comb, plus sinkhorn_eps; divided by its column sums
            plus
               sinkhorn_eps; then repeat - 1 times by its row sums and by its column sums, each plus sinkhorn_eps
        layer_input = sum_i pre_i residual[t, i]                and, where norm_weight is passed, y / sqrt(mean(y^2) +
                                                                norm_eps) norm_weight, rounded once

    Everything is float32, but products take fn as a sum of two bfloat16 values, within 2^-17 of it, and are exact
    then. They are added over 256 columns of each stream, and then over these, so that with generated kernels a row
    has the same bits whatever other rows a call has.

    Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4

    Args:
        residual: residual streams, bf16 [..T, 4, H]
        fn: weight of the gates, over all streams of a row, f32 [24, H * 4]
        scale: factor of each kind of gate, f32 [3]
        base: addend of every gate, f32 [24]
        norm_weight: weight of the RMS norm of layer_input; no norm where it is left out, optional, f32 or bf16 [H]
        rms_eps: added to the mean square of a row's streams. Default 1e-06.
        pre_eps: added to the gates of layer_input. Default 1e-06.
        sinkhorn_eps: added to comb once, and to the sums that it is divided by. Default 1e-06.
        post_mult: factor of post. Default 2.0.
        repeat: Sinkhorn iterations. Default 20.
        norm_eps: added to the mean square of layer_input, where norm_weight is passed. Default 1e-06.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (post, comb, layer_input) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        post: gates of the layer's output, f32 [..T, 4, 1]
        comb: mixing matrix of the streams: row i goes to column j, f32 [..T, 4, 4]
        layer_input: input of the layer, bf16 [..T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        post, comb: relative rounding error 2**-24 (f32); before it at most ((10 * min(H, 256)) + (2 * cdiv(H, 256)) +
            160) * 2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for
            FP8 operands); inexact even where all sums are exact.
        layer_input: relative rounding error 2**-8 (bf16); before it at most ((10 * min(H, 256)) + (2 * cdiv(H, 256))
            + 160) * 2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more
            for FP8 operands); inexact even where all sums are exact.

    Example:
        With residual bf16 [35, 4, 72], fn f32 [24, 288], scale f32 [3], base f32 [24]:

        >>> post, comb, layer_input = mhc_pre(residual, fn, scale, base)

        gives post f32 [35, 4, 1], comb f32 [35, 4, 4], layer_input bf16 [35, 72].
    """

def mhc_fused_post_pre(
    x: torch.Tensor,
    residual: torch.Tensor,
    prev_post: torch.Tensor,
    prev_comb: torch.Tensor,
    fn: torch.Tensor,
    scale: torch.Tensor,
    base: torch.Tensor,
    norm_weight: torch.Tensor | None = None,
    *,
    rms_eps: float = 1e-06,
    pre_eps: float = 1e-06,
    sinkhorn_eps: float = 1e-06,
    post_mult: float = 2.0,
    repeat: int = 20,
    norm_eps: float = 1e-06,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """mhc_post of one layer and mhc_pre of the next one, which reads the newest streams while they are cached.

        residual_cur = mhc_post(x, residual, prev_post, prev_comb), rounded to bfloat16
        post, comb, layer_input = mhc_pre(residual_cur, fn, scale, base)

        x    = residual[t] as one row of 4 h columns            rs = 1 / sqrt(mean(x^2) + rms_eps)
        mix  = (x @ fn^T) rs                                    24 columns: 4 pre, 4 post, 16 comb row by row
        pre  = sigmoid(mix_pre scale[0] + base_pre) + pre_eps
        post = post_mult sigmoid(mix_post scale[1] + base_post)
        comb = softmax of the rows of mix_comb scale[2] + base_comb, plus sinkhorn_eps; divided by its column sums
            plus
               sinkhorn_eps; then repeat - 1 times by its row sums and by its column sums, each plus sinkhorn_eps
        layer_input = sum_i pre_i residual[t, i]                and, where norm_weight is passed, y / sqrt(mean(y^2) +
                                                                norm_eps) norm_weight, rounded once

    Everything is float32, but products take fn as a sum of two bfloat16 values, within 2^-17 of it, and are exact
    then. They are added over 256 columns of each stream, and then over these, so that with generated kernels a row
    has the same bits whatever other rows a call has.

    Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4

    Args:
        x: output of the layer before, bf16 [..T, H]
        residual: residual streams, bf16 [..T, 4, H]
        prev_post: post of the layer before, f32 [..T, 4, 1]
        prev_comb: comb of the layer before, f32 [..T, 4, 4]
        fn: weight of the gates, over all streams of a row, f32 [24, H * 4]
        scale: factor of each kind of gate, f32 [3]
        base: addend of every gate, f32 [24]
        norm_weight: weight of the RMS norm of layer_input; no norm where it is left out, optional, f32 or bf16 [H]
        rms_eps: added to the mean square of a row's streams. Default 1e-06.
        pre_eps: added to the gates of layer_input. Default 1e-06.
        sinkhorn_eps: added to comb once, and to the sums that it is divided by. Default 1e-06.
        post_mult: factor of post. Default 2.0.
        repeat: Sinkhorn iterations. Default 20.
        norm_eps: added to the mean square of layer_input, where norm_weight is passed. Default 1e-06.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (residual_cur, post, comb, layer_input) into, None for those to allocate,
            which is then returned: shape, format and device of the result; the last dimension is contiguous, other
            strides are free. Refused where it begins at the address of an argument.

    Returns:
        residual_cur: residual streams, bf16 [..T, 4, H]
        post: gates of the layer's output, f32 [..T, 4, 1]
        comb: mixing matrix of the streams: row i goes to column j, f32 [..T, 4, 4]
        layer_input: input of the layer, bf16 [..T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        residual_cur: relative rounding error 2**-8 (bf16); before it at most (5 + 2) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).
        post, comb: relative rounding error 2**-24 (f32); before it at most ((10 * min(H, 256)) + (2 * cdiv(H, 256)) +
            160) * 2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for
            FP8 operands); inexact even where all sums are exact.
        layer_input: relative rounding error 2**-8 (bf16); before it at most ((10 * min(H, 256)) + (2 * cdiv(H, 256))
            + 160) * 2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more
            for FP8 operands); inexact even where all sums are exact.

    Example:
        With x bf16 [35, 72], residual bf16 [35, 4, 72], prev_post f32 [35, 4, 1], prev_comb f32 [35, 4, 4], fn f32
            [24, 288], scale f32 [3], base f32 [24]:

        >>> residual_cur, post, comb, layer_input = mhc_fused_post_pre(x, residual, prev_post, prev_comb, fn, scale,
        ...     base)

        gives residual_cur bf16 [35, 4, 72], post f32 [35, 4, 1], comb f32 [35, 4, 4], layer_input bf16 [35, 72].
    """

def hc_head(
    residual: torch.Tensor,
    fn: torch.Tensor,
    scale: torch.Tensor,
    base: torch.Tensor,
    *,
    rms_eps: float = 1e-06,
    eps: float = 1e-06,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """The residual streams after the last layer, weighted by their own gates.

        x = residual[t] as one row of 4 h columns               rs = 1 / sqrt(mean(x^2) + rms_eps)
        g = sigmoid((x @ fn^T) rs scale + base) + eps
        y[t] = sum_i g_i residual[t, i]

    Everything is float32, but products take fn as a sum of two bfloat16 values, within 2^-17 of it, and are exact
    then. y is rounded once. With generated kernels a row has the same bits whatever other rows a call has.

    Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4

    Args:
        residual: residual streams, bf16 [..T, 4, H]
        fn: weight of the gates, over all streams of a row, f32 [4, H * 4]
        scale: factor of each kind of gate, f32 [1]
        base: addend of every gate, f32 [4]
        rms_eps: added to the mean square of a row's streams. Default 1e-06.
        eps: added to the gates. Default 1e-06.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: weighted sum, bf16 [..T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        y: relative rounding error 2**-8 (bf16); before it at most ((10 * min(H, 256)) + (2 * cdiv(H, 256)) + 160) *
            2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8
            operands); inexact even where all sums are exact.

    Example:
        With residual bf16 [35, 4, 72], fn f32 [4, 288], scale f32 [1], base f32 [4]:

        >>> y = hc_head(residual, fn, scale, base)

        gives y bf16 [35, 72].
    """

def rotary_embedding(
    positions: torch.Tensor,
    q: torch.Tensor,
    k: torch.Tensor | None = None,
    cos_sin: torch.Tensor | None = None,
    *,
    neox: bool = True,
    offset: int = 0,
    inverse: bool = False,
    implementation: _Implementation | None = None,
) -> None:
    """Heads of queries and keys rotated by their positions, in place.

        (a, b) -> (a cos - b sin, b cos + a sin)            float32, one rounding

    for the pairs (a, b) of the `rot` columns from `offset` on, where rot is the number of columns of the table; neox
    pairs are (x[i], x[i + rot / 2]), the others (x[2 i], x[2 i + 1]). `inverse` rotates by the negative angle. Other
    columns, and heads of tokens with a position outside the table, are not written. Queries and keys may be slices of
    one row.

    Source: Su et al., RoFormer (2021)

    Args:
        positions: position of every token; outside the table: its heads are not rotated, int32 or int64 [T]
        q: queries; written in place, bf16 or f16 or f32 [T, HQ, D]
        k: keys; written in place, optional, format of q [T, HK, D]
        cos_sin: cosines, then sines of every position, as `rope_table` makes them, f32 or bf16 [POSITIONS, ROT]
        neox: pairs (i, i + rot / 2), as in GPT-NeoX; else (2 i, 2 i + 1), as in GPT-J. Default True.
        offset: first column of a head that is rotated. Default 0.
        inverse: rotate by the negative angle. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, k: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (2 + 2) * 2**-24 of
            the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With positions int32 [5], q bf16 [5, 9, 64], k bf16 [5, 3, 64], cos_sin f32 [97, 64]:

        >>> rotary_embedding(positions, q, k, cos_sin)
    """

def act_and_mul(
    x: torch.Tensor,
    *,
    kind: Literal["silu", "mul_and_silu", "gelu", "gelu_tanh", "swigluoai", "swigluoai_uninterleaved", "clamp", "swiglustep", "situ"] = "silu",
    limit: float = 7.0,
    alpha: float = 1.702,
    beta: float = 1.0,
    linear_beta: float = 0.0,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Activation of the gates of every row, times its factors.

    A row x of W columns has the gates g and the factors u, W / 2 of each: the first and the second half, or, in rows
    of `swigluoai`, the even and the odd columns. With s(x) = 1 / (1 + exp(-x)):

        silu                      g s(g) u                                              Llama, Qwen, DeepSeek-V3
        mul_and_silu              g u s(u)
        gelu                      g (1 + erf(g / sqrt 2)) / 2 u                         Gemma
        gelu_tanh                 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) / 2 u   Gemma 2 and 3
        swigluoai                 g' s(alpha g') (u' + beta)                            gpt-oss
        swigluoai_uninterleaved   the same of halves
        clamp                     g' s(g') u'                                           DeepSeek-V4
        swiglustep                min(g s(g), limit) u'                                 Step
        situ                      beta tanh(g / beta) s(g) u''                          Kimi

    g' = min(g, limit), without a lower bound; u' = u clamped to -limit .. limit; neither is where limit is 0. u'' =
    linear_beta tanh(u / linear_beta), or u where linear_beta is 0.

    All steps are float32, with one rounding to the format of x at the end. Gates and factors are finite.

    Source: Shazeer, GLU Variants Improve Transformer (2020)

    Args:
        x: gates, then factors; in turn for the kind swigluoai, bf16 or f16 or f32 [..M, W]
        kind: which activation. One of 'silu', 'mul_and_silu', 'gelu', 'gelu_tanh', 'swigluoai',
            'swigluoai_uninterleaved', 'clamp', 'swiglustep', 'situ'. Default 'silu'.
        limit: bound of gates and factors for swigluoai, clamp (10 in DeepSeek-V4) and swiglustep; 0 for none. Default
            7.0.
        alpha: factor of the gate in the sigmoid of swigluoai. Default 1.702.
        beta: added to the factor in swigluoai; bound of the gate in situ. Default 1.0.
        linear_beta: bound of the factor in situ, 0 for none. Default 0.0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: products, format of x [..M, W // 2]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        y: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most 28 * 2**-24 of the sum
            of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact
            even where all sums are exact.

    Example:
        With x bf16 [5, 144]:

        >>> y = act_and_mul(x)

        gives y bf16 [5, 72].
    """

def act_and_mul_quant(
    x: torch.Tensor,
    scale_ub: torch.Tensor | None = None,
    *,
    kind: Literal["silu", "mul_and_silu", "gelu", "gelu_tanh", "swigluoai", "swigluoai_uninterleaved", "clamp", "swiglustep", "situ"] = "silu",
    limit: float = 7.0,
    alpha: float = 1.702,
    beta: float = 1.0,
    linear_beta: float = 0.0,
    group: Literal[32, 64, 128] = 128,
    scale_format: _Format = "f32",
    ue8m0: bool = False,
    scale_layout: Literal["row", "column", "column_tma"] = "row",
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """FP8 codes of the products of gated activations, with one scale per group.

    A row x of W columns has the gates g and the factors u, W / 2 of each: the first and the second half, or, in rows
    of `swigluoai`, the even and the odd columns. With s(x) = 1 / (1 + exp(-x)):

        silu                      g s(g) u                                              Llama, Qwen, DeepSeek-V3
        mul_and_silu              g u s(u)
        gelu                      g (1 + erf(g / sqrt 2)) / 2 u                         Gemma
        gelu_tanh                 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) / 2 u   Gemma 2 and 3
        swigluoai                 g' s(alpha g') (u' + beta)                            gpt-oss
        swigluoai_uninterleaved   the same of halves
        clamp                     g' s(g') u'                                           DeepSeek-V4
        swiglustep                min(g s(g), limit) u'                                 Step
        situ                      beta tanh(g / beta) s(g) u''                          Kimi

    g' = min(g, limit), without a lower bound; u' = u clamped to -limit .. limit; neither is where limit is 0. u'' =
    linear_beta tanh(u / linear_beta), or u where linear_beta is 0.

    All steps are float32; the product y is rounded to the format of x, and quantised:

        amax  = max(|y| of the group, floor)        limited to scale_ub where it is passed
        scale = amax * fl(1 / 448)                  fl: rounded to float32; rounded up to a power of two under ue8m0
        q     = round_half_even(y / scale)          to e4m3, saturating at 448

    The floor is 1e-10. Codes and scales have the bytes that `act_and_mul` followed by `per_token_group_quant_fp8`
    gives. Gates and factors are finite.

    Source: Shazeer, GLU Variants Improve Transformer (2020); DeepSeek-V3 technical report, section 3.3

    Args:
        x: gates, then factors; in turn for the kind swigluoai, bf16 or f16 or f32 [..M, W]
        scale_ub: upper bound of the largest magnitude that a scale is computed from; what lies beyond it saturates,
            optional, f32 [] or [1]
        kind: which activation. One of 'silu', 'mul_and_silu', 'gelu', 'gelu_tanh', 'swigluoai',
            'swigluoai_uninterleaved', 'clamp', 'swiglustep', 'situ'. Default 'silu'.
        limit: bound of gates and factors for swigluoai, clamp (10 in DeepSeek-V4) and swiglustep; 0 for none. Default
            7.0.
        alpha: factor of the gate in the sigmoid of swigluoai. Default 1.702.
        beta: added to the factor in swigluoai; bound of the gate in situ. Default 1.0.
        linear_beta: bound of the factor in situ, 0 for none. Default 0.0.
        group: elements per scale. One of 32, 64, 128. Default 128.
        scale_format: format of the scales; e8m0 implies ue8m0. One of f32, e8m0. Default 'f32'.
        ue8m0: round scales up to powers of two. Default False.
        scale_layout: order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one;
            column_tma pads M to a multiple of 4 with zeros. Products take the transposed view. One of 'row',
            'column', 'column_tma'. Default 'row'.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (q, scale) into, None for those to allocate, which is then returned: shape,
            format and device of the result; q: the last dimension is contiguous; scale: any strides, other strides
            are free. Refused where it begins at the address of an argument.

    Returns:
        q: codes, e4m3 [..M, W // 2]
        scale: scale of every group, format of scale_format; shape by scale_layout:
            row         [..M, (W // 2) // group]
            column      [(W // 2) // group, M]
            column_tma  [(W // 2) // group, ((M + 3) // 4) * 4]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        q, scale: e = ((0 + 28) u_acc + t_acc) sum|terms|; |q scale - exact| <= scale (h + d), h half a step of the
            codes, d = e / scale; scale between the scales of amax - e and amax + e.

    Example:
        With x bf16 [5, 768]:

        >>> q, scale = act_and_mul_quant(x)

        gives q e4m3 [5, 384], scale f32 [5, 3].
    """

def qk_norm_rope(
    qkv: torch.Tensor,
    q_weight: torch.Tensor,
    k_weight: torch.Tensor,
    positions: torch.Tensor,
    cos_sin: torch.Tensor,
    *,
    num_q_heads: int,
    num_k_heads: int,
    eps: float = 1e-06,
    style: Literal["once", "twice", "gemma"] = "once",
    neox: bool = True,
    offset: int = 0,
    inverse: bool = False,
    round_between: bool = False,
    implementation: _Implementation | None = None,
) -> None:
    """Queries and keys of packed rows normalised head by head and rotated, in place.

        n = rms_norm(head, weight of queries or keys)          as the operation `rms_norm` in this style
        head = rope(n, position)                               as the operation `rotary_embedding`

    for the first num_q_heads + num_k_heads heads of every row [q heads | k heads | v heads]; values are not touched.
    All of it is float32 with one rounding at the end; with `round_between` n is rounded to the format of the row
    first, which gives the bytes of the two operations one after the other. Rows with a position outside the table are
    unchanged.

    Source: Qwen3 technical report (2025); Su et al., RoFormer (2021)

    Args:
        qkv: rows of heads: queries, keys, then values; written in place, bf16 or f16 or f32 [T, C]
        q_weight: factor of every column of a query, bf16 or f16 or f32 [D]
        k_weight: factor of every column of a key, bf16 or f16 or f32 [D]
        positions: position of every token; outside the table: its heads are not rotated, int32 or int64 [T]
        cos_sin: cosines, then sines of every position, as `rope_table` makes them, f32 or bf16 [POSITIONS, ROT]
        num_q_heads: query heads of a row. Required.
        num_k_heads: key heads of a row. Required.
        eps: added to the mean square. Default 1e-06.
        style: how the weight is applied. One of 'once', 'twice', 'gemma'. Default 'once'.
        neox: pairs (i, i + rot / 2), as in GPT-NeoX; else (2 i, 2 i + 1), as in GPT-J. Default True.
        offset: first column of a head that is rotated. Default 0.
        inverse: rotate by the negative angle. Default False.
        round_between: round normalised heads before they are rotated, as the two operations one after the other do.
            Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        qkv: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most ((D + 1) // 2 + 16) *
            2**-24 of the sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8
            operands).

    Example:
        With qkv bf16 [5, 512], q_weight bf16 [64], k_weight bf16 [64], positions int32 [5], cos_sin f32 [97, 64]:

        >>> qk_norm_rope(qkv, q_weight, k_weight, positions, cos_sin, num_q_heads=4, num_k_heads=2)
    """

def moe_route(
    logits: torch.Tensor,
    correction_bias: torch.Tensor | None = None,
    tid2eid: torch.Tensor | None = None,
    token_ids: torch.Tensor | None = None,
    is_padding: torch.Tensor | None = None,
    *,
    topk: int,
    score: Literal["softmax", "sigmoid", "sqrtsoftplus"] = "softmax",
    renormalize: bool = True,
    n_group: int = 1,
    topk_group: int = 1,
    routed_scaling_factor: float = 1.0,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Experts of every token and their weights.

        s      = softmax(x) over all experts, or sigmoid(x), or sqrt(log(1 + exp(x)))       (score), x = logits[t]
        c      = s + correction_bias, or x itself without                                   what experts are chosen by
        ids    = the topk largest c, in this order; of equal ones the lowest id
        w      = s[ids];  w /= sum(w), or 1 if that is 0 (renormalize);  weights = w * routed_scaling_factor

    Scores rise with x, so without a bias x decides, and ids are exact. With one, c is float32 to a few roundings:
    experts whose c differ by no more than these may be taken in either order. With n_group > 1 only the topk_group
    best groups of consecutive experts keep their c, the others have -inf: a group is as good as the sum of its two
    largest c (with bias) or its largest (without), and of equal groups the first ones are kept. The bias is no part
    of the weights.

    With tid2eid the table of the token's id holds the ids, in its order; the weights are those above. An id out of
    the table's range gives a row of padding, an entry that is no expert -1 and weight 0. A NaN logit counts as -inf,
    +inf as the largest number. Rows of padding have ids -1 and weights 0. Softmax over the chosen logits alone is
    score softmax renormalised.

    Source: DeepSeek-V3 technical report, section 2.1.2; Mixtral, gpt-oss, DeepSeek-V4

    Args:
        logits: router logits; NaN counts as -inf, f32 [T, E]
        correction_bias: added to scores to choose, optional, f32 [E]
        tid2eid: experts of every token id (hash layers), optional, int32 [V, topk]
        token_ids: every row's token, by which the table is read, optional, int32 or int64 [T]
        is_padding: rows that have no expert, optional, bool [T]
        topk: experts per token. Required.
        score: how logits become scores. One of 'softmax', 'sigmoid', 'sqrtsoftplus'. Default 'softmax'.
        renormalize: divide the weights by their sum. Default True.
        n_group: groups of consecutive experts. Default 1.
        topk_group: groups that experts are chosen from. Default 1.
        routed_scaling_factor: factor of all weights, applied last. Default 1.0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (weights, ids) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        weights: weights; 0 where there is no expert, f32 [T, topk]
        ids: experts, best first; -1: none, int32 [T, topk]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        weights: relative rounding error 2**-24 (f32); before it at most (E + 24) * 2**-24 of the sum of the absolute
            values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all
            sums are exact.
        ids: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [5, 8]:

        >>> weights, ids = moe_route(logits, topk=2)

        gives weights f32 [5, 2], ids int32 [5, 2].
    """

def moe_permute(
    ids: torch.Tensor,
    expert_map: torch.Tensor | None = None,
    *,
    num_experts: int,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pairs of tokens and experts, sorted by expert.

        pair p = t K + j has expert e(p) = ids[t, j], or expert_map[ids[t, j]] under expert parallelism
        order     = pairs in the order of (e(p), p)
        offsets   = first row of every expert in this order; offsets[num_experts]: rows in all
        inverse   = row of pair (t, j)

    The sort is stable. Pairs whose id, or whose entry of expert_map, is negative or none of the experts are dropped:
    their inverse is -1, and `order` ends in as many -1. Every other pair is kept, whatever the number of pairs of an
    expert.

    Source: MegaBlocks (Gale et al., 2022), dropless mixture of experts

    Args:
        ids: experts of every token; negative: none, as of a token of padding, int32 or int64 [T, K]
        expert_map: local expert of every expert of all devices; negative: another device's, optional, int32 [GLOBAL]
        num_experts: experts on this device. Required.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (order, offsets, inverse) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        order: pair t * K + j of every permuted row, experts ascending; -1 after the last, int32 [T * K]
        offsets: first permuted row of every expert, and the end after the last, int32 [num_experts + 1]
        inverse: permuted row of every pair; -1 of those that are dropped, int32 [T, K]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        order, offsets, inverse: bit-identical to the definition in float64, rounded once.

    Example:
        With ids int32 [5, 6]:

        >>> order, offsets, inverse = moe_permute(ids, num_experts=384)

        gives order int32 [30], offsets int32 [385], inverse int32 [5, 6].
    """

def grouped_gemm(
    a: torch.Tensor,
    b: torch.Tensor,
    offsets: torch.Tensor,
    order: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Products of the rows of experts with the experts' unquantised weights.

        C[r, n] = sum_k A[s(r), k] B[e(r)][k, n] + bias[e(r), n]      s(r) = order[r] // topk, or r without an order

    Expert e has the rows offsets[e] <= r < offsets[e + 1], the first one those from 0 on; it may have none. Rows
    after the last expert's are zeros. Sums and the bias are float32, and C is rounded once. Entries of the order out
    of range read the first or the last row of A. With invariant=True a row of C has the same bits whatever the other
    rows.

    Source: MegaBlocks (Gale et al., 2022), dropless mixture of experts

    Args:
        a: activations, bf16 or f16 [TA, K]
        b: weights of experts, format of a [E, K, N] (last two swapped at weight_order="nk")
        offsets: first row of every expert, and the end after the last, as moe_permute gives them, int32 [E + 1]
        order: pair of every row, of which row order[r] // topk of a is read, optional, int32 [ENTRIES]
        bias: addend of every expert, optional, f32 or bf16 or f16 [E, N]
        weight_order: "kn": the weight is passed as [K, N]; "nk": as [N, K], the usual checkpoint order. One of 'kn',
            'nk'. Default 'kn'.
        topk: entries of the order per row of a: experts per token. Default 1.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        c: results; zeros in rows of no expert, format of a [R, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16); before it at most (K + 2) * 2**-24 of the sum of the
            absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [5, 96], b bf16 [12, 72, 96], offsets int32 [13], order int32 [30]:

        >>> c = grouped_gemm(a, b, offsets, order, weight_order="nk", topk=6)

        gives c bf16 [30, 72].
    """

@overload
def grouped_gemm_fp8(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
    b_scale: torch.Tensor,
    offsets: torch.Tensor,
    order: torch.Tensor | None = None,
    a_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    scale_mode: Literal["block", "mx"] = "block",
    group: Literal[64, 128] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Products of the rows of experts with the experts' FP8 weights.

        C[r, n] = sum_k A[s(r), k] sa(s(r), k) B[e(r)][k, n] sb(e(r), k, n) + bias[e(r), n]

    s(r) is order[r] // topk, or r without an order. Expert e has the rows offsets[e] <= r < offsets[e + 1], the first
    one those from 0 on; it may have none. Rows after the last expert's are zeros. Scales are one per `group` of k,
    and for b also per `group` of n (scale_mode block), or one per 32 k (mx); 16-bit activations have none. Products
    are exact, sums are float32 in any order, scales and bias are applied in float32, and C is rounded once. Entries
    of the order out of range read the first or the last row of A. With invariant=True a row of C has the same bits
    whatever the other rows.

    Source: DeepSeek-V3 technical report, section 3.3 (1x128 by 128x128 scaling); OCP MX 1.0 for mode mx

    Args:
        a: activations, e4m3 or e5m2 or bf16 or f16 [TA, K]
        b: weights of experts, e4m3 or e5m2 [E, K, N] (last two swapped at weight_order="nk")
        b_scale: scales of b, in the order of the weight, f32 or e8m0; shape by scale_mode (last two swapped at
            weight_order="nk"):
            block  [E, cdiv(K, group), cdiv(N, group)]
            mx     [E, K // 32, N]
        offsets: first row of every expert, and the end after the last, as moe_permute gives them, int32 [E + 1]
        order: pair of every row, of which row order[r] // topk of a is read, optional, int32 [ENTRIES]
        a_scale: scales of FP8 activations, optional, f32 or e8m0; shape by scale_mode:
            block  [TA, cdiv(K, group)]
            mx     [TA, K // 32]
        bias: addend of every expert, optional, f32 or bf16 or f16 [E, N]
        scale_mode: what a scale covers. One of 'block', 'mx'. Default 'block'.
        group: edge of the square weight blocks. One of 64, 128. Default 128.
        weight_order: "kn": the weight, and its scales, are passed as [K, N]; "nk": as [N, K], the usual checkpoint
            order. One of 'kn', 'nk'. Default 'kn'.
        topk: entries of the order per row of a: experts per token. Default 1.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: results; zeros in rows of no expert, format of out_dtype [R, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a e4m3 [5, 256], b e4m3 [12, 160, 256], b_scale f32 [12, 2, 2], offsets int32 [13], order int32 [30],
            a_scale f32 [5, 2]:

        >>> c = grouped_gemm_fp8(a, b, b_scale, offsets, order, a_scale, weight_order="nk", topk=6)

        gives c bf16 [30, 160].
    """
@overload
def grouped_gemm_fp8(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    b_scale: torch.Tensor | None = ...,
    offsets: torch.Tensor | None = ...,
    order: torch.Tensor | None = ...,
    a_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    scale_mode: Literal["block", "mx"] = "block",
    group: Literal[64, 128] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def grouped_gemm_int4(
    a: torch.Tensor,
    b: torch.Tensor | QuantizedTensor,
    b_scale: torch.Tensor,
    offsets: torch.Tensor,
    order: torch.Tensor | None = None,
    b_zp: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    group_size: Literal[32, 64, 128],
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Products of the rows of experts with the experts' INT4 weights in groups along K.

        C[r, n] = sum_k A[s(r), k] (u[e(r)][k, n] - z[e(r)][k // g, n]) sb[e(r)][k // g, n] + bias[e(r), n]

    s(r) is order[r] // topk, or r without an order. Expert e has the rows offsets[e] <= r < offsets[e + 1], the first
    one those from 0 on; it may have none. Rows after the last expert's are zeros. u, in 0 .. 15, is a nibble of b, g
    the group_size. Sums, scales and bias are float32, and C is rounded once. Entries of the order out of range read
    the first or the last row of A. With invariant=True a row of C has the same bits whatever the other rows.

    Source: GPTQ (Frantar et al., 2022); AWQ (Lin et al., 2023)

    Args:
        a: activations, bf16 or f16 [TA, K]
        b: weights of experts, two k per byte, uint8 [E, K // 2, N] (last two swapped at weight_order="nk")
        b_scale: scales of b, in the order of the weight, bf16 or f16 or f32 [E, K // group_size, N] (last two swapped
            at weight_order="nk")
        offsets: first row of every expert, and the end after the last, as moe_permute gives them, int32 [E + 1]
        order: pair of every row, of which row order[r] // topk of a is read, optional, int32 [ENTRIES]
        b_zp: zero points, two n per byte; 8 everywhere when left out, optional, uint8 [E, K // group_size, N // 2]
            (last two swapped at weight_order="nk")
        bias: addend of every expert, optional, f32 or bf16 or f16 [E, N]
        group_size: k per scale. One of 32, 64, 128. Required.
        weight_order: "kn": the weight, its scales and zero points are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'kn'.
        topk: entries of the order per row of a: experts per token. Default 1.
        out_dtype: format of the result. One of bf16, f16, f32. Default None.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: results; zeros in rows of no expert, format of out_dtype [R, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [5, 256], b uint8 [12, 72, 128], b_scale bf16 [12, 72, 2], offsets int32 [13], order int32 [30]:

        >>> c = grouped_gemm_int4(a, b, b_scale, offsets, order, weight_order="nk", group_size=128, topk=6)

        gives c bf16 [30, 72].
    """
@overload
def grouped_gemm_int4(
    a: torch.Tensor,
    b: QuantizedTensor,
    b_scale: torch.Tensor | None = ...,
    offsets: torch.Tensor | None = ...,
    order: torch.Tensor | None = ...,
    b_zp: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    group_size: Literal[32, 64, 128] = ...,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format | None = None,
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

@overload
def grouped_gemm_mxfp4(
    a: torch.Tensor | QuantizedTensor,
    b: torch.Tensor | QuantizedTensor,
    b_scale: torch.Tensor,
    offsets: torch.Tensor,
    order: torch.Tensor | None = None,
    a_scale: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    a_scale_group: Literal[32, 128] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Products of the rows of experts with the experts' MXFP4 weights.

        C[r, n] = sum_k A[s(r), k] sa(s(r), k) E2M1(B[e(r)][k, n]) 2**(sb[e(r)][k // 32, n] - 127) + bias[e(r), n]

    s(r) is order[r] // topk, or r without an order. Expert e has the rows offsets[e] <= r < offsets[e + 1], the first
    one those from 0 on; it may have none. Rows after the last expert's are zeros. FP8 activations have a scale per
    a_scale_group of k. Sums, scales and bias are float32, and C is rounded once. Entries of the order out of range
    read the first or the last row of A. With invariant=True a row of C has the same bits whatever the other rows.

    Source: OCP Microscaling Formats (MX) 1.0; gpt-oss, DeepSeek-V4

    Args:
        a: activations, bf16 or e4m3 [TA, K]
        b: weights of experts, two k per byte, uint8 [E, K // 2, N] (last two swapped at weight_order="nk")
        b_scale: scales of b, in the order of the weight, e8m0 [E, K // 32, N] (last two swapped at weight_order="nk")
        offsets: first row of every expert, and the end after the last, as moe_permute gives them, int32 [E + 1]
        order: pair of every row, of which row order[r] // topk of a is read, optional, int32 [ENTRIES]
        a_scale: scales of FP8 activations, one per a_scale_group of k, optional, f32 or e8m0 [TA, cdiv(K,
            a_scale_group)]
        bias: addend of every expert, optional, f32 or bf16 or f16 [E, N]
        a_scale_group: k per scale of a. One of 32, 128. Default 128.
        weight_order: "kn": the weight, and its scales, are passed as [K, N]; "nk": as [N, K], the usual checkpoint
            order. One of 'kn', 'nk'. Default 'kn'.
        topk: entries of the order per row of a: experts per token. Default 1.
        out_dtype: format of the result. One of bf16, f16, f32. Default 'bf16'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write c into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    'b' and 'a' may be a `QuantizedTensor`; scales and attributes that come with it are left out.

    Returns:
        c: results; zeros in rows of no expert, format of out_dtype [R, N]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        c: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 8) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With a bf16 [5, 160], b uint8 [12, 72, 80], b_scale e8m0 [12, 72, 5], offsets int32 [13], order int32 [30]:

        >>> c = grouped_gemm_mxfp4(a, b, b_scale, offsets, order, weight_order="nk", topk=6)

        gives c bf16 [30, 72].
    """
@overload
def grouped_gemm_mxfp4(
    a: torch.Tensor | QuantizedTensor,
    b: QuantizedTensor,
    b_scale: torch.Tensor | None = ...,
    offsets: torch.Tensor | None = ...,
    order: torch.Tensor | None = ...,
    a_scale: torch.Tensor | None = ...,
    bias: torch.Tensor | None = ...,
    *,
    a_scale_group: Literal[32, 128] = 128,
    weight_order: Literal["kn", "nk"] = "kn",
    topk: int = 1,
    out_dtype: _Format = "bf16",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...

def moe_combine(
    rows: torch.Tensor,
    inverse: torch.Tensor,
    weights: torch.Tensor | None = None,
    base: torch.Tensor | None = None,
    *,
    out_dtype: _Format | None = None,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Weighted sums of the rows of every token's experts.

        y[t] = base[t] + sum_j weights[t, j] rows[inverse[t, j]]

    Sums are float32 in the order base, j = 0, 1, .. whatever the order of the rows, and y is rounded once. Slots
    whose row is negative, or not there, add nothing, as do their weights; without weights every factor is 1. `base`
    is what a shared expert gives, which all tokens have.

    Source: MegaBlocks (Gale et al., 2022); DeepSeek-V3 technical report, section 2.1.2

    Args:
        rows: results of the experts, a row per pair, bf16 or f16 or f32 [R, H]
        inverse: permuted row of every pair; -1 of those that are dropped, int32 [T, K]
        weights: weight of every slot, optional, f32 [T, K]
        base: added to the sum, optional, bf16 or f16 or f32 [T, H]
        out_dtype: format of the result. One of bf16, f16, f32. Default None.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: sums, format of out_dtype [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        y: relative rounding error 2**-8 (bf16), 2**-11 (f16), 2**-24 (f32); before it at most (K + 2) * 2**-24 of the
            sum of the absolute values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands).

    Example:
        With rows bf16 [30, 200], inverse int32 [5, 6], weights f32 [5, 6]:

        >>> y = moe_combine(rows, inverse, weights)

        gives y bf16 [5, 200].
    """

def fused_moe(
    x: torch.Tensor,
    w13: torch.Tensor,
    w13_scale: torch.Tensor,
    w13_zp: torch.Tensor | None = None,
    w2: torch.Tensor | None = None,
    w2_scale: torch.Tensor | None = None,
    w2_zp: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    ids: torch.Tensor | None = None,
    expert_map: torch.Tensor | None = None,
    w13_bias: torch.Tensor | None = None,
    w2_bias: torch.Tensor | None = None,
    shared: torch.Tensor | None = None,
    *,
    scheme: Literal["dense", "fp8", "mxfp4", "mxfp4_fp8", "int4"] = "dense",
    kind: Literal["silu", "gelu", "gelu_tanh", "swigluoai", "swigluoai_uninterleaved", "clamp"] = "silu",
    limit: float = 7.0,
    alpha: float = 1.702,
    beta: float = 1.0,
    linear_beta: float = 0.0,
    scale_format: _Format = "f32",
    group_size: Literal[32, 64, 128] = 128,
    weight_order: Literal["kn", "nk"] = "nk",
    invariant: bool = False,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """The MLP of the experts of every token, weighted and added up.

        h1 = x w13[e] + w13_bias[e]          a = act(h1)          h2 = a w2[e] + w2_bias[e]
        y[t] = shared[t] + sum_j weights[t, j] h2[t, j]           e = ids[t, j], or expert_map[ids[t, j]]

    h1, a and h2 are rounded to the format of x, with float32 sums; y is summed in float32 in the order of the slots,
    and rounded once. Its steps are the operations moe_permute, grouped_gemm (for every `scheme` its own), act_and_mul
    and moe_combine, with the same bytes. Slots whose id, or whose entry of expert_map, is negative or no expert add
    nothing: with expert parallelism the results of all devices add up, and `shared` is passed to one of them.

        scheme       weights                            activations
        dense        in the format of x                 as they are
        fp8          e4m3, float32 per 128 x 128        e4m3, float32 per 128 (per_token_group_quant_fp8)
        mxfp4        two e2m1 per byte, e8m0 per 32     as they are
        mxfp4_fp8    two e2m1 per byte, e8m0 per 32     e4m3, float32 per 128
        int4         two u4 per byte, per group_size    as they are

    Source: Mixtral, DeepSeek-V3 and V4, gpt-oss; MegaBlocks (Gale et al., 2022)

    Args:
        x: activations, bf16 [T, H]
        w13: gates, then factors, of every expert, or in turn (kind swigluoai), bf16 or e4m3 or uint8; shape by scheme
            (last two swapped at weight_order="nk"):
            dense, fp8              [E, H, W]
            mxfp4, mxfp4_fp8, int4  [E, H // 2, W]
        w13_scale: scales of w13, format of scale_format; shape by scheme (last two swapped at weight_order="nk"):
            dense             none
            fp8               [E, cdiv(H, 128), cdiv(W, 128)]
            mxfp4, mxfp4_fp8  [E, H // 32, W]
            int4              [E, H // group_size, W]
        w13_zp: zero points of w13; 8 when left out, optional, uint8; shape by scheme (last two swapped at
            weight_order="nk"):
            dense, fp8, mxfp4, mxfp4_fp8  none
            int4                          [E, H // group_size, W // 2]
        w2: second weight of every expert, bf16 or e4m3 or uint8; shape by scheme (last two swapped at
            weight_order="nk"):
            dense, fp8              [E, W // 2, H]
            mxfp4, mxfp4_fp8, int4  [E, (W // 2) // 2, H]
        w2_scale: scales of w2, format of scale_format; shape by scheme (last two swapped at weight_order="nk"):
            dense             none
            fp8               [E, cdiv((W // 2), 128), cdiv(H, 128)]
            mxfp4, mxfp4_fp8  [E, (W // 2) // 32, H]
            int4              [E, (W // 2) // group_size, H]
        w2_zp: zero points of w2; 8 when left out, optional, uint8; shape by scheme (last two swapped at
            weight_order="nk"):
            dense, fp8, mxfp4, mxfp4_fp8  none
            int4                          [E, (W // 2) // group_size, H // 2]
        weights: weight of every slot, f32 [T, SLOTS]
        ids: experts of every token; negative: none, int32 or int64 [T, SLOTS]
        expert_map: local expert of every expert of all devices; negative: another device's, optional, int32 [GLOBAL]
        w13_bias: addend of every expert, optional, f32 or bf16 [E, W]
        w2_bias: addend of every expert, optional, f32 or bf16 [E, H]
        shared: result of a shared expert, optional, bf16 or f16 or f32 [T, H]
        scheme: formats of weights and activations. One of 'dense', 'fp8', 'mxfp4', 'mxfp4_fp8', 'int4'. Default
            'dense'.
        kind: which activation. One of 'silu', 'gelu', 'gelu_tanh', 'swigluoai', 'swigluoai_uninterleaved', 'clamp'.
            Default 'silu'.
        limit: bound of gates and factors for swigluoai, clamp (10 in DeepSeek-V4) and swiglustep; 0 for none. Default
            7.0.
        alpha: factor of the gate in the sigmoid of swigluoai. Default 1.702.
        beta: added to the factor in swigluoai; bound of the gate in situ. Default 1.0.
        linear_beta: bound of the factor in situ, 0 for none. Default 0.0.
        scale_format: format of w13_scale and w2_scale. One of f32, e8m0, bf16, f16. Default 'f32'.
        group_size: k per scale (scheme int4). One of 32, 64, 128. Default 128.
        weight_order: "kn": the weight, scales and zero points are passed as [K, N]; "nk": as [N, K], the usual
            checkpoint order. One of 'kn', 'nk'. Default 'nk'.
        invariant: the same tiles, and so the same bits of a row, for every number of rows. Default False.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write y into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        y: results, bf16 [T, H]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        y: relative rounding error 2**-8 (bf16); before it at most 65536 * 2**-24 of the sum of the absolute values
            that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all sums are
            exact.

    Example:
        With x bf16 [5, 128], w13 bf16 [4, 256, 128], w2 bf16 [4, 128, 128], weights f32 [5, 2], ids int32 [5, 2],
            expert_map int32 [6], shared bf16 [5, 128]:

        >>> y = fused_moe(x, w13, None, w2=w2, weights=weights, ids=ids, expert_map=expert_map, shared=shared,
        ...     limit=2.0, group_size=64)

        gives y bf16 [5, 128].
    """

def apply_penalties(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    prompt_lens: torch.Tensor,
    lens: torch.Tensor,
    repetition: torch.Tensor,
    frequency: torch.Tensor,
    presence: torch.Tensor,
    bias_ids: torch.Tensor | None = None,
    bias_values: torch.Tensor | None = None,
    allowed: torch.Tensor | None = None,
    *,
    implementation: _Implementation | None = None,
) -> None:
    """Logit bias, penalties of tokens that occur, and the mask of allowed tokens, in place.

        l += bias                                              of the listed tokens
        l = l / repetition if l > 0 else l * repetition        of tokens of the prompt or the output
        l = l - fp32(frequency * count), l = l - presence      of tokens that the output has `count` > 0 times
        l = -inf                                               of tokens that are not allowed

    One float32 operation after the other in this order, so results are the same bytes everywhere. Counts follow from
    the tokens of each request, prompt first, output after it, and from nothing that a step before has left. Ids
    outside of [0, V) are ignored; of equal ids of a bias the first one counts. Only logits of tokens that occur are
    read and written, unless there is a mask: L + L * outputs comparisons of ids per row, not V.

    Source: CTRL (Keskar et al., 2019) for repetition; OpenAI's API for frequency and presence; the order is vLLM's

    Args:
        logits: logits, rows of any stride; written in place, f32 [B, V]
        tokens: token ids of every request: prompt, then output, int32 or int64 [B, L]
        prompt_lens: tokens of the prompt, int32 [B]
        lens: tokens of prompt and output; at most L, int32 [B]
        repetition: repetition penalty of every row; 1: none, f32 [B]
        frequency: frequency penalty of every row; 0: none, f32 [B]
        presence: presence penalty of every row; 0: none, f32 [B]
        bias_ids: token ids with a bias; negative: none, optional, int32 or int64 [B, NB]
        bias_values: what is added to them, optional, f32 [B, NB]
        allowed: whether tokens are allowed, optional, bool [B, V]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.

    Returns:
        None.

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        logits: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [7, 61], tokens int32 [7, 90], prompt_lens int32 [7], lens int32 [7], repetition f32 [7],
            frequency f32 [7], presence f32 [7], bias_ids int32 [7, 5], bias_values f32 [7, 5], allowed bool [7, 61]:

        >>> apply_penalties(logits, tokens, prompt_lens, lens, repetition, frequency, presence, bias_ids, bias_values,
        ...     allowed)
    """

def sample(
    logits: torch.Tensor,
    temperature: torch.Tensor,
    seeds: torch.Tensor,
    positions: torch.Tensor,
    table: torch.Tensor,
    top_k: torch.Tensor | None = None,
    top_p: torch.Tensor | None = None,
    min_p: torch.Tensor | None = None,
    *,
    order: Literal["vllm", "hf"] = "vllm",
    stream: Literal["target", "draft"] = "target",
    vocab_size: int = 0,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """A token per row of logits by exact Gumbel-max, the same in both frameworks.

        z = l * fp32(1 / T)
        min-p: keep z >= max z + ln(min_p).  top-k: keep l >= the k-th largest l, all of its equals included.
        top-p: sorted by l, ties by lowest id, keep a token if the mass before it is below p of the whole mass
        d = l - max l, q = floor(max(fp32(d * fp32(1 / T)), -1000) 2**20)
        token = the lowest argmax of q + gumbel_q20(threefry2x32(seed, (position, id)))

    The filters take turns in this order, or with order="hf" as top-k, top-p, min-p, each on what the ones before it
    have left. After the two float32 operations of q everything is integers: masses are exp(q) in Q29 by a table, and
    are added up exactly; min-p is q >= ln(min_p) in Q20; p is rounded down to a multiple of 2**-24. So JAX and torch
    draw the same token, bit for bit, whatever the machine, batch, row and padding. Masses are within 1.2e-6 of the
    exact ones, relative, and tokens below 1e-9 of the largest probability have none, so that the cut of top-p is that
    of float64 unless the cumulative mass comes within 1.3e-6 + V 2**-30 of p. Where T is below 1e-5 the token is the
    lowest argmax of the logits and nothing is filtered. NaN counts as -inf; a row without any other number gives
    token 0.

    Rows are read once from end to end, for the maxima of groups of 32 columns. Of those follow the groups that can
    have tokens which top-k or min-p keeps (256 at most), and only they are read again, into registers, where the
    filters are searches for a key. Rows with top-p alone are read twice: their whole mass is needed; so are rows with
    no filter at all, each column of which gets its noise. Where more than 256 groups have candidates left, as with
    top-k above 256 or a nucleus of hundreds of tokens, the row is read three times more, to count candidates by their
    distance from the largest logit and to collect those among which the cut is; it is read for every halving of a
    search only where these are more than 8192.

    Source: Gumbel-max over Threefry-2x32-20 (Salmon et al., 2011); the order of filters is vLLM's

    Args:
        logits: logits, rows of any stride; NaN counts as -inf, f32 or bf16 or f16 [B, V]
        temperature: temperature of every row; below 1e-5: greedy, f32 [B]
        seeds: 64-bit seed of every row as two words, the low one first: an int64 or uint64 array viewed as int32,
            int32 [B, 2]
        positions: index of the token in its request (prompt and generated tokens before it), int32 or int64 [B]
        table: `specs.sampling.tables.sampling_table()`, on the device, int32 [2281]
        top_k: logits below the k-th largest are dropped; not in [1, V): off, optional, int32 [B]
        top_p: mass of the nucleus; not below 1: off, optional, f32 [B]
        min_p: least ratio to the largest probability; not above 0: off, optional, f32 [B]
        order: "vllm": min-p, top-k, top-p; "hf": top-k, top-p, min-p, so that the nucleus is of the mass before
            min-p. One of 'vllm', 'hf'. Default 'vllm'.
        stream: random words: "target", or "draft" for a draft model: at position + 2**30. One of 'target', 'draft'.
            Default 'target'.
        vocab_size: columns that are tokens, where the last ones are padding; 0: all. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write tokens into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        tokens: token of every row, int32 [B]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        tokens: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [20, 97], temperature f32 [20], seeds int32 [20, 2], positions int32 [20], table int32 [2281],
            top_k int32 [20], top_p f32 [20], min_p f32 [20]:

        >>> tokens = sample(logits, temperature, seeds, positions, table, top_k, top_p, min_p)

        gives tokens int32 [20].
    """

def filter_logits(
    logits: torch.Tensor,
    temperature: torch.Tensor,
    table: torch.Tensor,
    top_k: torch.Tensor | None = None,
    top_p: torch.Tensor | None = None,
    min_p: torch.Tensor | None = None,
    *,
    order: Literal["vllm", "hf"] = "vllm",
    vocab_size: int = 0,
    implementation: _Implementation | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Logits by temperature, -inf where min-p, top-k and top-p drop them: what `sample` draws from.

        z = l * fp32(1 / T)
        min-p: keep z >= max z + ln(min_p).  top-k: keep l >= the k-th largest l, all of its equals included.
        top-p: sorted by l, ties by lowest id, keep a token if the mass before it is below p of the whole mass
        d = l - max l, q = floor(max(fp32(d * fp32(1 / T)), -1000) 2**20)
        token = the lowest argmax of q + gumbel_q20(threefry2x32(seed, (position, id)))

    The filters take turns in this order, or with order="hf" as top-k, top-p, min-p, each on what the ones before it
    have left. After the two float32 operations of q everything is integers: masses are exp(q) in Q29 by a table, and
    are added up exactly; min-p is q >= ln(min_p) in Q20; p is rounded down to a multiple of 2**-24. So JAX and torch
    draw the same token, bit for bit, whatever the machine, batch, row and padding. Masses are within 1.2e-6 of the
    exact ones, relative, and tokens below 1e-9 of the largest probability have none, so that the cut of top-p is that
    of float64 unless the cumulative mass comes within 1.3e-6 + V 2**-30 of p. Where T is below 1e-5 the token is the
    lowest argmax of the logits and nothing is filtered. NaN counts as -inf; a row without any other number gives
    token 0.

    Rows are read once from end to end, for the maxima of groups of 32 columns. Of those follow the groups that can
    have tokens which top-k or min-p keeps (256 at most), and only they are read again, into registers, where the
    filters are searches for a key. Rows with top-p alone are read twice: their whole mass is needed; so are rows with
    no filter at all, each column of which gets its noise. Where more than 256 groups have candidates left, as with
    top-k above 256 or a nucleus of hundreds of tokens, the row is read three times more, to count candidates by their
    distance from the largest logit and to collect those among which the cut is; it is read for every halving of a
    search only where these are more than 8192.

    Source: vLLM's sampler; transformers' with order='hf'

    Args:
        logits: logits, rows of any stride; NaN counts as -inf, f32 or bf16 or f16 [B, V]
        temperature: temperature of every row; below 1e-5: greedy, f32 [B]
        table: `specs.sampling.tables.sampling_table()`, on the device, int32 [2281]
        top_k: logits below the k-th largest are dropped; not in [1, V): off, optional, int32 [B]
        top_p: mass of the nucleus; not below 1: off, optional, f32 [B]
        min_p: least ratio to the largest probability; not above 0: off, optional, f32 [B]
        order: "vllm": min-p, top-k, top-p; "hf": top-k, top-p, min-p, so that the nucleus is of the mass before
            min-p. One of 'vllm', 'hf'. Default 'vllm'.
        vocab_size: columns that are tokens, where the last ones are padding; 0: all. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: an array to write filtered into, which is then returned: shape, format and device of the result; the last
            dimension is contiguous, other strides are free. Refused where it begins at the address of an argument.

    Returns:
        filtered: logits times 1/T; -inf where they are dropped, f32 [B, V]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        filtered: bit-identical to the definition in float64, rounded once.

    Example:
        With logits f32 [20, 97], temperature f32 [20], table int32 [2281], top_k int32 [20], top_p f32 [20], min_p
            f32 [20]:

        >>> filtered = filter_logits(logits, temperature, table, top_k, top_p, min_p)

        gives filtered f32 [20, 97].
    """

def logprobs(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    *,
    n: int = 20,
    vocab_size: int = 0,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities of one token per row and of the n most likely ones, and the token's rank.

        log p = x - max x - log(sum(exp(x - max x)))
        ids[b] = tokens[b], then the n columns of the largest logits, of equal ones the lowest first
        logprobs[b, j] = log p of ids[b, j];  rank[b] = number of logits >= that of tokens[b]: 1 for the largest

    All of it is of the logits as they are, before penalties, temperature and filters. ids and rank are exact. NaN
    counts as -inf; +inf is above every number, and counts as the largest float32 in log p. log p of -inf is -inf. A
    token that is no column gives id -1, -inf and rank 0; rows of fewer than n columns end with ids -1 and -inf.

    Rows are read once: a program reads 4096 columns, and stores the largest keys of groups of 32, its part of the
    sum, and how many logits are not below the token's. The n groups with the largest of these keys have all of the n
    columns.

    Source: logprobs of vLLM's sampler and of the OpenAI API

    Args:
        logits: logits, rows of any stride; NaN counts as -inf, f32 or bf16 or f16 [B, V]
        tokens: one token of every row, such as the one drawn; out of range: none, int32 [B]
        n: most likely tokens per row, besides the chosen one. Default 20.
        vocab_size: columns that are tokens, where the last ones are padding; 0: all. Default 0.
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (ids, logprobs, rank) into, None for those to allocate, which is then
            returned: shape, format and device of the result; the last dimension is contiguous, other strides are
            free. Refused where it begins at the address of an argument.

    Returns:
        ids: the token of the row, then the most likely ones; -1: none, int32 [B, n + 1]
        logprobs: their log-probabilities, f32 [B, n + 1]
        rank: number of logits not below that of the row's token; 0 without one, int32 [B]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        ids, rank: bit-identical to the definition in float64, rounded once.
        logprobs: relative rounding error 2**-24 (f32); before it at most 232 * 2**-24 of the sum of the absolute
            values that are added up (2**-23 on tensor cores, 2**-10 more for FP8 operands); inexact even where all
            sums are exact.

    Example:
        With logits f32 [8, 97], tokens int32 [8]:

        >>> ids, logprobs, rank = logprobs(logits, tokens, n=5)

        gives ids int32 [8, 6], logprobs f32 [8, 6], rank int32 [8].
    """

def verify_draft(
    draft: torch.Tensor,
    sampled: torch.Tensor,
    lengths: torch.Tensor,
    *,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draft tokens that the sampled ones confirm.

        accepted[b] = largest m <= lengths[b] with draft[b, j] = sampled[b, j] for all j < m
        tokens[b, j] = sampled[b, j] for j <= accepted[b], else -1

    `sampled` holds the tokens that the target model has at every position of the draft and one after it: drawn by
    `sample` from its own seed and position, after its own filters, or the argmax of greedy rows. So decoding without
    a draft gives the same tokens, bit for bit, whatever the draft was. For drafts without probabilities (n-grams, a
    greedy draft model) this is rejection sampling: a draft token x is accepted with probability p(x), and else
    replaced by a token drawn from p without x. Drafts that are sampled from q are accepted with probability sum(p q),
    less than the sum(min(p, q)) of rejection sampling with q, `rejection_sample`. The last token, sampled[b,
    accepted[b]], is the replacement or the bonus token.

    Source: speculative sampling (Leviathan et al., 2023; Chen et al., 2023) with drafts of probability 1

    Args:
        draft: draft tokens of every row, int32 [B, K]
        sampled: tokens of the target model at the places of the draft, and the one after, int32 [B, K + 1]
        lengths: number of draft tokens of every row; below 0 as 0, above K as K, int32 [B]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (tokens, accepted) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        tokens: the tokens of every row, accepted[b] + 1 of them; then -1, int32 [B, K + 1]
        accepted: number of draft tokens that are accepted, int32 [B]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        tokens, accepted: bit-identical to the definition in float64, rounded once.

    Example:
        With draft int32 [19, 5], sampled int32 [19, 6], lengths int32 [19]:

        >>> tokens, accepted = verify_draft(draft, sampled, lengths)

        gives tokens int32 [19, 6], accepted int32 [19].
    """

def rejection_sample(
    target_logits: torch.Tensor,
    draft: torch.Tensor,
    lengths: torch.Tensor,
    temperature: torch.Tensor,
    seeds: torch.Tensor,
    positions: torch.Tensor,
    table: torch.Tensor,
    draft_logits: torch.Tensor | None = None,
    *,
    implementation: _Implementation | None = None,
    out: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of the target's distribution from drafts with probabilities.

        p = softmax(target_logits[b, j])      q = softmax(draft_logits[b, j]); without them q(x) = 1 of x = draft[b,
            j]
        accept x where q(x) > 0 and p(x) >= u q(x)
        where x is not accepted: sampled[b, j] drawn from max(p - q, 0); after the draft, at j = lengths[b]: from p
        tokens, accepted = verify_draft(draft, sampled, lengths), with sampled[b, j] = x where x is accepted

    Both logits are after temperature and filters, as `filter_logits` leaves them: -inf where a token is dropped. Rows
    with a temperature below 1e-5 are greedy: a draft token is accepted where it is the lowest argmax of the target,
    and replaced by it elsewhere. A draft token that is no column is not accepted. Place j of row b is position
    positions[b] + j of its request; u comes from the random word of (position + 2**31, 0), noise from the words of
    (position, id), as `sample` has it, and drafts are to be drawn with stream="draft": three streams that have
    nothing in common. The token after a whole draft is what `sample` draws from the same logits at temperature 1.

        m = exp(q) in Q29 of `sample`, M its exact sum      probability = fl(m / fl(M)), one division of float32
        u = (2 k + 1) 2**-24, k the 23 high bits of the word      token = the lowest argmax of ln max(p - q, 0) +
            noise, Q20

    One subtraction and one product of float32 follow, and nothing is added to a product: JAX and torch draw the same
    token. p - q of a token that is not accepted is below zero, so it is never drawn instead. Where rounding leaves
    nothing to draw from, the draft token stays if the target has it. Probabilities are within 2e-6 of the exact ones,
    relative.

    Source: speculative sampling (Leviathan et al., 2023; Chen et al., 2023); the order of the draws is vLLM's

    Args:
        target_logits: logits of the target after its filters, at every draft token and one after, f32 [B, K + 1, V]
        draft: draft tokens of every row, int32 [B, K]
        lengths: number of draft tokens of every row; below 0 as 0, above K as K, int32 [B]
        temperature: temperature of every row; below 1e-5: greedy, f32 [B]
        seeds: 64-bit seed of every row as two words, the low one first: an int64 or uint64 array viewed as int32,
            int32 [B, 2]
        positions: index of the token in its request (prompt and generated tokens before it), int32 or int64 [B]
        table: `specs.sampling.tables.sampling_table()`, on the device, int32 [2281]
        draft_logits: logits that the draft is drawn from, after its filters, optional, f32 [B, K, V]
        implementation: one of triton, eager, dequant, interpret, gluon; None takes the first that the device
            supports.
        out: a tuple of arrays to write (tokens, accepted) into, None for those to allocate, which is then returned:
            shape, format and device of the result; the last dimension is contiguous, other strides are free. Refused
            where it begins at the address of an argument.

    Returns:
        tokens: the tokens of every row, accepted[b] + 1 of them; then -1, int32 [B, K + 1]
        accepted: number of draft tokens that are accepted, int32 [B]

    Raises:
        ArgumentError: the call does not fit the spec; nothing was run and nothing written.
        Unsupported: the call is right, but the implementation or the device cannot run it.

    Accuracy:
        tokens, accepted: bit-identical to the definition in float64, rounded once.

    Example:
        With target_logits f32 [6, 3, 60], draft int32 [6, 2], lengths int32 [6], temperature f32 [6], seeds int32 [6,
            2], positions int32 [6], table int32 [2281], draft_logits f32 [6, 2, 60]:

        >>> tokens, accepted = rejection_sample(target_logits, draft, lengths, temperature, seeds, positions, table,
        ...     draft_logits)

        gives tokens int32 [6, 3], accepted int32 [6].
    """


NAMESPACE: str

def explain(name: str, device: torch.device | str | None=None) -> dict[str, str]: ...

def why(name: str, device: torch.device | str | None=None) -> str: ...

def function(op: Op | str) -> Callable[..., Any]: ...
