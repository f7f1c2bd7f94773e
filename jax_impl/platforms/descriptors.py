"""Tensor descriptors of the Triton dialect, which Pallas does not expose: loads and stores of 2-D blocks of a matrix.

Bounds are checked by hardware where it has loads and stores of blocks, and a thread needs no address and no mask of its
own. Rows and columns outside of the matrix are zero when loaded, and are not stored. On GPUs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax._src.pallas.triton import lowering
from jax._src.state.types import ReadEffect, WriteEffect
from jax.extend.core import Primitive
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import arith
from jaxlib.triton import dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDescriptor:
    """A matrix in an array, and the shape of its blocks; see `make_tensor_descriptor`.

    at: of each dimension of the array, the index; -1 for the two along which the matrix lies.
    """

    ref: Any
    at: tuple[Any, ...]
    shape: tuple[Any, Any]
    block_shape: tuple[int, int]

    def load(self, starts: Sequence[Any]) -> jax.Array:
        """The block whose first element is in row starts[0] and column starts[1]."""
        result: jax.Array = _load_block.bind(self.ref, *self._integers(starts), **self._statics())
        return result

    def store(self, starts: Sequence[Any], value: jax.Array) -> None:
        """Writes `value` where `load` would read it."""
        _store_block.bind(self.ref, value, *self._integers(starts), **self._statics())

    def _integers(self, starts: Sequence[Any]) -> list[Any]:
        given = (*(index for index in self.at if index is not None), *self.shape, *starts)
        return [jax.numpy.asarray(one, jax.numpy.int32) for one in given]

    def _statics(self) -> dict[str, Any]:
        return {"axes": tuple(d for d, index in enumerate(self.at) if index is None), "block_shape": self.block_shape}


def make_tensor_descriptor(
    ref: Any, at: Sequence[Any], *, shape: Sequence[Any], block_shape: Sequence[int]
) -> TensorDescriptor:
    """The matrix `ref[at]` of a row-major array, of which blocks can be loaded and stored.

    Args:
        at: index of every dimension; None for the two along which the matrix lies, the last one among them.
        shape: rows and columns that exist.
        block_shape: rows and columns of blocks.
    """
    rows, columns = shape
    height, width = block_shape
    return TensorDescriptor(ref=ref, at=tuple(at), shape=(rows, columns), block_shape=(height, width))


def _load_shape(ref: Any, *_: Any, axes: tuple[int, ...], block_shape: tuple[int, int]) -> Any:
    del axes
    return jax.core.ShapedArray(block_shape, ref.dtype), {ReadEffect(0)}


def _store_shape(*_: Any, **__: Any) -> Any:
    return (), {WriteEffect(0)}


def _descriptor(
    context: Any, base: Any, integers: Sequence[Any], axes: tuple[int, ...], block_shape: tuple[int, int]
) -> tuple[Any, list[Any]]:
    """The descriptor, and the starts of a block."""
    ref, *avals = context.avals_in
    values = [lowering._ensure_ir_value(one, aval) for one, aval in zip(integers, avals[-len(integers) :], strict=True)]
    *indices, height, width, row, column = values
    strides = _strides(ref.shape)
    others = [d for d in range(len(ref.shape)) if d not in axes]
    for d, index in zip(others, indices, strict=True):
        base = lowering._add(base, arith.muli(index, lowering._i32_constant(strides[d])))
    element = dialect.PointerType(base.type).pointee_type
    found = dialect.make_tensor_descriptor(
        ir.Type.parse(f"!tt.tensordesc<{'x'.join(map(str, block_shape))}x{element}>"),
        base,
        [height, width],
        [lowering._i64_constant(strides[d]) for d in axes],
    )
    return found, [row, column]


def _strides(shape: Sequence[int]) -> list[int]:
    found = [1]
    for size in shape[:0:-1]:
        found.insert(0, found[0] * size)
    return found


def _lower_load(context: Any, base: Any, *integers: Any, axes: tuple[int, ...], block_shape: tuple[int, int]) -> Any:
    found, starts = _descriptor(context, base, integers, axes, block_shape)
    element = dialect.PointerType(base.type).pointee_type
    return dialect.descriptor_load(ir.RankedTensorType.get(block_shape, element), found, starts)


def _lower_store(
    context: Any, base: Any, value: Any, *integers: Any, axes: tuple[int, ...], block_shape: tuple[int, int]
) -> Any:
    found, starts = _descriptor(context, base, integers, axes, block_shape)
    dialect.descriptor_store(found, lowering._ensure_ir_value(value, context.avals_in[1]), starts)
    return ()


_load_block = Primitive("load_block")
_load_block.def_effectful_abstract_eval(_load_shape)
_rules: dict[Any, Any] = lowering.triton_lowering_rules
_rules[_load_block] = _lower_load
_store_block = Primitive("store_block")
_store_block.multiple_results = True
_store_block.def_effectful_abstract_eval(_store_shape)
_rules[_store_block] = _lower_store
