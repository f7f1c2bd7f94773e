"""Quantised tensors: made of tensors or of files, and multiplied.

w = quantize(weight, FP8_BLOCK_128)                       # [N, K]
y = linear(x, w, bias)                                    # x W^T + bias, by the product of the format
y = ops.fp8_gemm(q, w, a_scale)                           # operations take it for their weight and its scales
layer.weight = torch.nn.Parameter(w, requires_grad=False) # torch.nn.Linear multiplies by it
"""

from __future__ import annotations

from typing import Any, cast

from specs.extras import hints

with hints("torch"):
    import torch

import specs
from specs.lang.errors import Unsupported, WrongType
from specs.lang.formats import blocks, elements, packed, packing
from specs.lang.formats.elements import BF16, F16, F32
from specs.quantized.arrays import Form, encode
from specs.quantized.products import Product, product_of
from torch_impl import ops
from torch_impl.formats import FORMATS, from_numpy, to_numpy
from torch_impl.quantized_tensor import FUNCTIONS, QuantizedTensor

__all__ = ["QuantizedTensor", "linear", "quantize"]


def quantize(w: torch.Tensor, form: Form) -> QuantizedTensor:
    """A tensor in a block format, on its device; the same bytes as `jax_impl.quantized.quantize` gives.

    The definition of the format does it, on the host: weights are quantised once. For activations there are
    operations (`per_token_group_quant_fp8`, `mxfp4_quant` and others).

    Args:
        w: [.., N, K], bfloat16, float16 or float32; leading dimensions are weights of their own.
        form: a block format of `specs.lang.formats.named` or `specs.lang.formats.ggml`.

    Raises:
        ArgumentError: blocks do not divide the tensor, or it has another type.
    """
    if isinstance(w, QuantizedTensor):
        raise WrongType(op="quantize", argument="w", expected="a plain tensor", actual=f"one in {w.format.name}")
    if FORMATS.get(w.dtype) not in (BF16, F16, F32):
        raise WrongType(op="quantize", argument="w", expected="bfloat16, float16 or float32", actual=w.dtype)
    arrays = {name: from_numpy(array, w.device) for name, array in encode(to_numpy(w), form).items()}
    return QuantizedTensor(arrays, form, w.dtype)


def linear(
    x: torch.Tensor,
    w: QuantizedTensor,
    bias: torch.Tensor | None = None,
    *,
    out_dtype: torch.dtype | None = None,
    invariant: bool = False,
    implementation: str | None = None,
) -> torch.Tensor:
    """x W^T + bias, by the product of the weight's format (`specs.quantized.products.product_of`).

    Activations are quantised first where that product takes no others. `torch.nn.functional.linear` is this function
    where the weight is quantised.

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
        return _stacked(x, w, bias, product=product, out=out, **how)
    batches, *rows, columns = x.shape
    x = x.reshape(-1, columns)
    offsets = torch.arange(batches + 1, dtype=torch.int32, device=x.device) * (x.shape[0] // max(batches, 1))
    settings = {"b": w, "offsets": offsets, "bias": bias, "out_dtype": out, **how}
    found: torch.Tensor = ops.function(product.stacked)(x, **settings)
    return found.reshape(batches, *rows, -1)


def _stacked(x: torch.Tensor, w: QuantizedTensor, bias: torch.Tensor | None, **how: Any) -> torch.Tensor:
    """vmap over the arrays of stacked weights."""

    def one(x: torch.Tensor, arrays: dict[str, torch.Tensor], bias: torch.Tensor | None) -> torch.Tensor:
        return _multiplied(x, QuantizedTensor(arrays, w.format, w.dtype), bias, **how)

    dims = (0, dict.fromkeys(w.arrays(), 0), None if bias is None else 0)
    try:
        found: torch.Tensor = torch.vmap(one, in_dims=dims)(x, w.arrays(), bias)
    except Unsupported as error:
        raise Unsupported(f"linear with stacked weights in {w.format.name}", f"loop over them; {error}") from error
    return found


def _multiplied(
    x: torch.Tensor, w: QuantizedTensor, bias: torch.Tensor | None, *, product: Product, out: torch.dtype, **how: Any
) -> torch.Tensor:
    """x W^T + bias of one weight [N, K]."""
    given = {"a": x} if isinstance(x, QuantizedTensor) else _activations(x, w, product, how["implementation"])
    takes_out = any(attribute.name == "out_dtype" for attribute in specs.get(product.op).attributes)
    settings = {"b": w, "bias": bias, **how, **({"out_dtype": out} if takes_out else {})}
    result: torch.Tensor = ops.function(product.op)(**given, **settings)
    return result.to(out)


def _activations(
    x: torch.Tensor, w: QuantizedTensor, product: Product, implementation: str | None
) -> dict[str, torch.Tensor]:
    """Arguments of the product for the activations."""
    if product.quantiser is None:
        return {"a": x}
    settings, columns = dict(product.settings), x.shape[-1]
    if "group" in settings:  # zeros at the end of the last group change neither its largest value nor its codes
        x = torch.nn.functional.pad(x, (0, -columns % cast(int, settings["group"])))
    found: dict[str, Any] = {}
    if isinstance(w.format, blocks.BlockFormat) and w.format.tensor_scale is not None:
        amax = x.float().abs().amax()
        found["a_global_scale"] = torch.where(amax > 0, w.format.tensor_range / amax, 1.0)
        settings["global_scale"] = found["a_global_scale"]
    how = None if implementation == "dequant" else implementation  # only products have a weight to dequantise
    codes, scale = ops.function(product.quantiser)(x, **settings, implementation=how)
    return found | {"a": codes[..., :columns], "a_scale": scale}


FUNCTIONS[torch.nn.functional.linear] = linear
# `torch.load` reads a quantised tensor with weights_only=True: formats are plain values of these classes.
_PLAIN: list[Any] = [
    kind
    for module in (blocks, elements, packed, packing)
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__
]
torch.serialization.add_safe_globals([QuantizedTensor, *_PLAIN])
