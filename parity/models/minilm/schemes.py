"""The quantisation schemes that the model is run under.

A scheme is data: block formats of weight and activation, the operation that makes the activation's operands, and the
operation that multiplies. Weights are quantised once, in numpy, by their block format; activations by every framework,
each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import specs
from parity.judge.expected import Expected, expectations
from parity.judge.frameworks import Result
from parity.judge.inputs import Inputs, Raw, encode, raw_dtype
from parity.judge.runner import accumulator_of
from parity.judge.ulp import Float64
from parity.models.minilm.arrays import HostArray
from parity.models.minilm.engines import Engine
from specs.lang.call.bind import Call, check_attributes
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.declare.op import Op
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import BF16, F32, ElementFormat
from specs.lang.formats.named import FP8_BLOCK_128, INT4_GROUP_128_ASYMMETRIC, MXFP4

Operands = Mapping[str, Result]
"""Raw operands of a matrix product by the name of its argument."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product:
    """What an operation has to give. call: as the binder resolves it; None for a framework's own float32 arithmetic."""

    expected: Expected
    call: Call | None = None

    def bound(self, engine: Engine) -> Float64:
        """How far an implementation's result may be off, elementwise."""
        if self.call is None:
            return self.expected.bound(FLOAT32)
        return self.expected.bound(accumulator_of(self.call, engine.name, engine.device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to quantise a linear; all of them give bf16 and take the bias in float32.

    op: name of the matrix product. attributes: all that it gets.
    weight: format of the weight. weight_order: "nk": blocks lie on the checkpoint's [N, K]; "kn": on its transpose.
    quantiser: name of the operation that makes codes and scales of activations; None: they are rounded to bf16.
    """

    name: str
    title: str
    op: str
    weight: BlockFormat
    weight_order: str = "nk"
    quantiser: str | None = None
    attributes: tuple[tuple[str, object], ...] = ()

    @property
    def product(self) -> Op:
        """The matrix product."""
        return specs.get(self.op)

    @property
    def named_attributes(self) -> dict[str, object]:
        """Attributes of the matrix product, defaults filled in."""
        return check_attributes(self.product, {**dict(self.attributes), "weight_order": self.weight_order})

    def quantise_weight(self, weight: HostArray, bias: HostArray) -> Operands:
        """Operands from a checkpoint's weight [N, K] and bias [N]."""
        form = self.weight
        quantised = form.encode(weight if self.weight_order == "nk" else weight.T)
        element = form.element if form.packing is None else form.packing.word
        assert form.scale is not None, "every scheme has scales"
        assert quantised.scale is not None, "every scheme has scales"
        operands = {"b": _operand(quantised.data, element), "b_scale": _operand(quantised.scale, form.scale)}
        zero = form.zero_point
        if quantised.zero_point is not None and zero is not None and zero.packing is not None:
            operands["b_zp"] = _operand(quantised.zero_point, zero.packing.word)
        return operands | {"bias": _operand(bias, F32)}

    def quantise_activation(self, engine: Engine, x: Any) -> dict[str, Any]:
        """Operands from an activation [T, K], float32 or bf16; both are the framework's arrays."""
        if self.quantiser is None:
            return {"a": engine.cast(x, BF16)}
        op = specs.get(self.quantiser)
        return dict(zip(("a", "a_scale"), engine.run(op, {"x": x}, check_attributes(op, {})), strict=True))

    def expected_activation(self, x: HostArray) -> Operands:
        """What `quantise_activation` has to give, from the oracle; x: float32 [T, K]."""
        if self.quantiser is None:
            return {"a": Result(raw=encode(x, BF16), form=BF16)}
        op = specs.get(self.quantiser)
        inputs = Inputs(op=op, arrays={"x": x}, formats={"x": F32}, attributes=check_attributes(op, {}))
        found = expectations(inputs, inputs.layout.call())
        results = [Result(raw=found[array.name].raw, form=found[array.name].form) for array in op.outputs]
        return dict(zip(("a", "a_scale"), results, strict=True))

    def multiply(self, engine: Engine, activation: Mapping[str, Any], weight: Mapping[str, Any]) -> Any:
        """activation @ weight.T + bias, bf16 [T, N]; all are the framework's arrays."""
        (c,) = engine.run(self.product, {**activation, **weight}, self.named_attributes)
        return c

    def expected_product(self, activation: Operands, weight: Operands) -> Product:
        """What `multiply` has to give, from the oracle."""
        operands = {**activation, **weight}
        inputs = Inputs(
            op=self.product,
            arrays={name: operand.raw for name, operand in operands.items()},
            formats={name: operand.form for name, operand in operands.items()},
            attributes=self.named_attributes,
        )
        call = inputs.layout.call()
        return Product(expected=expectations(inputs, call)["c"], call=call)


def _operand(array: Raw, form: ElementFormat) -> Result:
    return Result(raw=np.ascontiguousarray(array).view(raw_dtype(form)), form=form)


SCHEMES: Final = (
    Scheme(
        name="fp8_block",
        title="FP8 weights in 128×128 blocks, FP8 activations in groups of 128",
        op="fp8_gemm",
        weight=FP8_BLOCK_128,
        quantiser="per_token_group_quant_fp8",
        attributes=(("scale_mode", "block"),),
    ),
    Scheme(
        name="w8a16",
        title="FP8 weights in 128×128 blocks, bf16 activations",
        op="fp8_gemm_w8a16",
        weight=FP8_BLOCK_128,
        attributes=(("scale_mode", "block"),),
    ),
    Scheme(
        name="int4",
        title="INT4 weights with zero points in groups of 128, bf16 activations",
        op="int4_gemm_w4a16",
        weight=INT4_GROUP_128_ASYMMETRIC,
        weight_order="kn",
        attributes=(("group_size", 128),),
    ),
    Scheme(
        name="mxfp4",
        title="MXFP4 weights and activations, blocks of 32",
        op="fp4_gemm",
        weight=MXFP4,
        quantiser="mxfp4_quant",
    ),
)
"""In the order in which they run."""
