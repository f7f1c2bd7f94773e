"""Test data of the indexer: codes, scales and weights whose sums are exact (exact) or ordinary, and visible ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.declare.op import Sample
from specs.lang.errors import Unfit
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

NDArray = np.ndarray[Any, Any]
_GRID = (0.0, 1.0, 1.0, 2.0, 3.0)


def layout_of(case: Sample) -> Paged:
    """The case's layout."""
    found = case.attributes["layout"]
    assert isinstance(found, Paged)
    if len(found.fields) != 1 or found.fields[0].format.scale is None or not found.gathered:
        raise Unfit(f"no test data for rows of layout '{found.name}': one field, and scales at the end of the page")
    return found


def codes(case: Sample, name: str) -> NDArray:
    """Codes for an array: values if it has the element format, bytes if it is uint8."""
    raw = drawn_codes(case, case.shapes[name])
    form: ElementFormat = case.formats[name]
    return form.decode(raw) if form.is_float else raw


def drawn_codes(case: Sample, shape: tuple[int, ...]) -> NDArray:
    """Codes uint8 [.., bytes of a row]: small integers in exact data, else normal ones over the format's range."""
    rng, form = case.rng, layout_of(case).fields[0].format
    per_byte = 1 if form.packing is None else form.packing.per_word
    count = (*shape[:-1], shape[-1] * per_byte)
    if case.kind == "exact":
        values = rng.choice(np.array(_GRID), count) * rng.choice([-1.0, 1.0], count)
    else:
        values = rng.standard_normal(count) * form.element.max_finite / 5
    found = np.asarray(form.element.encode(np.clip(values, form.element.min_finite, form.element.max_finite)))
    found = found.astype(np.uint8).reshape(*shape, per_byte)
    return np.asarray(found[..., 0] if per_byte == 1 else found[..., 0] | found[..., 1] << 4)


def weights(case: Sample, rows: int, heads: int) -> NDArray:
    """Weights of both signs."""
    if case.kind == "exact":
        return case.rng.integers(-3, 4, (rows, heads)) * 1.0
    return np.asarray(case.rng.standard_normal((rows, heads)))


def scales(case: Sample, shape: tuple[int, ...]) -> NDArray:
    """Powers of two in exact data, any numbers of these magnitudes otherwise."""
    if case.kind == "exact":
        return np.exp2(case.rng.integers(-1, 2, shape))
    return np.asarray(np.exp2(case.rng.uniform(-6, 6, shape)))


def key_scales(case: Sample, name: str) -> NDArray:
    """Scales of keys, in an array of that name."""
    return scales(case, case.shapes[name])


def query_scales(case: Sample) -> dict[str, NDArray]:
    """Scales of queries, where there are any."""
    return {"q_scale": scales(case, case.shapes["q_scale"])} if "q_scale" in case.shapes else {}


def visible(case: Sample, rows: int, columns: int) -> tuple[NDArray, NDArray]:
    """Visible columns [first, end) of every row; some rows see nothing, or everything."""
    rng = case.rng
    start = rng.integers(0, columns // 4 + 1, rows)
    end = rng.integers(0, columns + 1, rows)
    start[::5], end[::5] = 0, columns
    if rows > 3:
        start[3], end[3] = columns // 2, columns // 2 - 1
    if case.kind == "random":  # a row of padding, and bounds that lie outside
        start[2:3], end[2:3], start[4:5], end[4:5] = 0, 0, -3, columns + 5
    return start, end


def pages(case: Sample, count: int, page_bytes: int, rows: int) -> NDArray:
    """Pages uint8 [count, page_bytes] of drawn codes and scales, noise as padding."""
    layout = layout_of(case)
    found = case.rng.integers(0, 256, (count, page_bytes), dtype=np.uint8)
    data = rows * layout.row_stride
    found[:, :data] = drawn_codes(case, (count, rows, layout.row_stride)).reshape(count, data)
    (field,) = layout.fields
    form = field.format.scale
    assert form is not None
    values = scales(case, (count, rows * field.groups))
    share = np.ascontiguousarray(form.encode(values)).view(np.uint8).reshape(count, rows * layout.share)
    found[:, data : data + share.shape[1]] = share
    return found
