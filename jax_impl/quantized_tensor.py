"""A quantised tensor as a pytree: codes, scales, and the block format as static data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax

import jax.numpy as jnp
import numpy as np

from jax_impl.formats import dtype_of
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BF16, ElementFormat
from specs.quantized.arrays import ARRAYS, Form, decode, value_shape
from specs.quantized.products import View


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantizedTensor:
    """A tensor [.., N, K] in a block format: `jax_impl.quantized.quantize` makes one of an array.

    A pytree whose leaves are its arrays, so `jit`, donation, `scan` and `vmap` over stacked ones, `device_put` and
    shardings treat it as they treat any other parameters. Nothing is checked before a product takes it: transforms
    make trees of tracers, shardings and shapes.

    Arrays are as products take them in weight_order "nk": `specs.quantized.arrays` has their shapes.
    """

    codes: Any
    """Codes, as many to an element as the format packs."""
    scale: Any = None
    """Scales of the blocks; None for blocks of GGUF files, which hold their own."""
    zero_point: Any = None
    """Zero points of INT4 groups, eight N per word; None: 8 everywhere."""
    g_idx: Any = None
    """Column of the activations that multiplies column k of INT4 codes, int32 [K]; None: column k."""
    tensor_scale: Any = None
    """NVFP4: the number by which scales were multiplied, float32 [..]."""
    format: Form = field(metadata={"static": True})
    """The block format, from `specs.lang.formats.named` or `specs.lang.formats.ggml`."""
    values: ElementFormat = field(default=BF16, metadata={"static": True})
    """Format of the values, as `dequantize` returns them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[.., N, K], of the values."""
        return value_shape(self.codes.shape, self.format)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.codes.shape)

    @property
    def dtype(self) -> Any:
        """Of the values."""
        return dtype_of(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    def __getitem__(self, index: Any) -> QuantizedTensor:
        """One of stacked weights; `[...]` is the tensor itself, as flax reads its parameters.

        Raises:
            Unsupported: there is one weight, or the index goes into it.
        """
        if index is Ellipsis:
            return self
        if self.ndim < 3 or isinstance(index, tuple):
            raise Unsupported("an index into a quantised tensor", "only the first of three dimensions, stacked weights")
        found: QuantizedTensor = jax.tree.map(lambda array: array[index], self)
        return found

    def arrays(self) -> Mapping[str, Any]:
        """The arrays that it has, by name."""
        found = {name: getattr(self, name) for name in ARRAYS}
        return {name: array for name, array in found.items() if array is not None}

    def dequantize(self) -> jax.Array:
        """The values [.., N, K], rounded once to `dtype`. They are decoded on the host.

        Raises:
            Unsupported: under jit, where arrays have no values yet; products decode the codes themselves.
        """
        if any(isinstance(array, jax.core.Tracer) for array in self.arrays().values()):
            raise Unsupported("dequantize under jit", "values are decoded on the host; products take the tensor itself")
        found = decode({name: np.asarray(array) for name, array in self.arrays().items()}, self.format)
        return jnp.asarray(found, self.dtype)


def view(array: Any, how: View) -> Any:
    """An array as products take it."""
    if how in (View.BYTES, View.BYTES_SWAPPED):
        pieces = jax.lax.bitcast_convert_type(array, jnp.uint8)
        array = pieces.reshape(*array.shape[:-1], 4 * array.shape[-1])
    return jnp.swapaxes(array, -1, -2) if how in (View.SWAPPED, View.BYTES_SWAPPED) else array
