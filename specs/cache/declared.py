"""Shared declarations of index operations: axes, index arguments, integer attributes, tunables."""

from __future__ import annotations

from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Access, Array, Attribute, Role, Shape, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import INT32, INT64, ElementFormat

LARGEST = (1 << 31) - 1  # of an int32
SLOTS = (INT32, INT64)  # formats of slots and positions
EXACT = Accuracy(exact=True)

T = Axis(name="T", doc="tokens, padding included")
R = Axis(name="R", doc="requests")
B = Axis(name="B", doc="rows of the block table, one per request")
NB = Axis(name="NB", doc="pages that a row of the block table has room for")

_START_DOC = "first token of every request, and the end after the last; counted from its first element"


def index(name: str, doc: str, *dims: Any, formats: tuple[ElementFormat, ...] | str = (INT32,), **fields: Any) -> Array:
    """An index argument or result: rows lie contiguous, and vectors have any stride."""
    shape: Shape = dims
    written = fields.get("access", Access.IN) is not Access.IN
    inner = Inner.FREE if len(dims) == 1 and not written else Inner.UNIT
    return Array(
        name=name, doc=doc, shapes=(shape,), formats=formats, role=Role.INDEX, layout=Dense(inner=inner), **fields
    )


def result(name: str, doc: str, *dims: Any, formats: tuple[ElementFormat, ...] | str = (INT32,)) -> Array:
    """A fresh index result."""
    return index(name, doc, *dims, formats=formats, access=Access.OUT)


def query_start_loc() -> Array:
    """Where requests begin; usually a slice of a longer array, whose first element is not zero."""
    return index("query_start_loc", _START_DOC, R + 1)


def seq_lens() -> Array:
    """Lengths of requests."""
    return index("seq_lens", "tokens of every request, including this step's", R)


def token_to_req() -> Array:
    """Requests of tokens."""
    return index("token_to_req", "request of every token; outside the block table: none", T)


def positions() -> Array:
    """Positions of tokens."""
    return index("positions", "position of every token in its request", T, formats=SLOTS)


def slot_mapping(axis: Axis = T) -> Array:
    """Slots of tokens."""
    return index("slot_mapping", "cache slot of every token; negative: a token of padding", axis, formats=SLOTS)


def block_table() -> Array:
    """Pages of requests; rows may lie further apart than they are long."""
    return index("block_table", "pages of every request in order; negative: none", B, NB)


def whole(name: str, doc: str, minimum: int = 1, **fields: Any) -> Attribute:
    """An integer attribute."""
    return Attribute(name=name, kind=int, doc=doc, minimum=minimum, maximum=LARGEST, **fields)


def tunables(**values: tuple[int, ...]) -> tuple[Tunable, ...]:
    """Tile sizes, and warps."""
    return tuple(Tunable(name=name, values=numbers) for name, numbers in {**values, "num_warps": (1, 2, 4, 8)}.items())
