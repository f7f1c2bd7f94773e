"""Linears that are not quantised: bf16 weights and activations, each framework's own product, summed in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parity.judge.expected import Expected
from parity.judge.frameworks import Result
from parity.judge.inputs import decode, encode
from parity.models.minilm.arrays import HostArray
from parity.models.minilm.engines import Engine
from parity.models.minilm.schemes import Operands, Product, Scheme
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import BF16, F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The same methods as a `Scheme`, without an operation of this library."""

    name: str
    title: str

    def quantise_weight(self, weight: HostArray, bias: HostArray) -> Operands:
        """Operands from a checkpoint's weight [N, K] and bias [N]."""
        return {
            "b": Result(raw=encode(weight, BF16), form=BF16),
            "bias": Result(raw=encode(bias, F32), form=F32),
        }

    def quantise_activation(self, engine: Engine, x: Any) -> dict[str, Any]:
        """The activation [T, K], float32 or bf16, in bf16; both are the framework's arrays."""
        return {"a": engine.cast(x, BF16)}

    def expected_activation(self, x: HostArray) -> Operands:
        """What `quantise_activation` has to give; x: float32 [T, K]."""
        return {"a": Result(raw=encode(x, BF16), form=BF16)}

    def multiply(self, engine: Engine, activation: Mapping[str, Any], weight: Mapping[str, Any]) -> Any:
        """activation @ weight.T + bias, rounded to bf16 once, [T, N]; all are the framework's arrays."""
        a, b = engine.cast(activation["a"], F32), engine.cast(weight["b"], F32)
        return engine.cast(engine.arrays.matmul(a, b.swapaxes(0, 1)) + weight["bias"], BF16)

    def expected_product(self, activation: Operands, weight: Operands) -> Product:
        """What `multiply` has to give: K products of bf16, which float32 holds exactly, and the bias, in any order."""
        a, b, bias = (decode(x.raw, x.form) for x in (activation["a"], weight["b"], weight["bias"]))
        reference = Reference(value=a @ b.T + bias, magnitude=np.abs(a) @ np.abs(b).T + np.abs(bias))
        expected = Expected(form=BF16, accuracy=Accuracy(), reference=reference, terms=a.shape[1] + 1)
        return Product(expected=expected)


PLAIN: Final = Plain(name="bf16", title="bf16 weights and activations, products of the frameworks themselves")

AnyScheme = Scheme | Plain
