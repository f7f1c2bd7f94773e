"""rotary_embedding: heads of queries and keys rotated in place, in one launch.

    (a, b) -> (a cos - b sin, b cos + a sin)            float32, one rounding

for the pairs (a, b) of the `rot` columns from `offset` on, where rot is the number of columns of the table; neox pairs
are (x[i], x[i + rot / 2]), the others (x[2 i], x[2 i + 1]). `inverse` rotates by the negative angle. Other columns, and
heads of tokens with a position outside the table, are not written. Queries and keys may be slices of one row.

Source: Su et al., RoFormer (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Literal, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32, INT64
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
from specs.tile.language import ArrayHandle, arange, program_id, when
from specs.tuned import everywhere

HQ = Axis(name="HQ", doc="query heads")
HK = Axis(name="HK", doc="key heads")


def rotary_embedding(p: Any) -> None:
    """BLOCK_H heads of one token: of its query, or, after the last of them, of its key."""
    token, part = program_id(0), program_id(1)
    turned_by = angles(p, token)
    if p.k is None:
        rotate_in_place(p, p.q, token, p.HQ, part, turned_by)
        return
    of_q = (p.HQ + (p.BLOCK_H - 1)) // p.BLOCK_H
    when(part < of_q, lambda: rotate_in_place(p, p.q, token, p.HQ, part, turned_by))
    when(part >= of_q, lambda: rotate_in_place(p, p.k, token, p.HK, part - of_q, turned_by))


def rotate_in_place(
    p: Any, array: ArrayHandle, token: Tile, count: Tile, block: Tile, turned_by: tuple[Tile, Tile, Tile]
) -> None:
    """Rotates BLOCK_H of a token's `count` heads. turned_by: what `angles` gives."""
    cosine, sine, known = turned_by
    head = (block * p.BLOCK_H + arange(p.BLOCK_H))[:, None]
    live, pairs = (head < count) & known, Pairs(p, p.offset)

    def place(column: Tile) -> tuple[Tile, Tile, Tile]:
        return token, head, column

    turned = rotate(*pairs.load(array, place, live), cosine, sine)
    pairs.store(array, place, live, *turned)


def oracle(values: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    options = {name: values[name] for name in ("neox", "offset", "inverse")}
    found = {}
    for name in ("q", "k"):
        if values.get(name) is not None:
            y, magnitude = rotated(values[name], values["cos_sin"], np.asarray(values["positions"]), **options)
            found[name] = Reference(value=y, magnitude=magnitude)
    return found


def sample(case: Sample) -> dict[str, Any]:
    """Positions and the table; for exact data heads without zeros."""
    drawn = {"positions": drawn_positions(case), "cos_sin": drawn_table(case)}
    if case.kind == "exact":
        drawn |= {name: drawn_heads(case, name) for name in ("q", "k") if name in case.shapes}
    return drawn


def _heads(name: str, doc: str, heads: Axis, formats: Any, optional: bool = False) -> Array:
    shape = (T, heads, D)
    return Array(name=name, doc=doc, shapes=(shape,), formats=formats, access=Access.INOUT, optional=optional)


def _case(name: str, t: int, hq: int, hk: int, d: int, rot: int, **fields: Any) -> Case:
    sizes = {"T": t, "HQ": hq, "HK": hk, "D": d, "POSITIONS": 97, "ROT": rot}
    return Case(name=name, sizes=tuple(sizes.items()), **fields)


def _set(**values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(values.items())


_ROUNDED = Accuracy(terms=Literal(2), extra=2)

ROTARY_EMBEDDING: Op = single(
    Kernel(
        name="rotary_embedding",
        doc="Heads of queries and keys rotated by their positions, in place.",
        axes=(T, HQ, HK, D, POSITIONS, ROT),
        arrays=(
            positions(),
            _heads("q", "queries", HQ, (BF16, F16, F32)),
            _heads("k", "keys", HK, "q", optional=True),
            cos_sin(),
        ),
        attributes=(NEOX, OFFSET, INVERSE),
        tunables=(
            Tunable(name="BLOCK_H", values=(1, 2, 4, 8, 16, 32, 64), doc="heads per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        configs=everywhere("rotary_embedding", few_heads=HQ <= 8, rest=None),
        grid=(T, cdiv(HQ, Ref("BLOCK_H")) + cdiv(HK, Ref("BLOCK_H"))),
        body=rotary_embedding,
    ),
    family="rope",
    definition=definition_of(__doc__),
    source="Su et al., RoFormer (2021)",
    independent=(Independent(T),),
    constraints=(fits("cos_sin", Ref("offset")),),
    sample=sample,
    oracle=oracle,
    accuracy=(("q", _ROUNDED), ("k", _ROUNDED)),
    cases=(
        _case("llama", 5, 9, 3, 64, 64),
        _case("interleaved-tail", 8, 4, 1, 96, 32, attributes=_set(neox=False, offset=64)),
        _case("inverse-no-keys", 4, 3, 0, 40, 24, absent=("k",), attributes=_set(inverse=True, neox=False)),
        _case("partial-f16", 3, 17, 2, 80, 20, formats=(("q", F16), ("cos_sin", BF16))),
        _case("f32-int64", 9, 2, 2, 16, 16, formats=(("q", F32), ("positions", INT64))),
        _case("no-tokens", 0, 4, 2, 64, 64),
        Case(
            name="large",
            sizes=(("T", 8192), ("HQ", 48), ("HK", 8), ("D", 128), ("POSITIONS", 131072), ("ROT", 128)),
            large=True,
            golden=True,
        ),
    ),
)
