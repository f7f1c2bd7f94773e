"""Which products take a quantised tensor, as which arguments, under which attributes.

Where a product has a quantised tensor for its weight or its activations, the format says what the caller would: scale
mode, group, order. `OPERANDS` is the table; `PRODUCTS` says which product a weight is multiplied by, and how
activations are quantised for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from specs.lang.errors import Unsupported, WrongRank
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import E2M1, E4M3, E5M2, E8M0, INT8, UINT4, UINT8
from specs.lang.formats.named import MXFP4, NVFP4
from specs.lang.formats.packed import PackedBlock
from specs.quantized.arrays import Form, along_k_first

Attributes = Mapping[str, tuple[object, ...]]
"""Values of attributes that go with a format, by name; the first is taken where the caller says nothing."""
_ByBlock = Mapping[tuple[int | None, int | None], tuple[object, ...]]


class View(Enum):
    """How an array is passed."""

    SAME = auto()
    BYTES = auto()
    """32-bit words as four bytes each, lowest first, along the last dimension."""
    SWAPPED = auto()
    """The last two dimensions swapped."""
    BYTES_SWAPPED = auto()
    """Bytes, and then swapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One argument of an operation that may be a quantised tensor.

    arrays: the arguments that its arrays become, and how. attributes: of a call, by the tensor's format; None for
    formats that the operation does not take. ndim: dimensions of a tensor, None for any number.
    """

    arrays: Mapping[str, tuple[str, View]]
    attributes: Callable[[Form], Attributes | None]
    ndim: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How a weight is multiplied.

    op: for a weight [N, K]. stacked: for weights [E, N, K], where it is not that which does many calls of `op` at once.
    quantiser: the operation for activations, None where they are taken as they are. settings: its attributes.
    """

    op: str
    stacked: str | None = None
    quantiser: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


_ORDER: Final[dict[str, tuple[object, ...]]] = {"weight_order": ("nk",)}
_WEIGHT: Final = {"codes": ("b", View.SAME), "scale": ("b_scale", View.SAME)}
_INT4: Final = _WEIGHT | {"zero_point": ("b_zp", View.SAME), "g_idx": ("g_idx", View.SAME)}
_GROUPED_INT4: Final = {
    "codes": ("b", View.BYTES),
    "scale": ("b_scale", View.SWAPPED),
    "zero_point": ("b_zp", View.BYTES_SWAPPED),
}
_ACTIVATIONS: Final = {"codes": ("a", View.SAME), "scale": ("a_scale", View.SAME)}


def _square(form: BlockFormat) -> int | None:
    """Edge of the square blocks that a scale covers."""
    rows, columns = form.block
    return rows if rows == columns and rows != 1 else None


def _is_fp8(form: Form) -> bool:
    return isinstance(form, BlockFormat) and form.element in (E4M3, E5M2) and form.tensor_scale is None


def _is_mx(form: BlockFormat) -> bool:
    return form.block == (1, 32) and form.scale == E8M0


def _fp8_weight(form: Form) -> Attributes | None:
    """Of W8A8 products."""
    if not isinstance(form, BlockFormat) or not _is_fp8(form):
        return None
    if (edge := _square(form)) is not None:
        return _ORDER | {"scale_mode": ("block",), "group": (edge,)}
    if _is_mx(form):
        return _ORDER | {"scale_mode": ("mx",)}
    by_block: _ByBlock = {(1, None): ("token_channel", "tensor_channel"), (None, None): ("token_tensor", "tensor")}
    modes = by_block.get(form.block)
    return None if modes is None else _ORDER | {"scale_mode": modes}


def _fp8_activations(form: Form) -> Attributes | None:
    if not isinstance(form, BlockFormat) or not _is_fp8(form):
        return None
    if _is_mx(form):
        return {"scale_mode": ("mx",)}
    rows, columns = form.block
    if rows == 1 and columns is not None:
        return {"scale_mode": ("block",), "group": (columns,)}
    by_block: _ByBlock = {(1, None): ("token_channel", "token_tensor"), (None, None): ("tensor", "tensor_channel")}
    modes = by_block.get(form.block)
    return None if modes is None else {"scale_mode": modes}


def _w8a16(form: Form) -> Attributes | None:
    found = _fp8_weight(form)
    modes = {"block": "block", "token_channel": "channel", "token_tensor": "tensor"}
    mode = None if found is None else modes.get(str(found["scale_mode"][0]))
    return None if found is None or mode is None else {**found, "scale_mode": (mode,)}


def _grouped_fp8(form: Form) -> Attributes | None:
    found = _fp8_weight(form)
    return found if found is not None and found["scale_mode"][0] in ("block", "mx") else None


def _int4(form: Form) -> Attributes | None:
    if not isinstance(form, BlockFormat) or form.element != UINT4 or not along_k_first(form):
        return None
    return _ORDER | {"group_size": (-1 if form.block[0] is None else form.block[0],)}


def _grouped_int4(form: Form) -> Attributes | None:
    found = _int4(form)
    return None if found is None or found["group_size"] == (-1,) else found


def _a8(form: Form) -> Attributes | None:
    if not isinstance(form, BlockFormat) or form.element not in (INT8, UINT8, E4M3):
        return None
    by_block: _ByBlock = {(1, None): ("token",), (None, None): ("tensor",)}
    modes = by_block.get(form.block)
    return None if modes is None else {"scale_mode": modes}


def _fp4_activations(form: Form) -> dict[str, tuple[object, ...]] | None:
    if not isinstance(form, BlockFormat) or form.element != E2M1 or form.block not in (MXFP4.block, NVFP4.block):
        return None
    stored = form.tensor_scale is None or form.tensor_scale.element is not None  # products know no constants
    return {"scale_format": (form.scale,)} if stored else None


def _fp4_weight(form: Form) -> Attributes | None:
    found = _fp4_activations(form)
    return None if found is None else _ORDER | found


def _mxfp4(form: Form) -> Attributes | None:
    return _ORDER if form == MXFP4 else None


def _mxfp4_activations(form: Form) -> Attributes | None:
    found = _fp8_activations(form)
    return {"a_scale_group": found["group"]} if found is not None and "group" in found else None


def _packed(form: Form) -> Attributes | None:
    return {"quant_type": (form.name,)} if isinstance(form, PackedBlock) else None


def _operand(
    arrays: Mapping[str, tuple[str, View]], attributes: Callable[[Form], Attributes | None], ndim: int | None = None
) -> Operand:
    return Operand(arrays=arrays, attributes=attributes, ndim=ndim)


_GLOBAL: Final = {"tensor_scale": ("a_global_scale", View.SAME)}
OPERANDS: Final[Mapping[str, Mapping[str, Operand]]] = {
    "fp8_gemm": {"b": _operand(_WEIGHT, _fp8_weight, 2), "a": _operand(_ACTIVATIONS, _fp8_activations)},
    "fp8_bmm": {"b": _operand(_WEIGHT, _fp8_weight, 3), "a": _operand(_ACTIVATIONS, _fp8_activations, 3)},
    "fp8_gemm_w8a16": {"b": _operand(_WEIGHT, _w8a16, 2)},
    "int4_gemm_w4a16": {"b": _operand(_INT4, _int4, 2)},
    "int4_gemm_w4a8": {
        "b": _operand(_INT4, _int4, 2),
        "a": _operand(_ACTIVATIONS | {"zero_point": ("a_zp", View.SAME)}, _a8),
    },
    "fp4_gemm": {
        "b": _operand(_WEIGHT | {"tensor_scale": ("b_global_scale", View.SAME)}, _fp4_weight, 2),
        "a": _operand(_ACTIVATIONS | _GLOBAL, _fp4_activations),
    },
    "gguf_gemm": {"b": _operand({"codes": ("b", View.SAME)}, _packed, 2)},
    "gguf_embedding": {"table": _operand({"codes": ("table", View.SAME)}, _packed, 2)},
    "grouped_gemm_fp8": {"b": _operand(_WEIGHT, _grouped_fp8, 3), "a": _operand(_ACTIVATIONS, _fp8_activations, 2)},
    "grouped_gemm_int4": {"b": _operand(_GROUPED_INT4, _grouped_int4, 3)},
    "grouped_gemm_mxfp4": {"b": _operand(_WEIGHT, _mxfp4, 3), "a": _operand(_ACTIVATIONS, _mxfp4_activations, 2)},
}
"""By operation and argument."""


def product_of(form: Form, ndim: int) -> Product:
    """The product that multiplies activations by a weight of a format with 2 or, stacked, 3 dimensions.

    Raises:
        WrongRank: another number of dimensions. Unsupported: no operation takes the format.
    """
    if ndim not in (2, 3):
        raise WrongRank(op="linear", argument="w", expected="[N, K] or [E, N, K]", actual=f"{ndim} dimensions")
    found = _product(form)
    if found is None:
        raise Unsupported(f"linear with a weight in {form.name}", "no product takes the format; dequantize it")
    return found


def _product(form: Form) -> Product | None:
    if isinstance(form, PackedBlock):
        return Product(op="gguf_gemm")
    if _int4(form) is not None:
        return Product(op="int4_gemm_w4a16")
    if _fp4_weight(form) is not None:
        if form.scale == E8M0:
            return Product(op="fp4_gemm", stacked="grouped_gemm_mxfp4", quantiser="mxfp4_quant")
        return Product(op="fp4_gemm", quantiser="nvfp4_quant")
    found = _fp8_weight(form)
    if found is None:
        return None
    group, element = found.get("group", (128,))[0], {"element": form.element}
    by_mode: dict[object, tuple[str, Mapping[str, object]]] = {
        "block": ("per_token_group_quant_fp8", {"group": group, **element}),
        "mx": ("mxfp8_quant", {}),
    }
    quantiser, settings = by_mode.get(found["scale_mode"][0], ("per_token_quant_fp8", element))
    return Product(op="fp8_gemm", quantiser=quantiser, settings=settings)
