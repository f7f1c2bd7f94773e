"""Oracles of the quantisers: the block formats' own numpy encoders, which know nothing of tile programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.op import Reference
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import INT8, ElementFormat
from specs.lang.formats.named import int8_per_token, per_tensor, per_token
from specs.lang.formats.packing import raw_codes

NDArray = np.ndarray[Any, Any]


def codes(stored: NDArray) -> NDArray:
    """Raw codes of a stored array: the bytes of anything one byte wide."""
    return stored.view(np.uint8) if stored.dtype.itemsize == 1 else stored


def scales(stored: NDArray | None, form: ElementFormat | None) -> NDArray:
    """Scales as an oracle returns them: codes of one-byte formats, values of wider ones."""
    assert stored is not None
    assert form is not None
    raw = raw_codes(stored, form, op=form.name, argument="scale")
    return raw if form.storage_bits == 8 else form.decode(raw)


def block_oracle(form: BlockFormat, inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """q and scale of a format with one scale per group of a row; any number of leading dimensions."""
    x = inputs["x"]
    rows = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    whole = inputs.get("global_scale")
    quantized = form.encode(rows, tensor_scale=None if whole is None else np.reshape(whole, ()))
    return {
        "q": Reference(value=_rows(codes(quantized.data), x.shape)),
        "scale": Reference(value=_rows(scales(quantized.scale, form.scale), x.shape)),
    }


def laid_out(results: dict[str, Reference], inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The results with the scales in the order that `scale_layout` asks for."""
    layout = inputs.get("scale_layout", "row")
    if layout == "row":
        return results
    scale = results["scale"].value
    columns = np.ascontiguousarray(scale.reshape(-1, scale.shape[-1]).T)
    padding = -columns.shape[1] % 4 if layout == "column_tma" else 0
    return {**results, "scale": Reference(value=np.pad(columns, ((0, 0), (0, padding))))}


def _rows(array: NDArray, shape: tuple[int, ...]) -> NDArray:
    """[M, n] with the leading dimensions that M came from."""
    return array.reshape(*shape[:-1], array.shape[-1])


def bounded_scale(form: BlockFormat, rows: NDArray, bound: Any, axis: int | None) -> NDArray | None:
    """s = fl32(max(min(amax, bound), floor) * fl32(1 / max)), NaN where amax is; None where there is no bound."""
    if bound is None:
        return None
    with np.errstate(all="ignore"):
        amax = np.max(np.abs(rows.astype(np.float32)), axis=axis, keepdims=True)
        amax = np.where(np.isnan(amax), amax, np.minimum(amax, np.float32(np.asarray(bound).item())))
        amax = np.maximum(amax, np.float32(form.amax_floor))
        return np.asarray(amax * np.float32(1.0 / form.largest))


def row_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """q and scale of the FP8 format with one scale per row."""
    x = inputs["x"]
    form = per_token(inputs["element"])
    rows = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    quantized = form.encode(rows, scale=bounded_scale(form, rows, inputs.get("scale_ub"), axis=1))
    return {
        "q": Reference(value=codes(quantized.data).reshape(x.shape)),
        "scale": Reference(value=scales(quantized.scale, form.scale).reshape(x.shape[:-1])),
    }


def int8_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """q, scale and (asymmetric) zero point of the INT8 formats; scales are rounded to the format of x."""
    x = inputs["x"]
    form = int8_per_token(symmetric=inputs["element"] == INT8, scale=inputs["formats"]["x"])
    quantized = form.encode(np.asarray(x, np.float64).reshape(-1, x.shape[-1]))
    results = {
        "q": Reference(value=codes(quantized.data).reshape(x.shape)),
        "scale": Reference(value=scales(quantized.scale, form.scale).reshape(x.shape[:-1])),
    }
    if quantized.zero_point is not None:
        results["zero_point"] = Reference(value=np.asarray(quantized.zero_point).reshape(x.shape[:-1]))
    return results


def tensor_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """q and the one scale, given or computed."""
    x, form = inputs["x"], per_tensor(inputs["element"])
    given = inputs.get("static_scale")
    rows = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    if rows.size == 0:
        rows = np.zeros((1, x.shape[-1]))
    scale = None if given is None else np.asarray(given, np.float64).reshape(1, 1)
    if given is None:
        scale = bounded_scale(form, rows, inputs.get("scale_ub"), axis=None)
    quantized = form.encode(rows, scale=scale)
    data = codes(quantized.data)[: int(np.prod(x.shape[:-1]))]
    return {
        "q": Reference(value=data.reshape(x.shape)),
        "scale": Reference(value=scales(quantized.scale, form.scale).reshape(())),
    }
