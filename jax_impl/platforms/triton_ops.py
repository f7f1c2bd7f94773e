"""Two operations of the Triton dialect that Pallas has no word for, as JAX primitives.

`div_rn`: float32 division, correctly rounded (the dialect's plain division is approximate on GPUs).
`dot_fp8`: a dot of FP8 tiles whose partial sums stay in the dot unit's own accumulator; Pallas' dot asks for a float32
addition after every instruction instead, which Triton's does not.

Both work in Pallas' interpreter too, where they are a division and a float32 dot.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax._src.pallas.triton import lowering
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jaxlib.mlir import ir
from jaxlib.triton import dialect

_UNLIMITED = 1 << 30  # more additions than any tile has


def div_rn(x: jax.Array, y: jax.Array) -> jax.Array:
    """x / y rounded to nearest even; float32 tiles of one shape."""
    result: jax.Array = _div_rn.bind(x, y)
    return result


def dot_fp8(a: jax.Array, b: jax.Array) -> jax.Array:
    """float32 [M, N] = a [M, K] @ b [K, N] for FP8 tiles."""
    result: jax.Array = _dot_fp8.bind(a, b)
    return result


def _register(name: str, shape: Any, plain: Any, lower: Any) -> Primitive:
    primitive = Primitive(name)
    primitive.def_abstract_eval(shape)
    primitive.def_impl(plain)
    mlir.register_lowering(primitive, mlir.lower_fun(plain, multiple_results=False))
    lowering.triton_lowering_rules[primitive] = lower
    return primitive


def _dot_shape(a: Any, b: Any) -> jax.core.ShapedArray:
    return jax.core.ShapedArray((a.shape[0], b.shape[1]), jnp.float32)


def _dot_plain(a: Any, b: Any) -> Any:
    return jnp.dot(a.astype(jnp.float32), b.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)


def _lower_dot(context: Any, a: Any, b: Any) -> Any:
    m, n = context.avals_out[0].shape
    acc = lowering._zeros(ir.RankedTensorType.get([m, n], ir.F32Type.get()))
    return dialect.dot(a, b, acc, max_num_imprecise_acc=_UNLIMITED)


_div_rn = _register(
    "div_rn",
    lambda x, _: jax.core.ShapedArray(x.shape, x.dtype),
    lambda x, y: x / y,
    lambda _, x, y: dialect.precise_divf(x, y),
)
_dot_fp8 = _register("dot_fp8", _dot_shape, _dot_plain, _lower_dot)
