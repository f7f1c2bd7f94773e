"""Products by XLA's own dot over a dequantised weight: the implementation "dequant", and weights a caller keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax

import specs
from jax_impl.formats import describe, dtype_of, format_of
from jax_impl.xla.arrayops import JAX_OPS
from specs.gemm.dequant import Factors, Kept, Operands, Weight, kept, multiply, product_of, taken
from specs.lang.call.bind import Call, check_attributes
from specs.lang.errors import WrongType


def product(call: Call, arrays: Mapping[str, Any]) -> list[Any]:
    """The result of a product's call, traced."""
    given = Operands(arrays=arrays, formats=call.formats, attributes=call.attributes)
    return [_multiply(call, given, product_of(call.op).weight(JAX_OPS, given))]


def _multiply(call: Call, given: Operands, weight: Weight) -> Any:
    activations, invariant = product_of(call.op).activations(JAX_OPS, given), bool(call.attributes["invariant"])
    total = multiply(JAX_OPS, activations, weight, invariant=invariant)
    (result,) = call.op.outputs
    return total.astype(dtype_of(call.formats[result.name])).reshape(call.shapes[result.name])


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, slots=True, kw_only=True)
class DequantisedWeight:
    """A weight dequantised once, for products by XLA's own dot: called with the operation's other arguments.

    A pytree, so it goes through jit as an argument. It holds four bytes per code.

    values: float32 codes [.., K, N]. scales: float32, [.., G or 1, N or 1] each. bias: float32 [N], or None.
    """

    kept: Kept
    values: jax.Array
    scales: tuple[jax.Array, ...]
    bias: jax.Array | None
    group: int | None

    def __call__(self, a: Any, a_scale: Any = None, **rest: Any) -> jax.Array:
        """The product's result, as the operation returns it. Works under jit.

        Raises:
            ArgumentError: the arguments do not fit the weight.
        """
        arrays = {"a": a, "a_scale": a_scale, **rest}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        call = self.kept.call({name: describe(array) for name, array in arrays.items()})
        # Of the kept arguments only the shapes are looked at from here on.
        shaped = arrays | {name: jax.ShapeDtypeStruct(info.shape, "uint8") for name, info in self.kept.infos}
        given = Operands(arrays=shaped, formats=call.formats, attributes=call.attributes)
        factors = Factors(values=self.values, scales=self.scales)
        return _multiply(call, given, Weight(factors=factors, group=self.group, bias=self.bias))

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Arrays, and static data."""
        return (self.values, self.scales, self.bias), (self.kept, self.group)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], arrays: tuple[Any, ...]) -> DequantisedWeight:
        """The inverse of `tree_flatten`."""
        own, group = static
        values, scales, bias = arrays
        return cls(kept=own, group=group, values=values, scales=scales, bias=bias)


def dequantise(name: str, b: Any, b_scale: Any = None, **rest: Any) -> DequantisedWeight:
    """The weight of the product `name`, dequantised once, to be called with the activations.

        weight = dequantise("fp8_gemm", w, w_scale, scale_mode="token_channel", weight_order="nk")
        c = weight(a, a_scale)

    The result keeps the operation's contract, as its implementation "dequant" does. On a CPU most of the time of a
    product with few rows is spent on dequantising the weight; this spends it once.

    Args:
        name: of the operation.
        b, b_scale: the weight and its scales, as the operation takes them.
        rest: the operation's other arguments that belong to the weight (b_zp, bias), and its attributes.

    Raises:
        ArgumentError: the arguments do not fit each other.
        Unsupported: the operation is no product.
    """
    op = specs.get(name)
    arrays, attributes = taken(op, {"b": b, "b_scale": b_scale, **rest}, format_of)
    for argument, array in arrays.items():
        if not hasattr(array, "dtype"):
            raise WrongType(op=name, argument=argument, expected="an array", actual=type(array).__name__)
    own = kept(op, {n: describe(x) for n, x in arrays.items()}, attributes)
    return _dequantised(own, arrays)


def _dequantised(own: Kept, arrays: Mapping[str, Any]) -> DequantisedWeight:
    formats = {name: info.format for name, info in own.infos}
    given = Operands(arrays=arrays, formats=formats, attributes=check_attributes(own.op, dict(own.attributes)))
    weight = product_of(own.op).weight(JAX_OPS, given)
    factors = weight.factors
    return DequantisedWeight(
        kept=own, values=factors.values, scales=factors.scales, bias=weight.bias, group=weight.group
    )
