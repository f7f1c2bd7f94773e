"""Shared declarations of the indexer's logits and top-k."""

from __future__ import annotations

from typing import Any

from specs.indexer.layouts import ALL, INDEXER_FP8, MX_GROUP, WIDTH
from specs.lang.declare.axes import Axis, Expr, Ref
from specs.lang.declare.kernel import Array, Attribute, Constraint, Dim, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import BF16, E2M1, E4M3, E8M0, F32, INT32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged

H = Axis(name="H", static=True, minimum=1, maximum=256, doc="heads of the indexer")
N = Axis(name="N", doc="keys")
DATA, COLUMNS, PARTS = Ref("layout_data"), Ref("layout_width"), Ref("layout_scales")
PACKED = Ref("layout_codes").equals(E2M1.name)
NARROW_PACKED = PACKED.and_(Ref("layout_width").equals(64))
"""MXFP4 rows of 64 columns: Triton 3.6 finds no shared layout for 64 heads of them (TritonGPUOptimizeDotOperands)."""
FREE = Dense(inner=Inner.FREE)
CODES = (E4M3, UINT8)


def layout() -> Attribute:
    """The layout of rows of queries and keys."""
    return Attribute(name="layout", kind=Paged, default=INDEXER_FP8, choices=ALL, doc="how rows are quantised")


def layout_fits() -> Constraint:
    """Rows of keys, of built-in and of user-defined layouts."""
    plain = Ref("layout_codes").equals(E4M3.name).and_(PARTS.equals(1)).and_(DATA.equals(COLUMNS))
    groups = COLUMNS.equals(PARTS * MX_GROUP).and_((DATA * 2).equals(COLUMNS))
    packed = PACKED.and_(Ref("layout_scale").equals(E8M0)).and_(groups)
    known = COLUMNS.equals(32).or_(COLUMNS.equals(64)).or_(COLUMNS.equals(WIDTH))
    message = f"rows of 32, 64 or {WIDTH} columns, scales at the end of the page: "
    message += f"e4m3 with one scale, or e2m1 with an e8m0 scale per {MX_GROUP} columns"
    return Constraint(argument="layout", holds=known.and_(plain.or_(packed)), message=message)


def fill() -> Attribute:
    """Whether invisible columns are filled with -inf."""
    doc = "whether columns that a row does not see become -inf; else they keep what they hold"
    return Attribute(name="fill", kind=bool, default=True, doc=doc)


def logits_dtype() -> Attribute:
    """Format of the logits."""
    doc = "format of the logits, which are summed up in float32"
    return Attribute(name="logits_dtype", kind=ElementFormat, default=F32, choices=(F32, BF16), doc=doc)


def first() -> Attribute:
    """First row of a launch, for operations that run in several."""
    return Attribute(name="first", kind=int, default=0, minimum=0, dynamic=True, doc="first row of this launch")


def least() -> Attribute:
    """Rows with at most this many keys need no logits."""
    doc = "rows that see no more keys than this are left out: all of them are chosen"
    return Attribute(name="least", kind=int, default=0, minimum=0, dynamic=True, doc=doc)


def query(*rows: Dim) -> Array:
    """Quantised queries."""
    doc = "codes of the queries, in their format or as bytes"
    return Array(name="q", doc=doc, shapes=((*rows, H, DATA),), formats=CODES)


def query_scale(*rows: Dim) -> Array:
    """Scales of the queries where weights do not hold them."""
    return Array(
        name="q_scale",
        doc="scales of the queries, one per 32 columns",
        by="layout",
        shapes_by=((E4M3.name, ()), (E2M1.name, ((*rows, H, PARTS),))),  # FP8: `weights` hold the scales
        formats=(E8M0,),
        optional=True,
        required_for=(E2M1.name,),
        role=Role.SCALE,
    )


def weights(rows: Dim) -> Array:
    """Weights of the heads."""
    return Array(name="weights", doc="weights of the heads", shapes=((rows, H),), formats=(F32, BF16), layout=FREE)


def keys(count: Axis = N) -> Array:
    """Quantised keys."""
    return Array(name="k", doc="codes of the keys, in their format or as bytes", shapes=((count, DATA),), formats=CODES)


def key_scale(count: Axis = N) -> Array:
    """Scales of the keys."""
    return Array(
        name="k_scale",
        doc="scales of the keys",
        by="layout",
        shapes_by=((E4M3.name, ((count,), (count, 1))), (E2M1.name, ((count, PARTS),))),
        formats=(F32, E8M0),
        role=Role.SCALE,
        layout=FREE,
    )


def bounds(name: str, doc: str, *dims: Dim, **fields: Any) -> Array:
    """Column bounds of rows."""
    return Array(name=name, doc=doc, shapes=(dims,), formats=(INT32,), role=Role.INDEX, layout=FREE, **fields)


PER_REQUEST, PER_QUERY = "request", "query"


def lens() -> Attribute:
    """Whether lengths are per request or per query."""
    doc = '"query": every query has a length; "request": a request has one, which its last query sees, and each query '
    doc += "before it one less"
    return Attribute(name="lens", kind=str, default=PER_QUERY, choices=(PER_QUERY, PER_REQUEST), doc=doc)


def lengths(name: str, doc: str, requests: Axis, queries: Expr, **fields: Any) -> Array:
    """Numbers of keys that queries see."""
    shapes = ((PER_QUERY, ((requests, queries),)), (PER_REQUEST, ((requests,),)))
    return Array(
        name=name, doc=doc, by="lens", shapes_by=shapes, formats=(INT32,), role=Role.INDEX, layout=FREE, **fields
    )


def tunables() -> tuple[Tunable, ...]:
    """Tile sizes of the logits."""
    return (
        Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16), doc="queries per program; they share keys"),
        Tunable(name="BLOCK_N", values=(16, 32, 64, 128, 256), doc="keys per step"),
        Tunable(name="BLOCK_H", values=(16, 32, 64, 128), doc="heads per dot"),
        Tunable(name="CHUNK", values=(32, 64, 128), doc="columns per dot, at most the row's; at least 64 for MXFP4"),
        Tunable(name="TILES", values=(1, 2, 4, 8, 16, 32), doc="steps per program"),
        Tunable(name="num_warps", values=(4, 8, 16)),
        Tunable(name="num_stages", values=(1, 2, 3, 4, 5)),
    )
