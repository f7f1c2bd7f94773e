"""GGUF weights as `specs.gemm.dequant` multiplies them: float32 values [K, N]."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from specs.gemm.dequant import Factors, Operands, Weight, bias_of, swap
from specs.lang.declare.op import FrameworkProduct
from specs.lang.formats.elements import F16, F32, INT16, INT32
from specs.lang.formats.ggml import BY_NAME
from specs.lang.formats.packed import Codes, Number, PackedBlock, Plane
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.ir import Opcode


class ArrayBlocks:
    """Blocks as arrays of a framework, i32 [rows, blocks, bytes]."""

    def __init__(self, ops: ArrayOps, form: PackedBlock, rows: Any) -> None:
        self.ops, self.form = ops, form
        n, size = rows.shape
        # As bytes until a field is taken out: the whole weight as i32 would be several times as large.
        self.blocks = ops.reshape(rows, (n, size // form.bytes, form.bytes))

    def values(self) -> Any:
        """float32 [rows, elements]."""
        ops, form = self.ops, self.form
        n, blocks = self.blocks.shape[:2]
        q = ops.reshape(self._values(form.codes), (n, blocks, form.groups, form.group))
        value = self._scaled(q)
        if form.minimum is not None:
            low = self._of_groups(form.minimum, form.sub_minima)
            value = ops.binary(Opcode.SUB if form.subtracted else Opcode.ADD)(value, low[..., None])
        return ops.reshape(value, (n, blocks * form.elements))

    def _scaled(self, q: Any) -> Any:
        ops, form = self.ops, self.form
        multiplied = ops.binary(Opcode.MUL)
        if form.scale.element != F16:
            for factor in self._power(form.scale):
                q = multiplied(q, factor[..., None])
            return q
        return multiplied(q, self._of_groups(form.scale, form.sub_scales)[..., None])

    def _of_groups(self, whole: Number, codes: Codes | None) -> Any:
        """A number of the block times the codes of groups, float32 [rows, blocks, groups or 1]."""
        number = self._half(whole)
        return number if codes is None else self.ops.binary(Opcode.MUL)(number, self._values(codes))

    def _half(self, number: Number) -> Any:
        """A float16, as float32 [rows, blocks, 1]."""
        ops = self.ops
        low, high = (ops.cast(self.blocks[..., number.byte + i : number.byte + i + 1], INT32) for i in (0, 1))
        word = ops.binary(Opcode.OR)(low, ops.binary(Opcode.SHL)(high, ops.const(8, INT32)))
        return ops.cast(ops.bitcast(ops.cast(word, INT16), F16), F32)

    def _power(self, number: Number) -> tuple[Any, Any]:
        """2^(e - bias) as two factors, as it may be subnormal, float32 [rows, blocks, 1]."""
        ops = self.ops
        code = ops.cast(self.blocks[..., number.byte : number.byte + 1], INT32)
        low = ops.binary(Opcode.SHR)(code, ops.const(1, INT32))
        high = ops.binary(Opcode.SUB)(code, low)
        first = number.element.bias // 2
        return self._exp2(low, 127 - first), self._exp2(high, 127 - (number.element.bias - first))

    def _exp2(self, exponent: Any, bias: int) -> Any:
        ops = self.ops
        field = ops.binary(Opcode.ADD)(exponent, ops.const(bias, INT32))
        return ops.bitcast(ops.binary(Opcode.SHL)(field, ops.const(23, INT32)), F32)

    def _values(self, codes: Codes) -> Any:
        """float32 [rows, blocks, count]."""
        ops, total, position = self.ops, None, 0
        for plane in codes.planes:
            part = ops.binary(Opcode.AND)(self._bits(plane), ops.const((1 << plane.bits) - 1, INT32))
            part = ops.binary(Opcode.SHL)(part, ops.const(position, INT32)) if position else part
            total = part if total is None else ops.binary(Opcode.OR)(total, part)
            position += plane.bits
        if codes.table:
            return ops.take(ops.const(np.array(codes.table, np.float32), F32), total)
        half = 1 << (codes.bits - 1) if codes.signed else 0
        total = ops.binary(Opcode.XOR)(total, ops.const(half, INT32)) if half else total
        return ops.cast(ops.binary(Opcode.SUB)(total, ops.const(half + codes.offset, INT32)), F32)

    def _bits(self, plane: Plane) -> Any:
        """i32 [rows, blocks, count] whose low bits are the bits of a plane."""
        ops, (n, blocks, _) = self.ops, self.blocks.shape
        shift = ops.binary(Opcode.SHR)
        if not plane.regular or plane.run == 1 or plane.count % (plane.run * (8 // plane.bits)):
            byte, bit = plane.places()
            taken = ops.cast(self.blocks[..., ops.const(byte, INT32)], INT32)
            return shift(taken, ops.const(bit, INT32))
        turn, start = 8 // plane.bits, plane.spots[0][0]
        size = plane.count // turn
        runs = ops.reshape(self.blocks[..., start : start + size], (n, blocks, size // plane.run, 1, plane.run))
        bits = ops.const(np.arange(turn, dtype=np.int32)[:, None] * plane.bits, INT32)
        return ops.reshape(shift(ops.cast(runs, INT32), bits), (n, blocks, plane.count))


def weight(ops: ArrayOps, given: Operands) -> Weight:
    """The decoded weight, float32 [K, N]."""
    blocks = ArrayBlocks(ops, BY_NAME[str(given.attributes["quant_type"])], given.arrays["b"])
    return Weight(factors=Factors(values=swap(ops, blocks.values())), group=None, bias=bias_of(ops, given))


def activations(ops: ArrayOps, given: Operands) -> Factors:
    """a as float32 [M, K]."""
    a = given.arrays["a"]
    return Factors(values=ops.cast(ops.reshape(a, (prod(a.shape[:-1]), a.shape[-1])), F32))


GGUF_PRODUCT = FrameworkProduct(weight=weight, activations=activations, constant=("b", "bias"))
