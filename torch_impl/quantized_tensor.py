"""A quantised tensor as a subclass of torch.Tensor: codes and scales inside, shape and dtype of the values outside.

Why a subclass: a parameter of a module has to be a tensor, and `Module.to(dtype)` converts every parameter and buffer
with a floating-point dtype, FP8 codes and float32 scales among them. A subclass decides itself what `.to` means: codes
and scales go to another device, and a dtype changes what `dequantize` gives. Compilers and `torch.export` take it apart
into its arrays (`__tensor_flatten__`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

from specs.extras import hints

with hints("torch"):
    import torch

from specs.lang.errors import Unsupported
from specs.quantized.arrays import ARRAYS, Form, decode, value_shape
from specs.quantized.products import View
from torch_impl.formats import to_numpy

FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {}
"""Functions of torch by what does them for quantised tensors: `torch_impl.quantized` adds `linear`."""


class QuantizedTensor(torch.Tensor):
    """A tensor [.., N, K] in a block format: `torch_impl.quantized.quantize` makes one of a tensor.

    Parameters of modules may be one (`requires_grad=False`), and `torch.nn.functional.linear` multiplies by it.
    `.to`, `state_dict`, `torch.save`, `torch.compile` and `torch.export` take it; an index picks one of stacked
    weights. Any other operation is refused: `dequantize()` gives a plain tensor.

    Args:
        arrays: by name, as products take them in weight_order "nk": `specs.quantized.arrays` has their shapes.
        form: the block format, from `specs.lang.formats.named` or `specs.lang.formats.ggml`.
        dtype: of the values.
    """

    codes: torch.Tensor
    scale: torch.Tensor | None
    zero_point: torch.Tensor | None
    g_idx: torch.Tensor | None
    tensor_scale: torch.Tensor | None
    format: Form

    @staticmethod
    def __new__(cls, arrays: Mapping[str, torch.Tensor], form: Form, dtype: torch.dtype = torch.bfloat16) -> Self:
        codes = arrays["codes"]
        shape = value_shape(codes.shape, form)
        made: Self = torch.Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=codes.device)  # noqa: SLF001
        return made

    def __init__(self, arrays: Mapping[str, torch.Tensor], form: Form, dtype: torch.dtype = torch.bfloat16) -> None:
        del dtype  # torch keeps it
        self.format = form
        for name in ARRAYS:
            setattr(self, name, arrays.get(name))

    def arrays(self) -> dict[str, torch.Tensor]:
        """The arrays that it has, by name."""
        found = {name: getattr(self, name) for name in ARRAYS}
        return {name: array for name, array in found.items() if array is not None}

    def dequantize(self) -> torch.Tensor:
        """The values [.., N, K], rounded once to `dtype`. They are decoded on the host."""
        hosted = {name: to_numpy(array) for name, array in self.arrays().items()}
        return torch.from_numpy(decode(hosted, self.format)).to(self.device, self.dtype)

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]  # torch's stub has no keyword's name
        return f"QuantizedTensor({self.format.name}, shape={list(self.shape)}, dtype={self.dtype}, {self.device})"

    # -- what torch calls ---------------------------------------------------------------------------------------------

    def _stable_hash_for_caching(self) -> str:  # of programs that inductor keeps
        traits = [(name, array.shape, array.dtype) for name, array in self.arrays().items()]
        return repr((self.format, self.dtype, self.device, traits))

    def __tensor_flatten__(self) -> tuple[list[str], tuple[Form, torch.dtype]]:
        return list(self.arrays()), (self.format, self.dtype)

    @classmethod
    def __tensor_unflatten__(
        cls, inner: Mapping[str, torch.Tensor], static: tuple[Form, torch.dtype], size: Any, stride: Any
    ) -> QuantizedTensor:
        del size, stride  # they follow from the codes
        return cls(inner, *static)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        own = FUNCTIONS.get(function)
        if own is not None:
            return own(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - results are what they are: arrays are no subclass
            return function(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's stub has its default, which is no method
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        own = _OPERATORS.get(function)
        if own is None or not isinstance(args[0], cls):
            words = "dequantize() gives a plain tensor; products are torch.nn.functional.linear and torch_impl.ops"
            raise Unsupported(f"{function} of a quantised tensor", words)
        return own(*args, **(kwargs or {}))


def _each(given: QuantizedTensor, change: Callable[[torch.Tensor], torch.Tensor], dtype: Any = None) -> QuantizedTensor:
    arrays = {name: change(array) for name, array in given.arrays().items()}
    return QuantizedTensor(arrays, given.format, dtype or given.dtype)


def _same(given: QuantizedTensor, **_: Any) -> QuantizedTensor:
    return _each(given, lambda array: array.detach())


def _copied(given: QuantizedTensor, **_: Any) -> QuantizedTensor:
    return _each(given, lambda array: array.clone())


def _moved(
    given: QuantizedTensor, *, dtype: Any = None, device: Any = None, non_blocking: bool = False, **_: Any
) -> Any:
    """Codes and scales on another device; a dtype is that of the values."""
    return _each(given, lambda array: array.to(device, non_blocking=non_blocking, copy=True), dtype)


def _selected(given: QuantizedTensor, dim: int, index: int) -> QuantizedTensor:
    if dim != 0 or given.ndim < 3:
        raise Unsupported("an index into a quantised tensor", "only the first of three dimensions, stacked weights")
    return _each(given, lambda array: array.select(0, index))


def _parts(given: QuantizedTensor, dim: int = 0) -> list[QuantizedTensor]:
    return [_selected(given, dim, index) for index in range(given.shape[0])]


_ATEN = torch.ops.aten
_OPERATORS: Final[Mapping[Any, Callable[..., Any]]] = {
    _ATEN.detach.default: _same,
    _ATEN.alias.default: _same,
    _ATEN.clone.default: _copied,
    _ATEN._to_copy.default: _moved,  # noqa: SLF001 - what Tensor.to becomes
    _ATEN.select.int: _selected,
    _ATEN.unbind.int: _parts,
}


def view(array: torch.Tensor, how: View) -> torch.Tensor:
    """An array as products take it."""
    if how in (View.BYTES, View.BYTES_SWAPPED):
        array = array.contiguous().view(torch.uint8)
    return array.transpose(-1, -2).contiguous() if how in (View.SWAPPED, View.BYTES_SWAPPED) else array
