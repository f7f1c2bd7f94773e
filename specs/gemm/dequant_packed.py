"""INT4 and FP4 weights (and FP4 activations) as `specs.gemm.dequant` multiplies them: nibbles become float32 codes."""

from __future__ import annotations

from math import prod
from typing import Any

from specs.gemm.dequant import Factors, Operands, Weight, bias_of, folded, scale_factors, swap
from specs.gemm.int4_tiles import SYMMETRIC_ZERO
from specs.lang.declare.op import FrameworkProduct
from specs.lang.formats.elements import F32, INT32
from specs.lang.formats.named import MXFP4, NVFP4
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.ir import Opcode

FP4_GROUPS = {form.scale: form.block[1] for form in (MXFP4, NVFP4) if form.block[1] is not None}
"""k per scale, by the format of the scales."""


def nibbles(ops: ArrayOps, words: Any, per_word: int) -> Any:
    """i32 nibbles of integers along the last dimension, lowest first: [.., W] -> [.., per_word * W]."""
    shift = ops.binary(Opcode.MUL)(ops.arange(per_word), ops.const(4, INT32))
    wide = ops.binary(Opcode.SHR)(ops.cast(words, INT32)[..., None], shift)  # arithmetic: the mask takes the sign off
    return ops.reshape(
        ops.binary(Opcode.AND)(wide, ops.const(15, INT32)), (*words.shape[:-1], per_word * words.shape[-1])
    )


def _along_k(ops: ArrayOps, words: Any, per_word: int, by_rows: bool) -> Any:
    """i32 [K, N] of words that hold several k: [N, K / per_word] (`by_rows`) or [K / per_word, N]."""
    return swap(ops, nibbles(ops, words if by_rows else swap(ops, words), per_word))


def int4_weight(ops: ArrayOps, given: Operands) -> Weight:
    """Codes minus zero points as float32 [K, N], scales [G, N]."""
    by_rows = given.attributes["weight_order"] == "nk"
    codes = ops.cast(_along_k(ops, given.arrays["b"], 8, by_rows), F32)
    depth, columns = codes.shape
    size = given.attributes["group_size"]
    assert isinstance(size, int)
    group = depth if size == -1 else size
    if "b_zp" in given.arrays:
        zero = ops.cast(nibbles(ops, given.arrays["b_zp"], 8), F32)[:, None, :]
        groups = ops.reshape(codes, (depth // group, group, columns))
        codes = ops.reshape(ops.binary(Opcode.SUB)(groups, zero), (depth, columns))
    else:
        codes = ops.binary(Opcode.SUB)(codes, ops.const(float(SYMMETRIC_ZERO), F32))
    scales = scale_factors(ops, given.arrays["b_scale"], given.formats["b_scale"])
    factors = folded(ops, Factors(values=codes, scales=scales), group, -2)
    return Weight(factors=factors, group=None if size == -1 else group, bias=bias_of(ops, given))


def int4_activations(ops: ArrayOps, given: Operands) -> Factors:
    """a as float32 [M, K], its columns in the order of the weight's rows."""
    a = given.arrays["a"]
    depth = a.shape[-1]
    a = ops.cast(ops.reshape(a, (prod(a.shape[:-1]), depth)), F32)
    order = given.arrays.get("g_idx")
    return Factors(values=a if order is None else a[..., order])


def int4_a8_weight(ops: ArrayOps, given: Operands) -> Weight:
    """As `int4_weight`, with the further scale of every column, [1, N]."""
    weight = int4_weight(ops, given)
    if "channel_scale" not in given.arrays:
        return weight
    values = weight.factors.values
    channel = ops.reshape(given.arrays["channel_scale"], (1, values.shape[-1]))
    factors = Factors(values=values, scales=(*weight.factors.scales, channel))
    return Weight(factors=factors, group=weight.group, bias=weight.bias)


def int4_a8_activations(ops: ArrayOps, given: Operands) -> Factors:
    """As `int4_activations`, without the zero points of a, and its scales [M, 1] or [1, 1]."""
    values = int4_activations(ops, given).values
    rows = values.shape[0] if given.attributes["scale_mode"] == "token" else 1
    if "a_zp" in given.arrays:
        zero = ops.reshape(ops.cast(given.arrays["a_zp"], F32), (rows, 1))
        values = ops.binary(Opcode.SUB)(values, zero)
    scale = ops.cast(ops.reshape(given.arrays["a_scale"], (rows, 1)), F32)
    return Factors(values=values, scales=(scale,))


def fp4_weight(ops: ArrayOps, given: Operands) -> Weight:
    """Codes as float32 [K, N], scales [K / group, N] and [1, 1]."""
    codes = _along_k(ops, given.arrays["b"], 2, given.attributes["weight_order"] == "nk")
    scales = scale_factors(ops, given.swapped("b_scale", ops), given.formats["b_scale"])
    group = FP4_GROUPS[given.formats["b_scale"]]
    values = Factors(values=e2m1(ops, codes), scales=(*scales, *_inverse_of(ops, given, "b_global_scale")))
    return Weight(factors=folded(ops, values, group, -2), group=group, bias=bias_of(ops, given))


def fp4_activations(ops: ArrayOps, given: Operands) -> Factors:
    """Codes of a as float32 [M, K], scales [M, K / group] and [1, 1]."""
    a, scale = given.arrays["a"], given.arrays["a_scale"]
    codes = nibbles(ops, ops.reshape(a, (prod(a.shape[:-1]), a.shape[-1])), 2)
    factors = scale_factors(ops, ops.reshape(scale, (codes.shape[0], scale.shape[-1])), given.formats["a_scale"])
    return Factors(values=e2m1(ops, codes), scales=(*factors, *_inverse_of(ops, given, "a_global_scale")))


def _inverse_of(ops: ArrayOps, given: Operands, name: str) -> tuple[Any, ...]:
    """The inverse of a tensor's global scale, [1, 1], where one is passed."""
    if name not in given.arrays:
        return ()
    return (ops.binary(Opcode.DIV)(ops.const(1.0, F32), ops.reshape(given.arrays[name], (1, 1))),)


def e2m1(ops: ArrayOps, codes: Any) -> Any:
    """float32 values of i32 e2m1 codes: twice the magnitude is 0, 1, 2, 3, 4, 6, 8, 12."""

    def number(value: int) -> Any:
        return ops.const(value, INT32)

    binary = ops.binary
    magnitude = binary(Opcode.AND)(codes, number(7))
    exponent = binary(Opcode.MAX)(binary(Opcode.SHR)(magnitude, number(1)), number(1))
    significand = binary(Opcode.OR)(binary(Opcode.AND)(magnitude, number(1)), number(2))
    large = binary(Opcode.SHL)(significand, binary(Opcode.SUB)(exponent, number(1)))
    twice = ops.where(binary(Opcode.LT)(magnitude, number(4)), magnitude, large)
    value = binary(Opcode.MUL)(ops.cast(twice, F32), ops.const(0.5, F32))
    negative = binary(Opcode.NE)(binary(Opcode.AND)(codes, number(8)), number(0))
    return ops.where(negative, ops.unary(Opcode.NEG)(value), value)


INT4_PRODUCT = FrameworkProduct(
    weight=int4_weight, activations=int4_activations, constant=("b", "b_scale", "b_zp", "bias")
)
INT4_A8_PRODUCT = FrameworkProduct(
    weight=int4_a8_weight,
    activations=int4_a8_activations,
    constant=("b", "b_scale", "b_zp", "channel_scale", "bias"),
)
FP4_PRODUCT = FrameworkProduct(
    weight=fp4_weight, activations=fp4_activations, constant=("b", "b_scale", "bias", "b_global_scale")
)
