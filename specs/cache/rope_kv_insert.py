"""rope_kv_insert: queries rotated in place, keys rotated and inserted, values inserted, in one launch.

    q[t, h]                   = rope(q[t, h], positions[t])          as `rotary_embedding`, in place
    key_cache[page, row, h]   = encode(rope(key[t, h], positions[t]))
    value_cache[page, row, h] = encode(value[t, h])                  as `kv_insert`, of rotated keys

page, row = divmod(slot_mapping[t], page size).

    same format:      encode(x) = x
    FP8:              encode(x) = fp8(x / k_scale[h])       v_scale for values; 1 where left out
    INT8, or FP8 with k_scale_cache and v_scale_cache:
                      encode(x) = code(x / s), a scale per token and head as in `kv_insert`
                      k_scale_cache[page, row, h] = s

Rotated keys are rounded to the format of key before they are encoded, and `key` itself is not changed. Slots that are
negative (padding) or after the last page are skipped, as are keys and values after the last slot; queries are rotated
all the same. Heads of tokens with a position outside the table are not rotated. No other byte of the caches changes.
With a `kv_layout` that has keys and values in one array, key_cache is that array, and value_cache is left out.

The arithmetic is that of `rotary_embedding` and `kv_insert`, instruction by instruction, and so are the bytes wherever
a compiler contracts products and sums alike in both; a rotated element may otherwise differ in its last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache import kv_insert
from specs.cache.kv_codes import LEAST_SCALE, dynamic_reference, static_reference
from specs.cache.kv_insert import (
    DV,
    HKV,
    K_SCALES,
    PAGE,
    PAGES,
    SCALE_CACHES,
    SCALES,
    V_SCALES,
    Part,
    cache_arrays,
    insert_rows,
    load_rows,
    scale_arrays,
    slots_of,
    whole,
)
from specs.cache.kv_layouts import ADJACENT, INTERLEAVED, KV_LAYOUT, LAYOUTS, KVLayout
from specs.cache.write import TS, slot_mapping
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Literal, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT64, ElementFormat
from specs.norm.rows import rounded
from specs.rope.embedding import rotate_in_place
from specs.rope.rotation import (
    INVERSE,
    NEOX,
    OFFSET,
    POSITIONS,
    ROT,
    D,
    Pairs,
    T,
    angles,
    cos_sin,
    drawn_heads,
    drawn_positions,
    drawn_table,
    fits,
    positions,
    rotate,
    rotated,
)
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, program_id, when, where
from specs.tuned import everywhere

NDArray = np.ndarray[Any, Any]
HQ = Axis(name="HQ", doc="query heads")
TERMS, EXTRA = Literal(2), 4
UNIT = (TERMS.evaluate({}) + EXTRA) * F32.unit_roundoff
"""Error of a rotated element, relative to its magnitude."""


def rope_kv_insert(p: Any) -> None:
    """BLOCK_H heads of one token: of its query, or, after the last of them, of its key and value."""
    token, part = program_id(0), program_id(1)
    turned_by = angles(p, token)
    of_q = (p.HQ + (p.BLOCK_H - 1)) // p.BLOCK_H
    when(part < of_q, lambda: rotate_in_place(p, p.q, token, p.HQ, part, turned_by))
    when(part >= of_q, lambda: _insert(p, token, part - of_q, turned_by))


def _insert(p: Any, token: Tile, block: Tile, turned_by: tuple[Tile, Tile, Tile]) -> None:
    """BLOCK_H heads of a token's key, rotated, and value."""
    keys, values = LAYOUTS[p.kv_layout].views(p, "key_cache", "value_cache")
    cosine, sine, known = turned_by
    # A tile of one token: `insert_rows` works on tiles of tokens.
    row, head = token + arange(1), block * p.BLOCK_H + arange(p.BLOCK_H)
    at, pairs = slots_of(p, row), Pairs(p, p.offset)
    live = None if p.even_heads else (head < p.HKV)[:, None]
    a, b = pairs.load(p.key, lambda column: (token, head[:, None], column), live)
    turned = (where(known, new, old) for new, old in zip(rotate(a, b, cosine, sine), (a, b), strict=True))
    parts = []
    for x, column, exists in pairs.parts(*turned):
        kept = None if exists is None else exists[None, :, :]
        parts.append(Part(x.to(p.key.element)[None, :, :], column[None, :, :], kept))
    if p.ROT < p.D:
        x = load_rows(p, p.key, row, head)
        column = arange(x.shape[2])[None, None, :]
        outside = (column < p.offset) | (column >= p.offset + p.ROT)
        parts.append(Part(x, column, outside if x.shape[2] == p.D else outside & (column < p.D)))
    insert_rows(p, keys, at, head, parts, p.k_scale, p.K_SCALES, p.k_scale_cache)
    value = whole(load_rows(p, p.value, row, head), values)
    insert_rows(p, values, at, head, [value], p.v_scale, p.V_SCALES, p.v_scale_cache)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64; FP8 codes of quotients that are rounded to float32."""
    at, table = np.asarray(inputs["positions"]), inputs["cos_sin"]
    options = {name: inputs[name] for name in ("neox", "offset", "inverse")}
    q, magnitude = rotated(inputs["q"], table, at, **options)
    found = {"q": Reference(value=q, magnitude=magnitude)}
    form, slots = inputs["formats"]["key_cache"], np.asarray(inputs["slot_mapping"], np.int64)
    names = [name for name in ("key_cache", "value_cache") if name in inputs]
    caches = {name: np.array(inputs[name], np.float64, order="C") for name in names}
    sizes = {name: np.zeros(cache.shape) for name, cache in caches.items()}
    layout: KVLayout = LAYOUTS[inputs["kv_layout"]]
    width = inputs["key"].shape[-1]
    views, felt = (layout.slices(each["key_cache"], each.get("value_cache"), width) for each in (caches, sizes))
    pages, size = views[0].shape[:2]
    token = np.flatnonzero((slots >= 0) & (slots < pages * size))
    page, row = slots[token] // size, slots[token] % size
    key, magnitude = (x[token] for x in rotated(inputs["key"], table, at, **options))
    value = np.asarray(inputs["value"], np.float64)[token]
    scales = {name: np.array(inputs[name]) for name in SCALE_CACHES if name in inputs}
    of_scale = np.zeros(np.shape(scales.get("k_scale_cache", ())))
    with np.errstate(all="ignore"):
        if form.bits == 8:
            key, moved = rounded(key, UNIT * magnitude, inputs["formats"]["key"])
        if scales:
            key, magnitude, *of_key = _per_token(key, moved, form)
            scales["k_scale_cache"][page, row], of_scale[page, row] = of_key
            codes, scales["v_scale_cache"][page, row] = dynamic_reference(value, form)
            value = form.decode(codes)
        elif form.bits == 8:
            scale = np.asarray(1.0 if (given := inputs.get("k_scale")) is None else given, np.float32).reshape(1, -1, 1)
            key = np.clip((key.astype(np.float32) / scale).astype(np.float64), form.min_finite, form.max_finite)
            magnitude = moved / UNIT / scale
            value = form.decode(static_reference(value, inputs.get("v_scale"), form))
        views[0][page, row], felt[0][page, row] = key, magnitude
        views[1][page, row] = value
    found["key_cache"] = Reference(value=caches["key_cache"], magnitude=sizes["key_cache"])
    if "value_cache" in caches:
        exact = caches["value_cache"]
        found["value_cache"] = Reference(value=form.encode(exact) if form.bits == 8 else exact)
    if scales:
        found["k_scale_cache"] = Reference(value=scales["k_scale_cache"], magnitude=of_scale)
        found["v_scale_cache"] = Reference(value=scales["v_scale_cache"])
    return found


def _per_token(key: NDArray, moved: NDArray, form: ElementFormat) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Codes of rotated keys and their magnitude, and the scales of tokens and heads and theirs.

    moved: how far the keys may be from here, for their rounding. A key near a tie may be the largest of its row, and
    moves the scale and with it all codes of the row; other rows have the bytes of `kv_insert`.
    """
    codes, scale = dynamic_reference(key, form)
    far = np.where(np.isfinite(scale), np.nan_to_num(moved).max(-1, initial=0), 0.0)
    of_scale = far / form.max_finite
    wide, y = scale.astype(np.float64)[..., None], key / np.maximum(scale, LEAST_SCALE).astype(np.float64)[..., None]
    error = (np.nan_to_num(moved) + np.abs(y) * of_scale[..., None]) / (wide - of_scale[..., None])
    # The scale, its reciprocal and the product round.
    error = error + 3 * F32.unit_roundoff * (np.abs(y) + error)
    near = far[..., None] > 0
    value = np.where(near, np.clip(y, form.min_finite, form.max_finite), form.decode(codes))
    return value, np.where(near, error / UNIT, 0.0), scale.astype(np.float64), of_scale / UNIT


def sample(case: Sample) -> dict[str, Any]:
    """Positions, the table and slots; for exact data no zeros, whose sign a sum loses."""
    drawn = {"positions": drawn_positions(case), "cos_sin": drawn_table(case), **kv_insert.sample(case)}
    if case.kind == "exact":
        names = ("q", "key", "value", *(() if case.formats["key_cache"] == INT8 else ("key_cache", "value_cache")))
        drawn |= {name: drawn_heads(case, name) for name in names if name in case.shapes}
    return drawn


def _heads(name: str, doc: str, *shape: Axis, formats: Any = "q", **fields: Any) -> Array:
    return Array(name=name, doc=doc, shapes=((T, *shape),), formats=formats, **fields)


def _case(
    name: str,
    tokens: tuple[int, int],
    heads: tuple[int, int],
    widths: tuple[int, int, int],
    pages: tuple[int, int],
    *with_: str,
    layout: KVLayout | None = None,
    scales: int = 1,
    attributes: tuple[tuple[str, Any], ...] = (),
    **fields: Any,
) -> Case:
    """tokens: of queries, and slots. heads: of queries and keys. widths: of keys, values, and rotated columns."""
    sizes = dict(zip(("T", "TS", "HQ", "HKV", "D", "DV", "ROT"), (*tokens, *heads, *widths), strict=True))
    sizes |= {"PAGES": pages[0], "PAGE": pages[1], "K_SCALES": scales, "V_SCALES": scales, "POSITIONS": 97}
    absent = tuple(name for name in (*SCALES, *SCALE_CACHES) if name not in with_)
    attributes = attributes if layout is None else (*attributes, ("kv_layout", layout.name))
    return Case(name=name, sizes=tuple(sizes.items()), absent=absent, attributes=attributes, **fields)


def _set(**values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(values.items())


_ROUNDED = Accuracy(terms=TERMS, extra=EXTRA)

ROPE_KV_INSERT: Op = single(
    Kernel(
        name="rope_kv_insert",
        doc="Queries rotated in place; keys, rotated, and values written into their slots of a paged cache.",
        axes=(T, TS, HQ, HKV, D, DV, POSITIONS, ROT, PAGES, PAGE, K_SCALES, V_SCALES),
        arrays=(
            positions(),
            _heads("q", "queries", HQ, D, formats=(BF16, F16, F32), access=Access.INOUT),
            _heads("key", "keys of new tokens, not rotated", HKV, D),
            _heads("value", "values of new tokens", HKV, DV),
            cos_sin(),
            *cache_arrays((PAGES, PAGE), HKV, D, DV),
            slot_mapping(),
            *scale_arrays(),
        ),
        attributes=(NEOX, OFFSET, INVERSE, KV_LAYOUT),
        tunables=(
            Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16, 32, 64), doc="heads per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("rope_kv_insert"),
        static_conditions=(("even_heads", (HKV % Ref("BLOCK_H")).equals(0)),),
        grid=(T, cdiv(HQ, Ref("BLOCK_H")) + cdiv(HKV, Ref("BLOCK_H"))),
        body=rope_kv_insert,
    ),
    family="cache",
    definition=definition_of(__doc__),
    source="Su et al., RoFormer (2021); vLLM, reshape_and_cache_flash",
    constraints=(fits("cos_sin", Ref("offset")), *kv_insert.CONSTRAINTS),
    independent=(Independent(HKV, along=(HQ, K_SCALES, V_SCALES)),),
    sample=sample,
    oracle=oracle,
    accuracy=(
        *((name, _ROUNDED) for name in ("q", "key_cache", "k_scale_cache")),
        *((name, Accuracy(exact=True)) for name in ("value_cache", "v_scale_cache")),
    ),
    cases=(
        _case("llama", (5, 5), (9, 3), (64, 64, 64), (2, 8)),
        _case(
            "tail-adjacent",
            (9, 7),
            (4, 2),
            (40, 24, 24),
            (3, 5),
            layout=ADJACENT,
            formats=(("q", F16), ("key_cache", F16), ("cos_sin", BF16), ("slot_mapping", INT64), ("positions", INT64)),
            attributes=_set(neox=False, offset=16),
        ),
        _case(
            "fp8-interleaved",
            (6, 6),
            (2, 2),
            (16, 16, 16),
            (2, 4),
            *SCALES,
            layout=INTERLEAVED,
            formats=(("key_cache", E5M2),),
            attributes=_set(neox=False),
        ),
        _case("fp8-heads", (9, 9), (6, 3), (32, 16, 16), (3, 5), *SCALES, scales=3, formats=(("key_cache", E4M3),)),
        _case(
            "int8-tail",
            (6, 6),
            (2, 3),
            (40, 24, 24),
            (3, 4),
            *SCALE_CACHES,
            layout=ADJACENT,
            formats=(("key_cache", INT8),),
            attributes=_set(offset=8),
        ),
        _case("fp8-tokens", (5, 5), (4, 2), (16, 16, 16), (2, 4), *SCALE_CACHES, formats=(("key_cache", E4M3),)),
        _case(
            "f32",
            (3, 3),
            (2, 1),
            (16, 16, 8),
            (1, 8),
            formats=(("q", F32), ("key_cache", F32)),
            attributes=_set(inverse=True),
        ),
        _case("no-tokens", (0, 0), (4, 2), (32, 32, 32), (2, 4)),
        Case(
            name="large",
            sizes=(
                *(("T", 8192), ("TS", 8190), ("HQ", 32), ("HKV", 8), ("D", 128), ("DV", 128), ("ROT", 128)),
                *(("POSITIONS", 131072), ("PAGES", 600), ("PAGE", 16), ("K_SCALES", 1), ("V_SCALES", 1)),
            ),
            absent=(*SCALES, *SCALE_CACHES),
            large=True,
            golden=True,
        ),
    ),
)
