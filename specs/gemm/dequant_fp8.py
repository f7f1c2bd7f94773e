"""FP8 weights and activations as `specs.gemm.dequant` multiplies them."""

from __future__ import annotations

from math import prod
from typing import Any

from specs.gemm.dequant import Factors, Operands, Weight, bias_of, folded, scale_factors, swap
from specs.gemm.scaled import GROUPED
from specs.lang.declare.op import FrameworkProduct
from specs.lang.formats.elements import F32, INT32
from specs.lang.formats.named import MXFP8
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.ir import Opcode

MX_GROUP = MXFP8.block[1]


def group_of(given: Operands) -> int | None:
    """k per scale; None where scales do not depend on k."""
    mode, group = given.attributes["scale_mode"], given.attributes["group"]
    assert isinstance(group, int)
    return {"mx": MX_GROUP, "block": group}.get(str(mode))


def weight(ops: ArrayOps, given: Operands) -> Weight:
    """Codes of b as float32 [.., K, N], and its scales [.., G, N] or [.., 1, N or 1]."""
    values = ops.cast(given.arrays["b"], F32)  # before it is transposed: the cast reads memory in order
    values = swap(ops, values) if given.attributes["weight_order"] == "nk" else values
    factors, group = Factors(values=values, scales=_weight_scales(ops, given, values.shape)), group_of(given)
    if group is not None:
        factors = folded(ops, factors, group, -2)
    return Weight(factors=factors, group=group, bias=bias_of(ops, given))


def _weight_scales(ops: ArrayOps, given: Operands, shape: tuple[int, ...]) -> tuple[Any, ...]:
    if "b_scale" not in given.arrays:
        return ()
    mode, lead, columns = str(given.attributes["scale_mode"]), shape[:-2], shape[-1]
    form = given.formats["b_scale"]
    if mode not in GROUPED:
        scale = ops.reshape(given.arrays["b_scale"], (*lead, 1, columns if mode.endswith("channel") else 1))
        return scale_factors(ops, scale, form)
    factors = scale_factors(ops, given.swapped("b_scale", ops), form)
    if mode == "mx":
        return factors
    block = ops.binary(Opcode.IDIV)(ops.arange(columns), ops.const(given.attributes["group"], INT32))
    return tuple(factor[..., block] for factor in factors)


def activations(ops: ArrayOps, given: Operands) -> Factors:
    """a as float32 [.., M, K] (leading dimensions are rows, but for batches), its scales [.., M, G or 1]."""
    a = given.arrays["a"]
    lead = a.shape[:1] if len(given.arrays["b"].shape) > 2 else ()
    depth = a.shape[-1]
    values = ops.cast(ops.reshape(a, (*lead, prod(a.shape[len(lead) : -1]), depth)), F32)
    scale = given.arrays.get("a_scale")
    if scale is None:
        return Factors(values=values)
    mode, size = str(given.attributes["scale_mode"]), group_of(given)
    rows = values.shape[-2] if size is not None or mode.startswith("token") else 1
    scale = ops.reshape(scale, (*lead, rows, -(-depth // size) if size is not None else 1))
    return Factors(values=values, scales=scale_factors(ops, scale, given.formats["a_scale"]))


FP8_PRODUCT = FrameworkProduct(weight=weight, activations=activations, constant=("b", "b_scale", "bias"))
