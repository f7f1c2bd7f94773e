"""qnorm_rope_kv_insert: queries normalised and rotated in place, keys rotated, quantised and inserted, in one launch.

    q[t, h]  = rope(q[t, h] / sqrt(mean(q[t, h]^2) + eps), positions[t])               all T rows, in place
    cache[slot_mapping[t]] = encode(rope(kv[t], positions[t]))                         for t with a slot in the cache

rope rotates the last columns, as many as the table has, in interleaved pairs. Queries are float32 throughout and
rounded once. The rotated columns of a key, of float16 or float32 first rounded to bfloat16, are rounded correctly to
bfloat16 again (zeros positive), then stored or quantised; its other columns are quantised as they are. No temporary
exists, and `kv` is not changed.

For a token whose position is outside the table (padding), q is unchanged and no key is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.arrays import (
    INTEGERS,
    KEY_FORMATS,
    PAGE_BYTES,
    PAGES,
    ROWS,
    D,
    cache,
    layout_attributes,
    pages_of,
)
from specs.cache.insert import Rotation, destination_of, insert
from specs.cache.layouts import BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.cache.rope import rotate
from specs.cache.sampling import filled, keys, layout_of, rows_of, slots
from specs.cache.write import TS, T, fits, slot_mapping
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32, INT32, INT64
from specs.lang.formats.paged import Paged
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    both,
    join_pairs,
    load,
    program_id,
    reduce_sum,
    split_pairs,
    sqrt,
    store,
    when,
)
from specs.tuned import everywhere

H = Axis(name="H", doc="query heads")
POSITIONS = Axis(name="POSITIONS", doc="rows of the table")
ROPE = Axis(name="ROPE", static=True, minimum=2, multiple_of=2, doc="columns that are rotated")
LEAST_EPS = 2.0**-102  # relative to it, squares flushed as subnormal (less than 2**-126 each) are below u


def qnorm_rope_insert(p: Any) -> None:
    """BLOCK_H heads of one token's query, or, after the last of them, its key."""
    token, part = program_id(0), program_id(1)
    # The last program of a token inserts its key, so that queries and keys take one launch.
    heads = (p.H + (p.BLOCK_H - 1)) // p.BLOCK_H
    # A tile of one row: `insert` works on tiles of rows.
    rows = token + arange(1)
    position = load(p.positions, (rows,)).to(INT32)
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < p.POSITIONS)

    def query() -> None:
        normalise(p, token, part * p.BLOCK_H + arange(p.BLOCK_H), position, known)

    def key() -> None:
        # slot_mapping covers only the tokens that are not padding; TS may be less than T.
        live = (rows < p.TS) & known
        slot = load(p.slot_mapping, (rows,), live, other=-1)
        target = destination_of(p.cache, p.layout, p.ROWS, p.PAGES, slot, live)
        insert(p.kv, rows, target, Rotation(p.cos_sin, position, target.live, p.ROPE // 2))

    when(part < heads, query)
    when(part == heads, key)


def normalise(p: Any, token: Tile, head: Tile, position: Tile, known: Tile) -> None:
    """Rows of q, in place; position, known: [1]. Rows with a position outside the table are unchanged."""
    width = 1 << (p.D - 1).bit_length()
    column = arange(width)
    live = (head < p.H)[:, None] & known[None, :]
    inside = live if width == p.D else both(live, (column < p.D)[None, :])
    # Masked columns load 0 and add nothing to the sum of squares.
    x = load(p.q, (token, head[:, None], column[None, :]), inside).to(F32)
    # D is static: its reciprocal is folded, and an exact power of two for widths of 128, 256, 512.
    mean = reduce_sum(x * x, axis=1) * (1.0 / p.D)
    inverse = (1.0 / sqrt(mean + p.eps))[:, None]
    first, half = p.D - p.ROPE, 1 << (p.ROPE // 2 - 1).bit_length()
    rotary = arange(2 * half)
    fits_ = live if 2 * half == p.ROPE else live & (rotary < p.ROPE)[None, :]
    # The rotated columns are loaded again as a tile of their own: splitting pairs of all D columns moves every one.
    turned = load(p.q, (token, head[:, None], (rotary + first)[None, :]), fits_).to(F32)
    pair = arange(half)
    there = (pair < p.ROPE // 2) & known
    cosine = load(p.cos_sin, (position, pair), there).to(F32)[None, :]
    sine = load(p.cos_sin, (position, pair + p.ROPE // 2), there).to(F32)[None, :]
    # Rotation is linear: normalising afterwards needs no second pass, and float32 is rounded once, at the store.
    even, odd = rotate(*split_pairs(turned), cosine, sine)
    # Both stores wait for the sum above, and with it for every load of the row.
    whole = (x * inverse).to(p.q.element)
    # Columns before `first` only: the rotated ones are stored below.
    store(p.q, (token, head[:, None], column[None, :]), whole, live & (column < first)[None, :])
    y = (join_pairs(even, odd) * inverse).to(p.q.element)
    store(p.q, (token, head[:, None], (rotary + first)[None, :]), y, fits_)


def rope(x: np.ndarray[Any, Any], table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """x [.., n] rotated by rows of the table [.., n], float64."""
    half = x.shape[-1] // 2
    cosine, sine = table[..., :half], table[..., half:]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1).reshape(x.shape)


def rope_magnitude(x: np.ndarray[Any, Any], table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sums of the absolute values of what `rope` adds up."""
    half = x.shape[-1] // 2
    cosine, sine = np.abs(table[..., :half]), np.abs(table[..., half:])
    even, odd = np.abs(x[..., 0::2]), np.abs(x[..., 1::2])
    return np.stack([even * cosine + odd * sine, even * sine + odd * cosine], axis=-1).reshape(x.shape)


def rope_rounded(x: np.ndarray[Any, Any], table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """As `rope`, rounded once to bfloat16, zeros positive. x holds bfloat16 values, the table float32 ones."""
    half = x.shape[-1] // 2
    cosine, sine = table[..., :half], table[..., half:]
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = [_round_sum(even * cosine, -odd * sine), _round_sum(even * sine, odd * cosine)]
    return np.stack(turned, axis=-1).reshape(x.shape)


def _round_sum(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """a + b rounded once: first to the float64 neighbour with an odd last bit, which no tie survives (see `rope`)."""
    total = a + b
    b_part = total - a
    error = (a - (total - b_part)) + (b - b_part)
    neighbour = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    odd = np.where((error == 0) | (total.view(np.int64) & 1 == 1), total, neighbour)
    return BF16.decode(BF16.encode(odd + 0.0))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64; keys in bytes."""
    q, kv, table, positions = inputs["q"], inputs["kv"], inputs["cos_sin"], np.asarray(inputs["positions"], np.int64)
    n = table.shape[1]
    inverse = 1.0 / np.sqrt((q**2).mean(-1, keepdims=True) + np.float32(inputs["eps"]))
    known = (positions >= 0) & (positions < len(table))
    y, rows = q * inverse, table[np.where(known, positions, 0)] if len(table) else np.zeros((len(q), n))
    magnitude = np.abs(y)
    magnitude[..., -n:] = rope_magnitude(y[..., -n:], rows[:, None])
    y[..., -n:] = rope(y[..., -n:], rows[:, None])
    keys_ = np.array(kv)
    keys_[:, -n:] = rope_rounded(BF16.decode(BF16.encode(kv[:, -n:])), rows)
    cached, slots_ = np.array(inputs["cache"], order="C"), np.asarray(inputs["slot_mapping"])
    slots_ = np.where(known[: len(slots_)], slots_, -1)
    pages, size = pages_of({**inputs, "cache": cached})
    inputs["layout"].write(pages, slots_, keys_[: len(slots_)], size)
    y, magnitude = (np.where(known[:, None, None], new, old) for new, old in ((y, q), (magnitude, 0.0)))
    return {"q": Reference(value=y, magnitude=magnitude), "cache": Reference(value=cached)}


def table(sample: Sample, positions: int, width: int) -> np.ndarray[Any, Any]:
    """Cosines and sines of `positions` rows; for exact data of right angles."""
    angle = np.arange(positions)[:, None] * 10000.0 ** (-2.0 * np.arange(width // 2) / width)
    if sample.kind == "exact":
        angle = np.floor(angle) * np.pi / 2
        return np.asarray(np.rint(np.concatenate([np.cos(angle), np.sin(angle)], axis=1)))
    return np.asarray(np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32), np.float64)


def sample(case: Sample) -> dict[str, Any]:
    """Slots with some to be skipped; for exact data, queries whose mean square is a power of four that swallows eps.

    In random data some positions are outside the table.
    """
    sizes, layout = case.sizes, layout_of(case)
    positions = case.rng.integers(0, max(sizes["POSITIONS"], 1), sizes["T"])
    if case.kind == "random":
        positions[2::7], positions[4::7] = -1, sizes["POSITIONS"]
    drawn = {
        "slot_mapping": slots(case, sizes["TS"]),
        "cache": filled(case, sizes["PAGES"], sizes["PAGE_BYTES"], rows_of(case)),
        "kv": keys(case, sizes["T"], case.formats["kv"]),
        "cos_sin": table(case, sizes["POSITIONS"], sizes["ROPE"]),
        "positions": positions,
    }
    if case.kind == "exact":
        shape = (sizes["T"], sizes["H"], layout.width)
        drawn["q"] = case.rng.choice([-1.0, 1.0], shape) * np.exp2(case.rng.integers(3, 7, (*shape[:2], 1)))
    return drawn


_KERNEL = Kernel(
    name="qnorm_rope_insert",
    doc="Queries normalised and rotated in place; keys rotated, quantised and inserted.",
    axes=(T, H, D, TS, PAGES, PAGE_BYTES, ROWS, POSITIONS, ROPE),
    arrays=(
        Array(name="q", doc="queries", shapes=((T, H, D),), formats=(BF16, F16), access=Access.INOUT),
        Array(name="kv", doc="keys, normalised already", shapes=((T, D),), formats=KEY_FORMATS),
        cache(Access.INOUT),
        slot_mapping(),
        Array(
            name="positions",
            doc="position of every row; outside the table: q is unchanged, and no key is written",
            shapes=((T,),),
            formats=INTEGERS,
            layout=Dense(inner=Inner.FREE),
            role=Role.INDEX,
        ),
        Array(name="cos_sin", doc="cosines, then sines", shapes=((POSITIONS, ROPE),), formats=(F32, BF16)),
    ),
    attributes=(
        Attribute(name="eps", kind=float, default=1e-6, minimum=LEAST_EPS, doc="added to the mean square"),
        *layout_attributes(),
    ),
    tunables=(
        Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16, 32), doc="heads per program"),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
        Tunable(name="num_stages", values=(1,)),
    ),
    configs=everywhere("qnorm_rope_insert"),
    grid=(T, cdiv(H, Ref("BLOCK_H")) + 1),
    body=qnorm_rope_insert,
)


def _case(name: str, t: int, ts: int, h: int, rows: int, layout: Paged | None = None, **fields: Any) -> Case:
    shape = layout or V4
    pages = max(1, -(-2 * t // rows))
    sizes = {"T": t, "TS": ts, "H": h, "D": shape.width, "PAGES": pages, "PAGE_BYTES": shape.page_stride(rows)}
    sizes |= {"POSITIONS": 97, "ROPE": 64}
    attributes = (("block_size", rows), *((("layout", layout),) if layout else ()))
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


QNORM_ROPE_KV_INSERT: Op = single(
    _KERNEL,
    name="qnorm_rope_kv_insert",
    family="cache",
    definition=definition_of(__doc__),
    source="DeepSeek-V4 attention input; layouts as in FlashMLA",
    constraints=(
        *fits("kv"),
        Constraint(argument="cos_sin", holds=ROPE <= D, message="no more rotated columns than a row has"),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("q", Accuracy(terms=D, extra=16)), ("cache", Accuracy(exact=True))),
    cases=(
        _case("v4", 5, 5, 8, 16),
        _case("padded", 17, 13, 3, 64),
        _case("v41", 4, 4, 8, 16, V41),
        _case("v41-fp4", 4, 4, 2, 16, V41_FP4),
        _case("bf16", 3, 3, 2, 4, BF16_512),
        _case(
            "bf16-table",
            4,
            4,
            2,
            16,
            formats=(("cos_sin", BF16), ("slot_mapping", INT64), ("positions", INT64)),
        ),
        _case("v32", 4, 4, 2, 16, V32),
        _case("nvfp4", 3, 3, 2, 16, NVFP4_MLA),
        _case("f16", 4, 4, 2, 16, formats=(("q", F16), ("kv", F16))),
        _case("f32-keys", 4, 4, 2, 16, V41, formats=(("kv", F32),)),
        _case("one-token", 1, 1, 64, 64),
        _case("int64", 4, 3, 2, 8, formats=(("slot_mapping", INT64), ("positions", INT64))),
        _case("no-rows", 0, 0, 8, 16),
        _case("large", 256, 250, 128, 64, large=True, golden=True),
    ),
)
