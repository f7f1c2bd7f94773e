"""Shared declarations of attention operations: axes, arrays, attributes, tunables."""

from __future__ import annotations

from typing import Any

from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import BF16, F16, F32, INT32, INT64

T = Axis(name="T", doc="query tokens")
H = Axis(name="H", doc="query heads")
D = Axis(name="D", static=True, minimum=16, doc="columns of a query and of a key")
SINKS = Axis(name="SINKS", doc="sinks; entries past the number of heads are not read")
VALUES = Axis(name="VALUES", static=True, value=Ref("layout_values"), doc="columns of a key that are its value")
WITH_LSE = "return_lse"


def query() -> Array:
    """The queries."""
    return Array(name="q", doc="queries", shapes=((T, H, D),), formats=(BF16, F16))


def index_list(name: str, doc: str, width: Axis, **fields: Any) -> Array:
    """A list of rows per token, with or without a dimension for the only key head."""
    shapes = ((T, width), (T, 1, width))
    return Array(name=name, doc=doc, shapes=shapes, formats=(INT32, INT64), role=Role.INDEX, **fields)


def vector(name: str, doc: str, axis: Axis, **fields: Any) -> Array:
    """One integer per token."""
    free = Dense(inner=Inner.FREE)
    return Array(name=name, doc=doc, shapes=((axis,),), formats=(INT32,), role=Role.INDEX, layout=free, **fields)


def sink() -> Array:
    """The attention sinks."""
    free = Dense(inner=Inner.FREE)
    doc = "score of a key without a value, per head; -inf for none"
    return Array(name="attn_sink", doc=doc, shapes=((SINKS,),), formats=(F32,), optional=True, layout=free)


def results(width: Axis = VALUES) -> tuple[Array, ...]:
    """out [T, H, width]; with return_lse also max_logits and lse [T, H]."""
    shape = (("False", ()), ("True", ((T, H),)))
    return (
        Array(
            name="out",
            doc="weighted means of the values; 0 for a token without keys, such as one of padding",
            shapes=((T, H, width),),
            formats="q",
            access=Access.OUT,
        ),
        Array(
            name="max_logits",
            doc="largest score of every row, natural units, the sink not counted; -inf for none",
            by=WITH_LSE,
            shapes_by=shape,
            formats=(F32,),
            access=Access.OUT,
        ),
        Array(
            name="lse",
            doc="logarithm of the sum of exponentials, the sink not counted; -inf for a row without keys",
            by=WITH_LSE,
            shapes_by=shape,
            formats=(F32,),
            access=Access.OUT,
        ),
    )


def attributes() -> tuple[Attribute, ...]:
    """Scale, and which results are wanted."""
    return (
        Attribute(name="sm_scale", kind=float, required=True, doc="factor of the scores"),
        Attribute(name=WITH_LSE, kind=bool, default=False, doc="whether max_logits and lse are returned too"),
    )


def tunables() -> tuple[Tunable, ...]:
    """Tile sizes."""
    return (
        Tunable(name="BLOCK_H", values=(16, 32, 64, 128), doc="heads per program"),
        Tunable(name="BLOCK_K", values=(16, 32, 64, 128), doc="keys per step"),
        Tunable(name="VALUE_PARTS", values=(1, 2, 4), doc="programs that share the value columns of a row"),
        Tunable(name="CHUNK", values=(16, 32, 64, 128, 256), doc="columns per dot"),
        Tunable(name="VALUE_CHUNK", values=(0, 64, 128, 256, 512), doc="columns per dot of values; 0: chunks of CHUNK"),
        Tunable(name="RELOAD", values=(0, 1), doc="whether the query is loaded for every key tile, not once"),
        Tunable(name="num_warps", values=(4, 8, 16, 32)),
        Tunable(name="num_stages", values=(1, 2, 3)),
    )
