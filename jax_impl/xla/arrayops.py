"""The executor's array namespace over jax.numpy, for use under jit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.division import divide
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import INT64, ElementFormat
from specs.tile.interpret.arrayops import NUMPY_DTYPES, LoopBody, ModuleOps, RowFunction
from specs.tile.interpret.windows import Window, slice_of
from specs.tile.ir import Opcode


class JaxOps(ModuleOps):
    """ArrayOps whose buffers are values: `put` returns the new one."""

    functional = True

    def __init__(self) -> None:
        super().__init__(jnp)
        self._binary[Opcode.DIV] = divide

    def cast(self, x: Any, element: ElementFormat) -> Any:
        """Conversion; nearest even. 64-bit integers exist in JAX only where they are switched on."""
        if element == INT64 and not jax.config.read("jax_enable_x64"):
            raise Unsupported("64-bit offsets", "arrays of 2**31 elements need jax_enable_x64")
        return super().cast(x, element)

    def bitcast(self, x: Any, element: ElementFormat) -> Any:
        """The same bits as another format."""
        return jax.lax.bitcast_convert_type(x, NUMPY_DTYPES[element])

    def matmul(self, a: Any, b: Any) -> Any:
        """Batched product summed in float32, at full precision on devices that default to less."""
        product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST, preferred_element_type=jnp.float32)
        if len(b.shape) == 2 and a.shape[:-1] == (1,):  # as the transpose, on a CPU in a third of the time
            return product(b.T, a.T).T
        return product(a, b)

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a 1-D buffer; the program has made sure that offsets are in range."""
        return _gathered(flat, offsets, _elements)

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """The buffer with values written; masked offsets are moved out of range and dropped."""
        if mask is not None:
            offsets = jnp.where(mask, offsets, flat.shape[0])
        return _like(_bytes(flat).at[offsets].set(_bytes(values), mode="drop"), flat)

    def take_runs(self, flat: Any, starts: Any, count: int, *, rows: bool, mask: Any = None, other: Any = None) -> Any:
        """Elements from each start on, as windows: on a CPU half the time of as many elements."""
        del rows
        windows = jax.lax.GatherDimensionNumbers(
            offset_dims=(starts.ndim,), collapsed_slice_dims=(), start_index_map=(0,)
        )

        def gather(held: Any, at: Any) -> Any:
            return jax.lax.gather(held, at[..., None], windows, (count,), mode="promise_in_bounds")

        loaded = _gathered(flat, starts, gather)
        return loaded if mask is None else self.where(mask[..., None], loaded, other)

    def put_runs(self, flat: Any, starts: Any, values: Any, mask: Any | None, *, rows: bool) -> Any:
        """The buffer with windows written, masked ones dropped: on a CPU a tenth of the time of as many elements."""
        del rows
        if mask is not None:
            starts = jnp.where(mask, starts, flat.shape[0])
        windows = jax.lax.ScatterDimensionNumbers(
            update_window_dims=(starts.ndim,), inserted_window_dims=(), scatter_dims_to_operand_dims=(0,)
        )
        written = jax.lax.scatter(_bytes(flat), starts[..., None], _bytes(values), windows, mode="drop")
        return _like(written, flat)

    def array(self, x: Any) -> Any:
        """A constant of the program."""
        return jnp.asarray(x)

    def pad(self, x: Any, margins: tuple[tuple[int, int], ...], value: Any | None) -> Any:
        """Elements around an array, 8-bit floats as bytes."""
        fill = jnp.asarray(0 if value is None else value, x.dtype)
        padded = jax.lax.pad(_bytes(x), _bytes(fill), [(low, high, 0) for low, high in margins])
        return _like(padded, x)

    def take_window(self, flat: Any, window: Window, *, stays: bool) -> Any | None:
        """A slice of the buffer in the shape of its rows."""
        del stays  # arrays are values
        found = slice_of(window, flat.shape[0])
        if found is None:
            return None
        bits = _bits(flat)
        if found.end - found.start < flat.shape[0]:
            bits = jax.lax.slice(bits, (found.start,), (found.end,))
        bits = jax.lax.slice(bits.reshape(found.shape), found.first, found.last)
        return _like(jnp.broadcast_to(bits.reshape(found.sizes).transpose(found.order), window.sizes), flat)

    def put_window(self, flat: Any, window: Window, values: Any) -> Any | None:
        """A slice updated; in place where XLA may."""
        found = slice_of(window, flat.shape[0])
        if found is None or found.end - found.start < flat.shape[0] or prod(found.sizes) < prod(window.sizes):
            return None
        inverse = sorted(range(len(found.order)), key=found.order.__getitem__)
        part = _bits(values).transpose(inverse).reshape([b - a for a, b in zip(found.first, found.last, strict=True)])
        if part.size == flat.shape[0]:
            return _like(part.reshape(-1), flat)
        whole = jax.lax.dynamic_update_slice(_bits(flat).reshape(found.shape), part, found.first)
        return _like(whole.reshape(-1), flat)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Selection with broadcasting."""
        return _like(jnp.where(condition, _bytes(x), _bytes(y)), x)

    def seen(self, conditions: Any) -> bool:
        """Never: values are not known while tracing, and a compiled program does not depend on whether they are."""
        return False

    def loop(self, lower: Any, upper: Any, body: LoopBody, carried: list[Any]) -> list[Any]:
        """A traced loop."""

        def step(k: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(body(k, list(state)))

        return list(jax.lax.fori_loop(lower, upper, step, tuple(carried)))

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> Any:
        """A traced loop, so that one program does for any number of rows."""
        rows = arrays[0].shape[-2]
        count = -(-rows // size)

        def parted(array: Any) -> Any:
            array = jnp.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, (count + 1) * size - rows), (0, 0)])
            return jnp.moveaxis(array.reshape(*array.shape[:-2], -1, size, array.shape[-1]), -3, 0)

        blocks = [parted(array) for array in arrays]
        result = jax.eval_shape(function, [block[0] for block in blocks])

        def step(i: Any, out: Any) -> Any:
            part = [jax.lax.dynamic_index_in_dim(block, i, keepdims=False) for block in blocks]
            return jax.lax.dynamic_update_index_in_dim(out, function(part), i, 0)

        # XLA takes a single step out of its loop, if it sees that no other runs, or that each reads the same rows.
        # What is around it then decides about the layout of the weight, the library's kernel, and the bits.
        steps = jax.lax.optimization_barrier(jnp.asarray(count, jnp.int32))
        found = jax.lax.fori_loop(0, steps, step, jnp.zeros((blocks[0].shape[0], *result.shape), result.dtype))
        found = jnp.moveaxis(found, 0, -3)
        return found.reshape(*found.shape[:-3], -1, found.shape[-1])[..., :rows, :]


def _bytes(x: Any) -> Any:
    """8-bit floats as bytes: XLA moves some of them as wider floats, which have only one NaN."""
    narrow = x.dtype.itemsize == 1 and jnp.issubdtype(x.dtype, jnp.floating)
    return jax.lax.bitcast_convert_type(x, jnp.uint8) if narrow else x


def _bits(x: Any) -> Any:
    """Floats narrower than 32 bits as bits: XLA moves some as wider ones."""
    if not jnp.issubdtype(x.dtype, jnp.floating) or x.dtype.itemsize > 2:
        return x
    return jax.lax.bitcast_convert_type(x, _BITS[x.dtype.itemsize])


_BITS = {1: jnp.uint8, 2: jnp.uint16}


def _elements(flat: Any, offsets: Any) -> Any:
    return flat.at[offsets].get(mode="promise_in_bounds")


def _gathered(flat: Any, offsets: Any, gather: Callable[[Any, Any], Any]) -> Any:
    """What `gather` finds in a buffer, 8-bit floats and bfloat16 as bits.

    XLA moves some 8-bit floats as wider ones, which have only one NaN. On CPUs it gathers from bfloat16 by way of
    float32, into which it converts the whole buffer: a cache of 15,360 pages, for a request of four.
    """
    if flat.dtype != jnp.bfloat16 and _bytes(flat) is flat:
        return gather(flat, offsets)
    # In a loop, XLA would copy the bits of the whole buffer before it begins, unless they seem to depend on offsets.
    held, offsets = jax.lax.optimization_barrier((flat, offsets))
    bits = jax.lax.bitcast_convert_type(held, _BITS[flat.dtype.itemsize])
    return _like(gather(bits, offsets), flat)


def _like(moved: Any, x: Any) -> Any:
    """The inverse of `_bytes`."""
    return moved if moved.dtype == x.dtype else jax.lax.bitcast_convert_type(moved, x.dtype)


JAX_OPS = JaxOps()
