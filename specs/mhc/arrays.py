"""Shared declarations of mHC operations: axes, arguments, attributes."""

from __future__ import annotations

from typing import Any

from specs.cache.qnorm import LEAST_EPS
from specs.lang.declare.axes import Axis, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Dim, Rows, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import BF16, F32

STREAMS = 4
PRE, POST, COMB = 0, STREAMS, 2 * STREAMS
"""First columns of the three gates in fn, base and the sums of products."""
GATES = 2 * STREAMS + STREAMS * STREAMS
CHUNK = 256
"""Columns of each stream that one partial sum covers; the same for any number of rows, on which no result depends."""

PARTS = 2
"""bfloat16 values that one of fn is multiplied as."""
PARTS_ERROR = 2.0**-17
"""How far their sum may be from it, relatively: each is rounded to 8 bits, and the second one has a sign of its own."""

WIDTH = 32
"""Columns of a partial sum: products with every row of fn, then the squares, then zeros."""

T = Axis(name="T", doc="rows: the product of the leading dimensions")
H = Axis(name="H", minimum=1, doc="columns of a stream")
COLS = Axis(name="COLS", static=True, minimum=1, doc="columns of gates")
SPLITS = Axis(name="SPLITS", static=True, value=cdiv(H, CHUNK), doc="partial sums of a row")
SOURCE = "mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4"


def bf16(name: str, doc: str, *dims: Dim, access: Access = Access.IN) -> Array:
    """Values of streams or of the layer."""
    shape: Shape = (Rows(T), *dims)
    return Array(name=name, doc=doc, shapes=(shape,), formats=(BF16,), access=access)


def gate(name: str, doc: str, *dims: Dim, access: Access = Access.IN) -> Array:
    """float32 gates of every row."""
    shape: Shape = (Rows(T), *dims)
    return Array(name=name, doc=doc, shapes=(shape,), formats=(F32,), access=access)


def parameter(name: str, doc: str, *dims: Dim, **fields: Any) -> Array:
    """A float32 parameter."""
    shape: Shape = dims
    return Array(name=name, doc=doc, shapes=(shape,), formats=(F32,), **fields)


def residual(access: Access = Access.IN, name: str = "residual") -> Array:
    """The streams."""
    return bf16(name, "residual streams", STREAMS, H, access=access)


def partial(access: Access) -> Array:
    """Sums of products and squares over `CHUNK` columns of every stream."""
    return Array(
        name="partial",
        doc="sums over the columns of each chunk: products with every row of fn, then squares",
        shapes=((T, SPLITS, WIDTH),),
        formats=(F32,),
        access=access,
    )


def parameters(columns: Dim, scales: int) -> tuple[Array, ...]:
    """fn, scale, base."""
    return (
        parameter("fn", "weight of the gates, over all streams of a row", columns, H * STREAMS),
        parameter("scale", "factor of each kind of gate", scales, layout=Dense(inner=Inner.FREE)),
        parameter("base", "addend of every gate", columns, layout=Dense(inner=Inner.FREE)),
    )


def eps(name: str, doc: str, minimum: float = 0.0) -> Attribute:
    """A small addend."""
    return Attribute(name=name, kind=float, default=1e-6, minimum=minimum, doc=doc)


RMS_EPS = eps("rms_eps", "added to the mean square of a row's streams", LEAST_EPS)
PRE_EPS = eps("pre_eps", "added to the gates of layer_input")
PRE_ATTRIBUTES = (
    RMS_EPS,
    PRE_EPS,
    eps("sinkhorn_eps", "added to comb once, and to the sums that it is divided by", LEAST_EPS),
    Attribute(name="post_mult", kind=float, default=2.0, doc="factor of post"),
    Attribute(name="repeat", kind=int, default=20, minimum=1, doc="Sinkhorn iterations"),
    eps("norm_eps", "added to the mean square of layer_input, where norm_weight is passed", LEAST_EPS),
)
NORM_WEIGHT = Array(
    name="norm_weight",
    doc="weight of the RMS norm of layer_input; no norm where it is left out",
    shapes=((H,),),
    formats=(F32, BF16),
    optional=True,
    layout=Dense(inner=Inner.FREE),
)
PRE_RESULTS = (
    gate("post", "gates of the layer's output", STREAMS, 1, access=Access.OUT),
    gate("comb", "mixing matrix of the streams: row i goes to column j", STREAMS, STREAMS, access=Access.OUT),
    bf16("layer_input", "input of the layer", H, access=Access.OUT),
)
