"""Loads and stores of any element format in an array of bytes, which Pallas references cannot express.

An element is addressed by page, byte of the page, and index from that byte on. The pointer is cast once per row, before
the index is added, so that the compiler sees contiguous elements; pages are multiplied in 64 bits. On GPUs only: where
there are no pointers, programs are rewritten to single bytes before they come here.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.pallas.triton import lowering
from jax._src.state.types import ReadEffect, WriteEffect
from jax.extend.core import Primitive
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import arith
from jaxlib.triton import dialect


def load_view(ref: Any, page: Any, byte: Any, index: Any, dtype: Any, mask: Any = None) -> jax.Array:
    """Elements of `dtype` of `ref` (uint8 [pages, bytes]); zero, and not read, where `mask` is false.

    page, byte, index: int32 tiles that broadcast against each other, or scalars.
    """
    masks = () if mask is None else (mask,)
    result: jax.Array = _load_view.bind(ref, page, byte, index, *masks, dtype=jnp.dtype(dtype).name)
    return result


def store_view(ref: Any, page: Any, byte: Any, index: Any, value: jax.Array, mask: Any = None) -> None:
    """Writes `value` where `load_view` would read it."""
    masks = () if mask is None else (mask,)
    _store_view.bind(ref, page, byte, index, value, *masks)


def _shape(*avals: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*(aval.shape for aval in avals))


def _load_shape(_ref: Any, page: Any, byte: Any, index: Any, *_mask: Any, dtype: str) -> Any:
    return jax.core.ShapedArray(_shape(page, byte, index), jnp.dtype(dtype)), {ReadEffect(0)}


def _store_shape(*_: Any) -> Any:
    return (), {WriteEffect(0)}


def _pointers(context: Any, base: Any, address: Any, dtype: Any) -> Any:
    """Pointers to elements: ((base + page * bytes + byte) as pointers to `dtype`) + index."""
    ref, *avals = context.avals_in[:4]
    page, byte, index = (lowering._ensure_ir_value(x, aval) for x, aval in zip(address, avals, strict=True))
    wide = lowering._ir_cast(page, ir.IntegerType.get_signless(64), signed=True)
    stride = lowering._bcast_to(arith.constant(ir.IntegerType.get_signless(64), ref.shape[1]), avals[0].shape)
    rows = lowering._add(lowering._bcast_to(base, avals[0].shape), arith.muli(wide, stride))
    shape = _shape(*avals[:2])
    rows = lowering._add(lowering._bcast_to(rows, shape), lowering._bcast_to(byte, shape))
    space = dialect.PointerType(base.type).address_space
    pointer = dialect.PointerType.get(lowering._dtype_to_ir_type(dtype), space)
    if pointer != base.type:
        rows = dialect.bitcast(ir.RankedTensorType.get(shape, pointer) if shape else pointer, rows)
    shape = _shape(*avals)
    return lowering._add(lowering._bcast_to(rows, shape), lowering._bcast_to(index, shape))


def _lower_load(context: Any, base: Any, *operands: Any, dtype: str) -> Any:
    pointers = _pointers(context, base, operands[:3], jnp.dtype(dtype))
    (out,) = context.avals_out
    if len(operands) == 3:
        return lowering._load(pointers)
    mask = lowering._bcast_to(lowering._ensure_ir_value(operands[3], context.avals_in[4]), out.shape)
    element = lowering._dtype_to_ir_type(out.dtype)
    zero = lowering._zeros(ir.RankedTensorType.get(out.shape, element) if out.shape else element)
    return lowering._load(pointers, mask=mask, other=zero)


def _lower_store(context: Any, base: Any, *operands: Any) -> Any:
    value, *mask = operands[3:]
    aval, *mask_aval = context.avals_in[4:]
    pointers = _pointers(context, base, operands[:3], aval.dtype)
    value = lowering._bcast_to(lowering._ensure_ir_value(value, aval), _shape(*context.avals_in[1:5]))
    condition = None
    if mask:
        condition = lowering._bcast_to(lowering._ensure_ir_value(mask[0], mask_aval[0]), _shape(*context.avals_in[1:5]))
    lowering._store(pointers, value, condition)
    return ()


_load_view = Primitive("load_view")
_load_view.def_effectful_abstract_eval(_load_shape)
lowering.triton_lowering_rules[_load_view] = _lower_load
_store_view = Primitive("store_view")
_store_view.multiple_results = True
_store_view.def_effectful_abstract_eval(_store_shape)
lowering.triton_lowering_rules[_store_view] = _lower_store
