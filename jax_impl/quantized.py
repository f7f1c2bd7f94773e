"""Quantised tensors: made of arrays or of files, and multiplied.

w = quantize(weight, FP8_BLOCK_128)              # [N, K], a pytree
y = linear(x, w, bias)                           # x W^T + bias, by the product of the format
y = ops.fp8_gemm(q, w, a_scale)                  # operations take it for their weight and its scales
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any, cast

from specs.extras import hints

with hints("jax"):
    import jax

import jax.numpy as jnp
import numpy as np

import specs
from jax_impl import ops
from jax_impl.formats import format_of
from jax_impl.quantized_tensor import QuantizedTensor
from specs.lang.errors import Unsupported, WrongType
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import BF16, F16, F32
from specs.quantized.arrays import Form, encode
from specs.quantized.products import Product, product_of

__all__ = ["QuantizedTensor", "linear", "quantize"]


def quantize(w: Any, form: Form) -> QuantizedTensor:
    """A tensor in a block format; the same bytes as `torch_impl.quantized.quantize` gives.

    The definition of the format does it, on the host: weights are quantised once. For activations there are
    operations (`per_token_group_quant_fp8`, `mxfp4_quant` and others).

    Args:
        w: [.., N, K], bfloat16, float16 or float32; leading dimensions are weights of their own.
        form: a block format of `specs.lang.formats.named` or `specs.lang.formats.ggml`.

    Raises:
        ArgumentError: blocks do not divide the tensor, or it has another type.
        Unsupported: under jit.
    """
    if isinstance(w, jax.core.Tracer):
        raise Unsupported("quantize under jit", "formats encode on the host; quantise the weight before")
    if not isinstance(w, jax.Array | np.ndarray):
        raise WrongType(op="quantize", argument="w", expected="an array", actual=type(w).__name__)
    values = format_of("quantize", "w", w.dtype)
    if values not in (BF16, F16, F32):
        raise WrongType(op="quantize", argument="w", expected="bfloat16, float16 or float32", actual=w.dtype)
    arrays = {name: jnp.asarray(array) for name, array in encode(np.asarray(w), form).items()}
    return QuantizedTensor(**arrays, format=form, values=values)


def linear(
    x: jax.Array,
    w: QuantizedTensor,
    bias: jax.Array | None = None,
    *,
    out_dtype: Any = None,
    invariant: bool = False,
    implementation: str | None = None,
) -> jax.Array:
    """x W^T + bias, by the product of the weight's format (`specs.quantized.products.product_of`).

    Activations are quantised first where that product takes no others.

    Args:
        x: [.., K]; [E, .., K] for stacked weights, a batch for each. Or quantised already, a `QuantizedTensor`.
        w: [N, K], or [E, N, K].
        bias: [N]; of stacked weights [E, N].
        out_dtype: of the result; that of x when left out.
        invariant: a row has the same bits whatever the number of rows.

    Returns:
        [.., N]; [E, .., N].

    Raises:
        ArgumentError: arguments do not fit the weight or each other.
        Unsupported: no product takes weights of this format and number of dimensions.
    """
    product = product_of(w.format, w.ndim)
    out = x.dtype if out_dtype is None else out_dtype
    how: dict[str, Any] = {"invariant": invariant, "implementation": implementation}
    if w.ndim == 2:
        return _multiplied(x, w, bias, product=product, out=out, **how)
    if product.stacked is None:
        try:
            one: Any = partial(_multiplied, product=product, out=out, **how)
            found: jax.Array = jax.vmap(one)(x, w, bias)
        except Unsupported as error:
            raise Unsupported(f"linear with stacked weights in {w.format.name}", f"scan over them; {error}") from error
        return found
    batches, *rows, columns = x.shape
    offsets = jnp.arange(batches + 1, dtype=jnp.int32) * prod(rows)
    settings = {"b": w, "offsets": offsets, "bias": bias, "out_dtype": out, **how}
    return ops.function(product.stacked)(x.reshape(-1, columns), **settings).reshape(batches, *rows, -1)


def _multiplied(x: Any, w: QuantizedTensor, bias: Any, *, product: Product, out: Any, **how: Any) -> Any:
    """x W^T + bias of one weight [N, K]."""
    given = {"a": x} if isinstance(x, QuantizedTensor) else _activations(x, w, product, how["implementation"])
    takes_out = any(attribute.name == "out_dtype" for attribute in specs.get(product.op).attributes)
    settings = {"b": w, "bias": bias, **how, **({"out_dtype": out} if takes_out else {})}
    result = ops.function(product.op)(**given, **settings)
    return result.astype(out)


def _activations(x: jax.Array, w: QuantizedTensor, product: Product, implementation: str | None) -> dict[str, Any]:
    """Arguments of the product for the activations."""
    if product.quantiser is None:
        return {"a": x}
    settings, columns = dict(product.settings), x.shape[-1]
    if "group" in settings:  # zeros at the end of the last group change neither its largest value nor its codes
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, -columns % cast(int, settings["group"]))])
    found: dict[str, Any] = {}
    if isinstance(w.format, BlockFormat) and w.format.tensor_scale is not None:
        amax = jnp.max(jnp.abs(x.astype(jnp.float32)), initial=0.0)
        found["a_global_scale"] = jnp.where(amax > 0, w.format.tensor_range / amax, 1).astype(jnp.float32)
        settings["global_scale"] = found["a_global_scale"]
    how = None if implementation == "dequant" else implementation  # only products have a weight to dequantise
    codes, scale = ops.function(product.quantiser)(x, **settings, implementation=how)
    return found | {"a": codes[..., :columns], "a_scale": scale}
