"""compress_norm_rope_insert: windows of tokens compressed, normed, rotated, and written into a cache, in one launch.

    cache[slot_mapping[t]] = encode(row of t)      for every token t that ends a window and has a slot in the cache

The row of t is that of `compress_norm_rope`, rounded to bfloat16, and encode is that of `quantize_and_insert_k` (pages
of keys, D = 512) and `indexer_k_insert` (pages of the indexer, D = 128): the same bytes as the two operations give one
after the other, without rows in memory between them. Slots that are negative or past the last page are skipped; no
other byte of the cache changes.

A row near a tie of its rounding to bfloat16 may be either neighbour, and so may the codes of its group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.cache.arrays import PAGE_BYTES, PAGES, ROWS, D, cache, layout_attributes, pages_of, width_of_layout
from specs.cache.insert import destination_of, insert_row
from specs.cache.layouts import V4
from specs.cache.sampling import filled, rows_of
from specs.compressor import compress
from specs.compressor.compress import ACCURACY, COMPRESS_NORM_ROPE, COMPRESS_ROWS, compressed, sized, window_of
from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Access, Constraint, Kernel
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F32, INT64
from specs.lang.formats.paged import Paged
from specs.norm.rows import rounded
from specs.tile.language import program_id, when
from specs.tuned import everywhere

NDArray = np.ndarray[Any, Any]


def compress_norm_rope_insert(p: Any) -> None:
    """One token."""
    token = program_id(0)
    ends = window_of(p, token)

    def put() -> None:
        # Tiles of one row: a destination is of several.
        slot, live = ends.slot.broadcast(1), ends.there.broadcast(1)
        to = destination_of(p.cache, p.layout, p.ROWS, p.PAGES, slot, live)
        # Rounded to bfloat16 before it is quantised, as rows in memory are.
        insert_row(compressed(p, token, ends).to(F32), to)

    when(ends.there, put)


# -- the definition in float64 ---------------------------------------------------------------------------


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The rows of `compress_norm_rope`, encoded by the layout."""
    rows = compress.oracle(inputs)["rows"]
    at, slots = (np.asarray(inputs[name], np.int64) for name in ("positions", "slot_mapping"))
    slots = np.where((at >= 0) & ((at + 1) % inputs["ratio"] == 0), slots, -1)
    unit = (ACCURACY.count({"D": rows.value.shape[1]}) + ACCURACY.extra) * F32.unit_roundoff
    before, size = pages_of({**inputs, "cache": np.array(inputs["cache"], order="C")})

    def written(values: NDArray, into: NDArray) -> NDArray:
        pages = into.copy()
        inputs["layout"].write(pages, slots, values, size)
        return pages.astype(np.float64)

    assert rows.magnitude is not None
    with np.errstate(all="ignore"):
        nearest, *others = _neighbours(inputs["layout"], rows.value, unit * rows.magnitude)
        found = written(nearest, before)
        far = np.zeros(found.shape)
        for row in others:
            far = np.maximum(far, np.abs(written(row, before) - found))
        # Codes of a row with a NaN are not stated.
        slots = np.where(np.isfinite(nearest).all(-1), -1, slots)
        free = written(nearest, np.zeros_like(before)) == written(nearest, np.full_like(before, 255))
    far = np.where(free, 255.0, far) / unit
    shape = np.shape(inputs["cache"])
    return {"cache": Reference(value=found.reshape(shape), magnitude=far.reshape(shape))}


def _neighbours(layout: Paged, value: NDArray, error: NDArray) -> list[NDArray]:
    """Rows in bfloat16: the nearest ones, then others that are within an error, with the extremes of codes and scales.

    A code is largest for the largest value under the least scale, so columns that may decide their scale and all others
    go to opposite ends as well.
    """
    nearest, _ = rounded(value, error, BF16)
    low, high = (BF16.decode(BF16.encode(end)) for end in (value - error, value + error))
    big = np.where(np.abs(low) > np.abs(high), low, high)
    small = np.where(low * high < 0, 0.0, np.where(np.abs(low) > np.abs(high), high, low))
    decides = np.zeros(value.shape, bool)
    for place in layout.places:
        part = slice(place.column, place.column + place.field.count)
        groups = (len(value), place.field.count // place.field.group, place.field.group)
        least = np.abs(small[:, part]).reshape(groups).max(-1, keepdims=True)
        decides[:, part] = (np.abs(big[:, part]).reshape(groups) >= least).reshape(decides[:, part].shape)
    mixed = [np.where(decides, big, small), np.where(decides, small, big)]
    # A zero may have either sign.
    ends = [nearest, low, high, small, -np.where(small == 0, small, -small), big, *mixed]
    return [*ends, *_low_bytes(nearest, small, big)]


def _low_bytes(nearest: NDArray, small: NDArray, big: NDArray) -> list[NDArray]:
    """Rows with the extremes of low bytes between `small` and `big`, where the high byte changes on the way.

    Columns that are not quantised are stored as they are. Near a cancellation an error spans many numbers, and low
    bytes do not grow with them: they begin at 0 after each that ends at 255.
    """
    top, bottom = (BF16.encode(np.abs(end)).astype(np.int64) for end in (big, small))
    changes, edge = bottom >> 8 < top >> 8, top & ~0xFF
    codes = (np.where(changes, code, 0).astype(np.uint16) for code in (edge, edge - 1))
    return [np.where(changes, np.copysign(BF16.decode(code), big), nearest) for code in codes]


def sample(case: Sample) -> dict[str, Any]:
    """Windows as of `compress_norm_rope`, and pages with old rows."""
    sizes = case.sizes
    return {**compress.sample(case), "cache": filled(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows_of(case))}


# -- declarations ----------------------------------------------------------------------------------------


def _case(name: str, layout: Paged, rows: tuple[int, int], t: int, *state: Any, **fields: Any) -> Case:
    """rows: pages of the cache, and rows of each. state: ratio, overlap and pages of the state."""
    sizes = {"PAGES": rows[0], "PAGE_BYTES": layout.page_stride(rows[1])}
    attributes = (("layout", layout), ("block_size", rows[1]))
    return sized(name, t, layout.width, *state, sizes=sizes, attributes=attributes, **fields)


_LAYOUT, _BLOCK_SIZE = layout_attributes()
_BF16 = (("state_cache", BF16), ("cos_sin", BF16))
_INT64 = (("positions", INT64), ("slot_mapping", INT64), ("norm_weight", F32))

COMPRESS_NORM_ROPE_INSERT: Op = single(
    Kernel(
        name="compress_norm_rope_insert",
        doc="Windows of tokens compressed to rows, normalised, rotated, quantised and written into their slots.",
        axes=(*COMPRESS_ROWS.axes, PAGES, PAGE_BYTES, ROWS),
        arrays=(*(array for array in COMPRESS_ROWS.arrays if array.access is Access.IN), cache(Access.INOUT)),
        attributes=(
            *COMPRESS_ROWS.attributes,
            replace(_LAYOUT, choices=(V4, INDEXER_FP8, INDEXER_MXFP4)),
            _BLOCK_SIZE,
        ),
        tunables=COMPRESS_ROWS.tunables,
        # Of the same sums in the same order.
        configs=everywhere("compress_norm_rope"),
        grid=COMPRESS_ROWS.grid,
        body=compress_norm_rope_insert,
    ),
    family="compressor",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, KV compressor; layouts as in FlashMLA",
    constraints=(
        *COMPRESS_NORM_ROPE.constraints,
        Constraint(
            argument="layout",
            holds=Ref("layout_even").equals(1),
            message="a layout whose groups are powers of two, each field beginning at a multiple of its own",
        ),
        width_of_layout("norm_weight", D),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("cache", ACCURACY),),
    cases=(
        _case("c4a", V4, (2, 8), 17, 4, True, (9, 4, 1, 9)),
        _case("c128a", V4, (3, 2), 5, 128, False, (70, 8, 2, 33)),
        _case("indexer-int64", INDEXER_FP8, (2, 8), 19, 4, True, (9, 4, 3, 3), formats=_INT64),
        _case("indexer-mxfp4", INDEXER_MXFP4, (4, 4), 14, 4, True, (8, 16, 2, 3), formats=_BF16),
        _case("no-tokens", INDEXER_FP8, (2, 8), 0, 4, True, (2, 4, 1, 2)),
        _case("large", V4, (80, 64), 4096, 4, True, (2048, 4, 2, 1024), table=65536, large=True, golden=True),
    ),
)
