"""The executor's array namespace over torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch

from specs.lang.formats.elements import BOOL, INT32, ElementFormat
from specs.tile.interpret.arrayops import NUMPY_DTYPES, LoopBody, RowFunction, parts_of
from specs.tile.interpret.windows import Window
from specs.tile.ir import Opcode
from torch_impl.ambient import in_full_precision
from torch_impl.eager import moving
from torch_impl.eager.rows import places_of, put_rows, take_rows
from torch_impl.formats import DTYPES

_UNARY: dict[Opcode, Callable[[Any], Any]] = {
    Opcode.NEG: torch.neg,
    Opcode.ABS: torch.abs,
    Opcode.NOT: torch.logical_not,
    Opcode.EXP2: torch.exp2,
    Opcode.LOG2: torch.log2,
    Opcode.SQRT: torch.sqrt,
    Opcode.FLOOR: torch.floor,
    Opcode.ROUND: torch.round,
}
_BINARY: dict[Opcode, Callable[[Any, Any], Any]] = {
    Opcode.ADD: torch.add,
    Opcode.SUB: torch.sub,
    Opcode.MUL: torch.mul,
    Opcode.DIV: torch.div,
    Opcode.IDIV: lambda a, b: torch.div(a, b, rounding_mode="floor"),
    Opcode.IMOD: torch.remainder,
    Opcode.MIN: torch.minimum,
    Opcode.MAX: torch.maximum,
    Opcode.AND: torch.bitwise_and,
    Opcode.OR: torch.bitwise_or,
    Opcode.XOR: torch.bitwise_xor,
    Opcode.SHL: torch.bitwise_left_shift,
    Opcode.SHR: torch.bitwise_right_shift,
    Opcode.EQ: torch.eq,
    Opcode.NE: torch.ne,
    Opcode.LT: torch.lt,
    Opcode.LE: torch.le,
    Opcode.GT: torch.gt,
    Opcode.GE: torch.ge,
}
_REDUCE: dict[Opcode, Callable[..., Any]] = {Opcode.AMAX: torch.amax, Opcode.AMIN: torch.amin}

_FEW_ROWS = range(4, 33)  # of products that MKL does faster as the transpose
_FEW = 2048  # elements that torch's own cast has done before a table is looked up
_EIGHT_BITS = frozenset({torch.float8_e4m3fn, torch.float8_e5m2})


@cache
def _values(dtype: torch.dtype) -> torch.Tensor:
    """float32 values of the 256 codes of an 8-bit format."""
    with torch.inference_mode(False):  # a tensor that is kept serves calls under any mode
        return torch.arange(256, dtype=torch.uint8, device="cpu").view(dtype).to(torch.float32)


def _decoded(x: torch.Tensor) -> torch.Tensor:
    """float32 values of 8-bit floats by table, in the same strides: torch's own cast takes 5 times as long on a CPU."""
    codes = x.view(torch.uint8)
    if codes.is_contiguous():
        return torch.index_select(_values(x.dtype), 0, codes.view(-1).to(torch.int32)).view(codes.shape)
    order = sorted(range(codes.dim()), key=codes.stride, reverse=True)  # elements in the order of memory
    codes = codes.permute(order)
    values = torch.index_select(_values(x.dtype), 0, codes.reshape(-1).to(torch.int32)).view(codes.shape)
    return values.permute([order.index(d) for d in range(len(order))])


@lru_cache(maxsize=64)
def has_float64(device: torch.device) -> bool:
    """Whether a device computes in float64; some of Intel's do not."""
    return device.type != "xpu" or bool(torch.xpu.get_device_properties(device).has_fp64)


def as_tensor(x: Any) -> torch.Tensor:
    """The tensor of the same memory, of a copy where that must not be written."""
    array = np.asarray(x)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def padded(x: np.ndarray[Any, Any], margins: tuple[tuple[int, int], ...], value: Any | None) -> np.ndarray[Any, Any]:
    """A numpy array with elements before and after it along every axis."""
    shape = [low + size + high for size, (low, high) in zip(x.shape, margins, strict=True)]
    result = np.full(shape, 0 if value is None else value, x.dtype)
    result[tuple(slice(low, low + size) for size, (low, _) in zip(x.shape, margins, strict=True))] = x
    return result


def window_of(flat: np.ndarray[Any, Any], window: Window, *, stays: bool) -> np.ndarray[Any, Any]:
    """A view of a window of a numpy array, or a copy where the array may change."""
    size = flat.itemsize
    strides = [stride * size for stride in window.strides]
    view: np.ndarray[Any, Any] = np.ndarray(window.sizes, flat.dtype, flat, window.base * size, strides)
    return view if stays else view.copy()


def _for_blas(x: torch.Tensor) -> np.ndarray[Any, Any]:
    """The array, whose matrices are contiguous or transposed; numpy multiplies others without BLAS."""
    rows, columns = x.stride()[-2:]
    plain = (columns == 1 and rows >= x.shape[-1]) or (rows == 1 and columns >= x.shape[-2])
    array: np.ndarray[Any, Any] = (x if plain else x.contiguous()).numpy()
    return array


def multiplied(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """torch's product, on a CPU of few rows and a transposed matrix as its transpose: in half the time."""
    # Not of batches, whose strides would then decide which of two orders of sums they get.
    few = b.dim() == 2 and a.shape[-2] in _FEW_ROWS and a.device.type == "cpu"
    if few and b.stride() == (1, b.shape[0]) and b.shape[1] > 64:
        return torch.matmul(b.mT, a.mT).mT
    return torch.matmul(a, b)


class TorchOps:
    """ArrayOps on one device. Buffers are written in place."""

    functional = False

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def const(self, value: Any, element: ElementFormat) -> torch.Tensor:
        """A 0-d tensor."""
        return torch.tensor(value, dtype=DTYPES[element], device=self.device)

    def arange(self, n: int) -> torch.Tensor:
        """0 .. n-1, i32."""
        return torch.arange(n, dtype=torch.int32, device=self.device)

    def cast(self, x: torch.Tensor, element: ElementFormat) -> torch.Tensor:
        """Conversion; nearest even."""
        goal = DTYPES[element]
        if x.dtype == goal:
            return x
        if x.dtype in _EIGHT_BITS and x.device.type == "cpu" and x.numel() > _FEW:
            return _decoded(x).to(goal)
        return x.to(goal)

    def bitcast(self, x: torch.Tensor, element: ElementFormat) -> torch.Tensor:
        """The same bits as another format."""
        return x.contiguous().view(DTYPES[element])

    def unary(self, code: Opcode) -> Callable[[Any], Any]:
        """An elementwise function."""
        return _UNARY[code]

    def binary(self, code: Opcode) -> Callable[[Any, Any], Any]:
        """An elementwise function of two tensors."""
        return _BINARY[code]

    def array(self, x: np.ndarray[Any, Any]) -> torch.Tensor:
        """A tensor on the device; of 8-bit floats and bfloat16 by their bits."""
        form = next(form for form, dtype in NUMPY_DTYPES.items() if dtype == x.dtype)
        bits = np.array(x, order="C")  # torch reads none that is broadcast
        if form != BOOL:
            bits = bits.view(f"i{x.dtype.itemsize}")
        return torch.from_numpy(bits).view(DTYPES[form]).to(self.device)

    def pad(self, x: torch.Tensor, margins: moving.Margins, value: Any | None) -> torch.Tensor:
        """Elements around a tensor."""
        return moving.pad(margins, value)(x)

    def take_window(self, flat: torch.Tensor, window: Window, *, stays: bool) -> torch.Tensor | None:
        """A view, or a copy where the buffer may change."""
        return None if min(window.strides, default=0) < 0 else moving.take_window(window, stays=stays)(flat)

    def put_window(self, flat: torch.Tensor, window: Window, values: torch.Tensor) -> torch.Tensor | None:
        """Writes in place."""
        return None if min(window.strides, default=0) < 0 else moving.put_window(window)(flat, values)

    def where(self, condition: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Selection with broadcasting; 8-bit floats are moved as bytes."""
        if x.element_size() == 1 and x.is_floating_point():
            return torch.where(condition, x.view(torch.uint8), y.view(torch.uint8)).view(x.dtype)
        return torch.where(condition, x, y)

    def reduce(self, code: Opcode, x: torch.Tensor, axis: int) -> torch.Tensor:
        """Sum, maximum, minimum or running sum along an axis, dtype kept."""
        if code is Opcode.SUM:
            return torch.sum(x, dim=axis, dtype=x.dtype)
        if code is Opcode.CUMSUM:
            return torch.cumsum(x, dim=axis, dtype=x.dtype)
        result: torch.Tensor = _REDUCE[code](x, dim=axis)
        return result

    def matmul(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Batched float32 product, whatever precision the process allows the products of torch."""
        # `torch.set_float32_matmul_precision` and its like are for the whole process: another thread's product could
        # be in between setting and restoring them. Neither numpy nor products of float64 read them.
        if in_full_precision(self.device):
            return multiplied(a, b)
        if self.device.type == "cpu":
            return torch.from_numpy(np.matmul(_for_blas(a), _for_blas(b)))
        if has_float64(self.device):
            return torch.matmul(a.double(), b.double()).float()
        return torch.matmul(a, b)

    def reshape(self, x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """Row-major reshape."""
        return x if x.shape == shape else x.reshape(shape)

    def broadcast(self, x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """Broadcast to a shape."""
        return x.expand(shape)

    def transpose(self, x: torch.Tensor, permutation: tuple[int, ...]) -> torch.Tensor:
        """Permuted dimensions."""
        return x.permute(permutation)

    def take(self, flat: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Elements of a 1-D buffer; 8-bit floats are moved as bytes."""
        if flat.element_size() == 1 and flat.is_floating_point():
            return flat.view(torch.uint8)[offsets].view(flat.dtype)
        return flat[offsets]

    def put(self, flat: torch.Tensor, offsets: Any, values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Writes in place."""
        target = flat
        if flat.element_size() == 1 and flat.is_floating_point():
            target, values = flat.view(torch.uint8), values.contiguous().view(torch.uint8)
        if mask is None:
            target[offsets] = values
        else:
            target[offsets[mask]] = values[mask]
        return flat

    def take_runs(
        self,
        flat: torch.Tensor,
        starts: torch.Tensor,
        count: int,
        *,
        rows: bool,
        mask: torch.Tensor | None = None,
        other: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Elements from each start on; rows are copied as wholes."""
        if rows and flat.device.type == "cpu":
            return take_rows(flat, places_of(count, starts, None if other is None else mask), other)
        moved = flat.view(torch.uint8) if flat.element_size() == 1 and flat.is_floating_point() else flat
        loaded = moved.unfold(0, count, 1)[starts].view(flat.dtype)
        return loaded if mask is None or other is None else self.where(mask[..., None], loaded, other)

    def put_runs(
        self, flat: torch.Tensor, starts: Any, values: torch.Tensor, mask: torch.Tensor | None, *, rows: bool
    ) -> torch.Tensor:
        """Writes runs in place; rows are copied as wholes."""
        count = values.shape[-1]
        if rows and flat.device.type == "cpu":
            return put_rows(flat, places_of(count, starts, mask), values)
        if mask is not None:
            starts, values = starts[mask], values[mask]
        return self.put(flat, starts[..., None] + self.arange(count), values, None)

    def seen(self, conditions: torch.Tensor) -> bool:
        """Whether all are true, for tensors in host memory."""
        return conditions.device.type == "cpu" and bool(conditions.all())

    def loop(self, lower: Any, upper: Any, body: LoopBody, carried: list[Any]) -> list[Any]:
        """A Python loop."""
        for k in range(int(lower), int(upper)):
            carried = body(self.const(k, INT32), carried)
        return carried

    def by_rows(self, function: RowFunction, arrays: list[Any], size: int) -> torch.Tensor:
        """A Python loop."""
        rows = arrays[0].shape[-2]
        padded = [torch.nn.functional.pad(array, (0, 0, 0, -rows % size)) for array in arrays]
        return torch.cat([function(part) for part in parts_of(padded, size)], -2)[..., :rows, :]
