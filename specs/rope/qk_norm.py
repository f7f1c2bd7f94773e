"""qk_norm_rope: queries and keys of a packed row normalised head by head and rotated, in place, in one launch.

    n = rms_norm(head, weight of queries or keys)          as the operation `rms_norm` in this style
    head = rope(n, position)                               as the operation `rotary_embedding`

for the first num_q_heads + num_k_heads heads of every row [q heads | k heads | v heads]; values are not touched. All
of it is float32 with one rounding at the end; with `round_between` n is rounded to the format of the row first, which
gives the bytes of the two operations one after the other. Rows with a position outside the table are unchanged.

Source: Qwen3 technical report (2025) for the norm of queries and keys; Su et al., RoFormer (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32, INT64
from specs.norm import rows as norm
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
    drawn_positions,
    drawn_table,
    fits,
    positions,
    rotate,
    rotated,
    width_of,
)
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, both, load, program_id, reduce_sum, sqrt, store, where
from specs.tuned import everywhere

C = Axis(name="C", minimum=1, doc="columns of a packed row: all heads")
EXTRA = norm.EXTRA + 4


def qk_norm_rope(p: Any) -> None:
    """BLOCK_H heads of one row."""
    token = program_id(0)
    head = (program_id(1) * p.BLOCK_H + arange(p.BLOCK_H))[:, None]
    cosine, sine, known = angles(p, token)
    live = (head < p.num_q_heads + p.num_k_heads) & known

    def place(column: Tile) -> tuple[Tile, Tile]:
        return token, head * p.D + column

    width = width_of(p.D)
    column = arange(width)[None, :]
    inside = both(live, None if width == p.D else column < p.D)
    # Summed as `rms_norm` sums a row, so that the two agree to the byte.
    x = load(p.qkv, place(column), inside).to(F32)
    mean = reduce_sum(x * x, axis=1) / float(p.D)
    inverse = (1.0 / sqrt(mean + p.eps))[:, None]

    def scaled(x: Tile, of_q: Tile, of_k: Tile) -> Tile:
        """x normalised and multiplied by the weights, rounded where the style and round_between ask for it."""
        weight = where(head < p.num_q_heads, of_q, of_k)
        y = x * inverse
        y = y.to(p.qkv.element).to(F32) if p.style == "twice" else y
        y = y * (weight + 1.0 if p.style == "gemma" else weight)
        return y.to(p.qkv.element).to(F32) if p.round_between else y

    if p.ROT < p.D:
        exists = None if width == p.D else (column < p.D).reshape(width)
        weights = (load(w, (arange(width),), exists).to(F32)[None, :] for w in (p.q_weight, p.k_weight))
        stays = (column < p.offset) | (column >= p.offset + p.ROT)
        store(p.qkv, place(column), scaled(x, *weights).to(p.qkv.element), both(inside, stays))
    pairs = Pairs(p, p.offset)
    # Loaded again as tiles of their own; every store waits for the sum, and with it for the load of the whole row.
    turning = pairs.load(p.qkv, place, live)
    of_q, of_k = (pairs.load(w, lambda c: (c,), None) for w in (p.q_weight, p.k_weight))
    a, b = (scaled(*each) for each in zip(turning, of_q, of_k, strict=True))
    pairs.store(p.qkv, place, live, *rotate(a, b, cosine, sine))


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    packed, at, table = np.asarray(values["qkv"], np.float64), np.asarray(values["positions"]), values["cos_sin"]
    form, of_q, of_k = values["formats"]["qkv"], values["num_q_heads"], values["num_k_heads"]
    d = len(values["q_weight"])
    heads = packed.reshape(len(packed), packed.shape[1] // d, d)
    y, magnitude = heads.copy(), np.zeros(heads.shape)
    options = {name: values[name] for name in ("neox", "offset", "inverse")}
    known = ((at >= 0) & (at < len(table)))[:, None, None]
    unit = (norm.roundings(d) + EXTRA) * F32.unit_roundoff
    for part, weight in ((slice(0, of_q), "q_weight"), (slice(of_q, of_q + of_k), "k_weight")):
        given = {"x": heads[:, part], "weight": values[weight], "variance_size": 0, "formats": {"x": form}}
        _, n, size = norm.definition({**given, "eps": values["eps"], "style": values["style"]})
        if values["round_between"]:
            n, moved = norm.rounded(n, unit * size, form)
            size = np.abs(n) + moved / unit
        turned, _ = rotated(n, table, at, **options)
        _, added = rotated(size, table, at, **options)
        columns = np.zeros(d, bool)
        columns[values["offset"] : values["offset"] + table.shape[1]] = True
        y[:, part] = np.where(known, turned, heads[:, part])
        magnitude[:, part] = np.where(known, np.where(columns, added, size), 0.0)
    return {"qkv": Reference(value=y.reshape(packed.shape), magnitude=magnitude.reshape(packed.shape))}


def sample(case: Sample) -> dict[str, Any]:
    """Positions and the table; for exact data heads whose mean square is a power of four that swallows eps."""
    drawn = {"positions": drawn_positions(case), "cos_sin": drawn_table(case)}
    if case.kind == "exact":
        d, (t, c) = case.sizes["D"], case.shapes["qkv"]
        heads = case.rng.choice([-1.0, 1.0], (t, c // d, d)) * np.exp2(case.rng.integers(4, 7, (t, c // d, 1)))
        weights = {name: case.rng.choice([-3.0, -2.0, 1.0, 2.0, 3.0], d) for name in ("q_weight", "k_weight")}
        drawn |= {"qkv": heads.reshape(t, c), **weights}
    return drawn


def _weight(name: str, doc: str) -> Array:
    return Array(name=name, doc=f"factor of every column of {doc}", shapes=((D,),), formats=(BF16, F16, F32))


def _count(name: str, doc: str, least: int) -> Attribute:
    return Attribute(name=name, kind=int, required=True, minimum=least, doc=doc)


_EPS, _STYLE, _ = norm.attributes()
_HEADS = Ref("num_q_heads") + Ref("num_k_heads")


def _case(name: str, t: int, heads: tuple[int, int, int], d: int, rot: int, **fields: Any) -> Case:
    sizes = {"T": t, "C": sum(heads) * d, "D": d, "POSITIONS": 97, "ROT": rot}
    attributes = (("num_q_heads", heads[0]), ("num_k_heads", heads[1]), *fields.pop("attributes", ()))
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


def _set(**values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(values.items())


QK_NORM_ROPE: Op = single(
    Kernel(
        name="qk_norm_rope",
        doc="Queries and keys of packed rows normalised head by head and rotated, in place.",
        axes=(T, C, D, POSITIONS, ROT),
        arrays=(
            Array(
                name="qkv",
                doc="rows of heads: queries, keys, then values",
                shapes=((T, C),),
                formats=(BF16, F16, F32),
                access=Access.INOUT,
            ),
            _weight("q_weight", "a query"),
            _weight("k_weight", "a key"),
            positions(),
            cos_sin(),
        ),
        attributes=(
            _count("num_q_heads", "query heads of a row", 1),
            _count("num_k_heads", "key heads of a row", 0),
            _EPS,
            _STYLE,
            NEOX,
            OFFSET,
            INVERSE,
            Attribute(
                name="round_between",
                kind=bool,
                default=False,
                doc="round normalised heads before they are rotated, as the two operations one after the other do",
            ),
        ),
        tunables=(
            Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16, 32), doc="heads per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("qk_norm_rope"),
        grid=(T, cdiv(_HEADS, Ref("BLOCK_H"))),
        body=qk_norm_rope,
    ),
    family="rope",
    definition=definition_of(__doc__),
    source="Qwen3 technical report (2025); Su et al., RoFormer (2021)",
    independent=(Independent(T),),
    constraints=(
        fits("cos_sin", Ref("offset")),
        Constraint(argument="qkv", holds=(C % D).equals(0), message="rows of whole heads of D columns"),
        Constraint(
            argument="qkv",
            holds=(_HEADS * D) <= C,
            message="no more query and key heads than a row has",
            failure="rows of C = {C} columns have no {num_q_heads} + {num_k_heads} heads of D = {D}",
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("qkv", Accuracy(terms=norm.roundings(D), extra=EXTRA)),),
    cases=(
        _case("qwen3", 5, (4, 2, 2), 64, 64),
        _case("gemma-tail", 8, (3, 1, 1), 40, 24, attributes=_set(style="gemma", neox=False, offset=16)),
        _case(
            "between-twice",
            4,
            (9, 3, 3),
            32,
            16,
            formats=(("qkv", F16), ("q_weight", F32), ("k_weight", F32), ("cos_sin", BF16)),
            attributes=_set(style="twice", round_between=True),
        ),
        _case(
            "f32-inverse",
            9,
            (2, 0, 1),
            16,
            16,
            formats=(("qkv", F32), ("q_weight", F16), ("k_weight", F16), ("positions", INT64)),
            attributes=_set(inverse=True),
        ),
        _case("no-tokens", 0, (4, 2, 2), 64, 64),
        Case(
            name="large",
            sizes=(("T", 8192), ("C", 48 * 128), ("D", 128), ("POSITIONS", 40960), ("ROT", 128)),
            attributes=_set(num_q_heads=32, num_k_heads=8),
            large=True,
            golden=True,
        ),
    ),
)
