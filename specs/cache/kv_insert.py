"""kv_insert: keys and values of new tokens written into their slots of a paged cache of ordinary attention.

    key_cache[page, row, h]   = encode(key[t, h])          page, row = divmod(slot_mapping[t], page size)
    value_cache[page, row, h] = encode(value[t, h])        for every t whose slot is in the cache

    same format:      encode(x) = x, bit for bit
    FP8:              encode(x) = fp8(x / k_scale[h])       v_scale for values; 1 where left out
    INT8, or FP8 with k_scale_cache and v_scale_cache:
                      encode(x) = code(x (1 / s)),  s = max(amax / max, 1e-6),  amax = max |x| of token and head
                      k_scale_cache[page, row, h] = s

All steps are float32 with one rounding each; max is the largest code (127, 448, 57344). FP8 codes are rounded to
nearest even, saturate, and keep NaN; INT8 codes are rounded half away from zero. A NaN makes the scale of its token and
head NaN, and all INT8 codes under it 0. Slots that are negative (padding) or after the last page are skipped, rows of
key and value after the last slot are padding, and no other byte of the caches changes. With a `kv_layout` that has keys
and values in one array, key_cache is that array, and value_cache is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.cache.kv_codes import dynamic_codes, dynamic_reference, given_scale, static_codes, static_reference
from specs.cache.kv_layouts import ADJACENT, INTERLEAVED, KV_LAYOUT, LAYOUTS, KVLayout, View, one_width
from specs.cache.write import TS, slot_mapping
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT32, INT64, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, arange, both, load, maximum, program_id, store, where
from specs.tuned import everywhere

T = Axis(name="T", doc="rows of key and value")
HKV = Axis(name="HKV", minimum=1, doc="key heads")
D = Axis(name="D", static=True, minimum=1, doc="columns of a key")
DV = Axis(name="DV", static=True, minimum=1, doc="columns of a value")
PAGES = Axis(name="PAGES", doc="pages of the cache")
PAGE = Axis(name="PAGE", minimum=1, doc="rows of a page")
K_SCALES = Axis(name="K_SCALES", default=1, doc="scales of keys: one, or one per head")
V_SCALES = Axis(name="V_SCALES", default=1, doc="scales of values: one, or one per head")
AXES = (T, TS, HKV, D, DV, PAGES, PAGE, K_SCALES, V_SCALES)

_WIDE = (BF16, F16, F32)
_FREE = Dense(inner=Inner.FREE)


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of rows [tokens, heads, columns]. column: which ones of a head; kept: which are written, None for all."""

    x: Tile
    column: Tile
    kept: Tile | None


@dataclass(frozen=True, slots=True)
class Slots:
    """Destinations of a program's tokens [n]: page, row of the page, and whether there is one."""

    page: Tile
    row: Tile
    live: Tile


def slots_of(p: Any, token: Tile) -> Slots:
    """Where these tokens go."""
    slot = load(p.slot_mapping, (token,), token < p.TS, other=-1)
    # Clamped because // and % of negative numbers differ between targets; such slots are masked.
    clamped, size = maximum(slot, 0), p.PAGE.to(slot.element)
    page = clamped // size
    # Compared in the slots' own format: an int64 slot may exceed int32 before the page is known to exist.
    live = (slot >= 0) & (page < p.PAGES.to(slot.element))
    return Slots(page.to(INT32), (clamped % size).to(INT32), live)


def kv_insert(p: Any) -> None:
    """BLOCK_T tokens, BLOCK_H heads of each: keys and values."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    head = program_id(1) * p.BLOCK_H + arange(p.BLOCK_H)
    keys, values = LAYOUTS[p.kv_layout].views(p, "key_cache", "value_cache")
    # Loaded whether or not the token has a slot, so that loads do not wait for that of the slot.
    x, y = (load_rows(p, array, token, head) for array in (p.key, p.value))
    at = slots_of(p, token)
    insert_rows(p, keys, at, head, [whole(x, keys)], p.k_scale, p.K_SCALES, p.k_scale_cache)
    insert_rows(p, values, at, head, [whole(y, values)], p.v_scale, p.V_SCALES, p.v_scale_cache)


def load_rows(p: Any, array: ArrayHandle, token: Tile, head: Tile) -> Tile:
    """Rows of key or value [tokens, heads, columns], padded to a power of two with zeros."""
    width = p.D if array.param.name == "key" else p.DV
    index = arange(_pow2(width))[None, None, :]
    mask = _rows(p, token < p.TS, head)[:, :, None]
    mask = mask if index.shape[2] == width else mask & (index < width)
    return load(array, (token[:, None, None], head[None, :, None], index), mask)


def whole(x: Tile, to: View) -> Part:
    """All columns of rows, after which there may be padding."""
    column = arange(x.shape[2])[None, None, :]
    return Part(x, column, None if x.shape[2] == to.columns else column < to.columns)


def insert_rows(
    p: Any,
    to: View,
    at: Slots,
    head: Tile,
    parts: Sequence[Part],
    given: ArrayHandle | None,
    count: Tile,
    cached: ArrayHandle | None,
) -> None:
    """Encodes rows, which come in parts, and writes them. given, cached: scales that are passed, and in pages."""
    form, rows = to.array.element, _rows(p, at.live, head)
    page, row = at.page[:, None], at.row[:, None]
    if cached is not None:
        # What is not kept has no part in the scale.
        found, scale = dynamic_codes([_or_zero(part.x.to(F32), part.kept) for part in parts], form)
        store(cached, (page, row, head[None, :]), scale, rows)
    elif form == parts[0].x.element:
        found = [part.x for part in parts]
    else:
        scales = None if given is None else given_scale(given, count, head)
        found = [static_codes(part.x.to(F32), scales, form) for part in parts]
    for codes, part in zip(found, parts, strict=True):
        place = to.at(page[:, :, None], row[:, :, None], head[None, :, None], part.column)
        store(to.array, place, codes, both(rows[:, :, None], part.kept))


def _or_zero(x: Tile, kept: Tile | None) -> Tile:
    return x if kept is None else where(kept, x, 0.0)


def _rows(p: Any, live: Tile, head: Tile) -> Tile:
    """Which tokens and heads exist [tokens, heads]."""
    return live[:, None] if p.even_heads else live[:, None] & (head < p.HKV)[None, :]


def _pow2(n: int) -> int:
    return 1 << (n - 1).bit_length()


def cache_arrays(
    pages: tuple[Axis, Axis], heads: Axis, key: Axis, value: Axis, codes: tuple[ElementFormat, ...] = (E4M3, E5M2, INT8)
) -> tuple[Array, Array]:
    """key_cache and value_cache, or one array in place of the first."""
    first = tuple((name, ((*pages, *layout.row(heads, key, value)),)) for name, layout in LAYOUTS.items())
    second = tuple((name, () if layout.fused else ((*pages, heads, value),)) for name, layout in LAYOUTS.items())
    separate = tuple(name for name, layout in LAYOUTS.items() if not layout.fused)
    return (
        Array(
            name="key_cache",
            doc="keys in pages, or keys and values",
            by="kv_layout",
            shapes_by=first,
            formats=(*_WIDE, *codes),
            access=Access.INOUT,
        ),
        Array(
            name="value_cache",
            doc="values in pages",
            by="kv_layout",
            shapes_by=second,
            optional=True,
            required_for=separate,
            formats="key_cache",
            access=Access.INOUT,
        ),
    )


def scale_arrays() -> tuple[Array, ...]:
    """Scales that are given, and the scales of every token and head in pages."""
    found = [
        Array(
            name=f"{name}_scale",
            doc=f"scale of FP8 {what}: one, or one per head; 1 where left out",
            shapes=((count,), ()),
            formats=(F32,),
            role=Role.SCALE,
            layout=_FREE,
            optional=True,
        )
        for name, what, count in (("k", "keys", K_SCALES), ("v", "values", V_SCALES))
    ]
    found += [
        Array(
            name=f"{name}_scale_cache",
            doc=f"scale of every token and head of the {what} in pages",
            shapes=((PAGES, PAGE, HKV),),
            formats=(F32,),
            role=Role.SCALE,
            layout=_FREE,
            optional=True,
            access=Access.INOUT,
        )
        for name, what in (("k", "keys"), ("v", "values"))
    ]
    return tuple(found)


def _inputs() -> tuple[Array, ...]:
    key = Array(name="key", doc="keys of new tokens", shapes=((T, HKV, D),), formats=_WIDE)
    value = Array(name="value", doc="values of new tokens", shapes=((T, HKV, DV),), formats="key")
    return key, value


_CACHE = Ref("key_cache_format")
_FP8 = _CACHE.equals(E4M3).or_(_CACHE.equals(E5M2))
_DYNAMIC = Ref("has_k_scale_cache")
_STATIC = Ref("has_k_scale").or_(Ref("has_v_scale"))

COUNTS_OF_SCALES = tuple(
    Constraint(
        argument=f"{name}_scale",
        holds=count.equals(1).or_(count.equals(HKV)),
        message="one scale, or one per head",
        failure=f"{{{count.name}}} scales for {{HKV}} heads",
    )
    for name, count in (("k", K_SCALES), ("v", V_SCALES))
)
CONSTRAINTS = (
    Constraint(
        argument="slot_mapping",
        holds=TS <= T,
        message="no more slots than rows of key",
        failure="{TS} slots for {T} rows of key",
    ),
    Constraint(
        argument="key_cache",
        holds=_FP8.or_(_CACHE.equals(INT8)).or_(_CACHE.equals(Ref("key_format"))),
        message="a cache of the format of key, of FP8 or of INT8",
    ),
    one_width("key_cache", D, DV),
    Constraint(
        argument="k_scale_cache",
        holds=_DYNAMIC.equals(Ref("has_v_scale_cache")),
        message="k_scale_cache and v_scale_cache together or not at all",
    ),
    Constraint(
        argument="k_scale_cache",
        holds=_CACHE.differs(INT8).or_(_DYNAMIC),
        message="scale caches for codes of INT8",
    ),
    Constraint(
        argument="k_scale_cache",
        holds=_DYNAMIC.equals(0).or_(_FP8).or_(_CACHE.equals(INT8)),
        message="scale caches with FP8 or INT8 codes only",
    ),
    Constraint(
        argument="k_scale",
        holds=_STATIC.equals(0).or_(_FP8.and_(_DYNAMIC.equals(0))),
        message="k_scale and v_scale with FP8 codes only, and without scale caches",
    ),
    *COUNTS_OF_SCALES,
)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, token by token in float32."""
    key, value, slots = inputs["key"], inputs["value"], np.asarray(inputs["slot_mapping"], np.int64)
    form = inputs["formats"]["key_cache"]
    coded = form.bits <= 8
    caches = {n: np.array(inputs[n], order="C") for n in ("key_cache", "value_cache") if n in inputs}
    if coded and form.is_float:
        caches = {n: form.encode(x) for n, x in caches.items()}
    scales = {n: np.array(inputs[n], order="C") for n in ("k_scale_cache", "v_scale_cache") if n in inputs}
    layout: KVLayout = LAYOUTS[inputs["kv_layout"]]
    views = layout.slices(caches["key_cache"], caches.get("value_cache"), key.shape[-1])
    pages, size = views[0].shape[:2]
    token = np.flatnonzero((slots >= 0) & (slots < pages * size))
    page, row = slots[token] // size, slots[token] % size
    with np.errstate(all="ignore"):
        for name, x, view in zip("kv", (key[token], value[token]), views, strict=True):
            if f"{name}_scale_cache" in scales:
                view[page, row], scales[f"{name}_scale_cache"][page, row] = dynamic_reference(x, form)
            else:
                view[page, row] = static_reference(x, inputs.get(f"{name}_scale"), form) if coded else x
    return {name: Reference(value=found) for name, found in (caches | scales).items()}


def sample(case: Sample) -> dict[str, Any]:
    """Distinct slots, some of them to be skipped."""
    total, count = case.sizes["PAGES"] * case.sizes["PAGE"], case.sizes["TS"]
    found = case.rng.permutation(max(total, count)).astype(np.int64)[:count]
    drawn = case.rng.random(count)
    return {"slot_mapping": np.where(drawn < 1 / 8, np.where(drawn < 1 / 16, -1, -7), found)}


KERNEL = Kernel(
    name="kv_insert",
    doc="Keys and values of new tokens written into their slots of a paged cache.",
    axes=AXES,
    arrays=(*_inputs(), *cache_arrays((PAGES, PAGE), HKV, D, DV), slot_mapping(), *scale_arrays()),
    attributes=(KV_LAYOUT,),
    tunables=(
        Tunable(name="BLOCK_T", values=(1, 2, 4, 8, 16), doc="tokens per program"),
        Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16), doc="heads per program"),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
        Tunable(name="num_stages", values=(1,)),
    ),
    configs=everywhere("kv_insert"),
    static_conditions=(("even_heads", (HKV % Ref("BLOCK_H")).equals(0)),),
    grid=(cdiv(TS, Ref("BLOCK_T")), cdiv(HKV, Ref("BLOCK_H"))),
    body=kv_insert,
)

SCALES, SCALE_CACHES = ("k_scale", "v_scale"), ("k_scale_cache", "v_scale_cache")


def _case(
    name: str,
    tokens: tuple[int, int],
    heads: int,
    widths: tuple[int, int],
    pages: tuple[int, int],
    *with_: str,
    layout: KVLayout | None = None,
    scales: int = 1,
    **fields: Any,
) -> Case:
    """tokens: rows of key, and slots. pages: how many, and rows of each."""
    sizes = {"T": tokens[0], "TS": tokens[1], "HKV": heads, "D": widths[0], "DV": widths[1]}
    sizes |= {"PAGES": pages[0], "PAGE": pages[1], "K_SCALES": scales, "V_SCALES": scales}
    absent = tuple(name for name in (*SCALES, *SCALE_CACHES) if name not in with_)
    attributes = () if layout is None else (("kv_layout", layout.name),)
    return Case(name=name, sizes=tuple(sizes.items()), absent=absent, attributes=attributes, **fields)


def _codes(form: Any, *others: tuple[str, object]) -> tuple[tuple[str, object], ...]:
    return (("key_cache", form), *others)


KV_INSERT: Op = single(
    KERNEL,
    family="cache",
    definition=definition_of(__doc__),
    source="vLLM, reshape_and_cache_flash",
    constraints=CONSTRAINTS,
    independent=(Independent(HKV, along=(K_SCALES, V_SCALES)),),
    sample=sample,
    oracle=oracle,
    accuracy=tuple((name, Accuracy(exact=True)) for name in ("key_cache", "value_cache", *SCALE_CACHES)),
    cases=(
        _case("copy", (19, 17), 8, (64, 64), (4, 16)),
        _case("two-widths", (5, 5), 3, (80, 48), (9, 1), formats=(("key", F16), ("key_cache", F16))),
        _case("fp8", (7, 6), 3, (64, 64), (2, 8), *SCALES, formats=_codes(E4M3, ("slot_mapping", INT64))),
        _case("fp8-heads", (9, 9), 3, (40, 40), (3, 5), *SCALES, scales=3, layout=ADJACENT, formats=_codes(E5M2)),
        _case("fp8-tokens", (6, 6), 2, (32, 32), (2, 4), *SCALE_CACHES, layout=INTERLEAVED, formats=_codes(E4M3)),
        _case("int8", (9, 9), 3, (80, 24), (3, 4), *SCALE_CACHES, layout=ADJACENT, formats=_codes(INT8)),
        _case(
            "interleaved", (3, 3), 9, (16, 16), (1, 8), layout=INTERLEAVED, formats=(("key", F32), ("key_cache", F32))
        ),
        _case("no-tokens", (0, 0), 2, (32, 32), (2, 4)),
        _case("large", (8192, 8190), 8, (128, 128), (600, 16), large=True, golden=True),
    ),
)
