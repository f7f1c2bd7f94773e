"""Encoders of packed blocks: the bytes of float32 values, by the rule that a block declares (`packed.Encoder`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.formats.packed import Encoder, PackedBlock

NDArray = np.ndarray[Any, Any]
_ONE, _HALF = np.float32(1), np.float32(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a block consists of: raw codes and numbers, as `PackedBlock.pack` takes them."""

    codes: NDArray
    scale: NDArray
    sub_scales: NDArray | None = None
    minimum: NDArray | None = None
    sub_minima: NDArray | None = None


def encode(form: PackedBlock, x: Any) -> NDArray:
    """Rows of blocks, uint8 [.., bytes], of values [.., elements].

    Raises:
        WrongShape: blocks do not divide the rows.
    """
    x = np.asarray(x).astype(np.float32)
    size = form.row_bytes(x.shape[-1])
    with np.errstate(all="ignore"):
        parts = _RULES[form.encoder](form, x.reshape(-1, form.elements))
    blocks = form.pack(parts.codes, parts.scale, parts.sub_scales, parts.minimum, parts.sub_minima)
    return blocks.reshape(*x.shape[:-1], size)


def _inverse(d: NDArray) -> NDArray:
    return np.where(d == 0, np.float32(0), _ONE / d)


def _extreme(x: NDArray) -> NDArray:
    """The first value of largest magnitude along the last dimension, which stays with size 1."""
    return np.take_along_axis(x, np.abs(x).argmax(-1)[..., None], -1)


def _stored(number: NDArray) -> NDArray:
    """A scale as float16 keeps it."""
    return number.astype(np.float16).astype(np.float32)


def _by_extreme(form: PackedBlock, x: NDArray) -> Parts:
    offset, top = np.float32(form.codes.offset), (1 << form.codes.bits) - 1
    d = _extreme(x) / -offset
    codes = np.clip(np.trunc(x * _inverse(d) + (offset + _HALF)).astype(np.uint8), 0, top)
    return Parts(codes=codes, scale=d[..., 0])


def _by_range(form: PackedBlock, x: NDArray) -> Parts:
    top, low = (1 << form.codes.bits) - 1, x.min(-1, keepdims=True)
    d = (x.max(-1, keepdims=True) - low) / np.float32(top)
    codes = np.clip(np.trunc((x - low) * _inverse(d) + _HALF).astype(np.uint8), 0, top)
    return Parts(codes=codes, scale=d[..., 0], minimum=low[..., 0])


def _by_amax(form: PackedBlock, x: NDArray) -> Parts:
    d = np.abs(x).max(-1, keepdims=True) / np.float32(form.codes.range[1])
    y = x * _inverse(d)
    whole = np.floor(np.abs(y))
    rounded = np.sign(y) * (whole + np.floor(2 * (np.abs(y) - whole)))
    return Parts(codes=form.codes.code(rounded), scale=d[..., 0])


def _by_exponent(form: PackedBlock, x: NDArray) -> Parts:
    amax = np.abs(x).max(-1, keepdims=True)
    least = form.scale.element.min_normal
    # As ggml: the largest value is 12 times the scale, so that magnitudes of up to 8 / 6 of that are cut off.
    code = np.where(amax > 0, np.floor(np.log2(amax)) - 2 + 127, 0).astype(np.uint8)
    d = np.where(amax > 0, form.scale.element.decode(code), least).astype(np.float32)
    values = np.array(form.codes.table, np.float32)
    codes = np.abs(d[..., None] * values - x[..., None]).argmin(-1).astype(np.uint8)
    return Parts(codes=codes, scale=d[..., 0])


def _by_nearest(form: PackedBlock, x: NDArray) -> Parts:
    values = np.array(form.codes.table, np.float32)
    d = _extreme(x) / values[0]
    codes = np.abs(values - (x * _inverse(d))[..., None]).argmin(-1).astype(np.uint8)
    return Parts(codes=codes, scale=d[..., 0])


def _by_group_extreme(form: PackedBlock, x: NDArray) -> Parts:
    assert form.sub_scales is not None
    x = x.reshape(-1, form.groups, form.group)
    least, largest = form.codes.range
    low, high = form.sub_scales.range
    wanted = _extreme(x)[..., 0] / np.float32(least)
    d = _stored(np.abs(wanted).max(-1, keepdims=True) / np.float32(high))
    s = np.clip(np.rint(wanted * _inverse(d)), low, high)
    q = np.clip(np.rint(x * _inverse(d * s)[..., None]), least, largest)
    codes = form.codes.code(q).reshape(-1, form.elements)
    return Parts(codes=codes, scale=d[..., 0], sub_scales=form.sub_scales.code(s))


def _by_group_range(form: PackedBlock, x: NDArray) -> Parts:
    assert form.sub_scales is not None
    assert form.sub_minima is not None
    x = x.reshape(-1, form.groups, form.group)
    top = form.codes.range[1]
    low = np.minimum(x.min(-1), 0)
    wanted = (x.max(-1) - low) / np.float32(top)
    d = _stored(wanted.max(-1, keepdims=True) / np.float32(form.sub_scales.range[1]))
    dmin = _stored((-low).max(-1, keepdims=True) / np.float32(form.sub_minima.range[1]))
    s = np.clip(np.rint(wanted * _inverse(d)), *form.sub_scales.range)
    m = np.clip(np.rint(-low * _inverse(dmin)), *form.sub_minima.range)
    q = np.clip(np.rint((x + (dmin * m)[..., None]) * _inverse(d * s)[..., None]), 0, top)
    return Parts(
        codes=form.codes.code(q).reshape(-1, form.elements),
        scale=d[..., 0],
        sub_scales=form.sub_scales.code(s),
        minimum=dmin[..., 0],
        sub_minima=form.sub_minima.code(m),
    )


_RULES: dict[Encoder, Callable[[PackedBlock, NDArray], Parts]] = {
    Encoder.EXTREME: _by_extreme,
    Encoder.RANGE: _by_range,
    Encoder.AMAX: _by_amax,
    Encoder.FLOOR_EXPONENT: _by_exponent,
    Encoder.NEAREST: _by_nearest,
    Encoder.GROUP_EXTREME: _by_group_extreme,
    Encoder.GROUP_RANGE: _by_group_range,
}
