"""Declarations that sampling operations share: axes, arguments, attributes."""

from __future__ import annotations

from typing import Any

from specs.lang.declare.axes import Axis, Expr, as_expr, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import BF16, F16, F32, INT32, INT64, ElementFormat
from specs.sampling.settings import GROUP, LONGEST
from specs.sampling.tables import SIZE

B = Axis(name="B", doc="rows, one per token to be drawn")
V = Axis(name="V", maximum=LONGEST, doc="columns of the logits")
GROUPS = cdiv(V, GROUP)


def power_at_least(size: Expr, low: int, high: int) -> Expr:
    """The least power of two from `low` to `high` that is not below `size`."""
    total, at = as_expr(low), low
    while at < high:
        total = total + (size > at) * at
        at *= 2
    return total


TILE = Axis(name="TILE", static=True, value=power_at_least(GROUPS, 16, LONGEST // GROUP), doc="groups in registers")


def parameter(name: str, doc: str, *dims: Any, formats: tuple[ElementFormat, ...] = (INT32,), **fields: Any) -> Array:
    """A parameter of every row."""
    inner = Inner.UNIT if fields.get("access", Access.IN) is not Access.IN or len(dims) > 1 else Inner.FREE
    layout = Dense(inner=inner)
    return Array(name=name, doc=doc, shapes=(dims,), formats=formats, role=Role.INDEX, layout=layout, **fields)


def logits(**fields: Any) -> Array:
    """The logits."""
    doc = "logits, rows of any stride; NaN counts as -inf"
    return Array(name="logits", doc=doc, shapes=((B, V),), formats=(F32, BF16, F16), role=Role.INDEX, **fields)


def table() -> Array:
    """The table of `specs.sampling.tables`."""
    return parameter("table", "`specs.sampling.tables.sampling_table()`, on the device", SIZE)


def temperature() -> Array:
    """Temperatures."""
    return parameter("temperature", "temperature of every row; below 1e-5: greedy", B, formats=(F32,))


def filters() -> tuple[Array, ...]:
    """Thresholds of the filters."""
    return (
        parameter("top_k", "logits below the k-th largest are dropped; not in [1, V): off", B, optional=True),
        parameter("top_p", "mass of the nucleus; not below 1: off", B, formats=(F32,), optional=True),
        parameter(
            "min_p", "least ratio to the largest probability; not above 0: off", B, formats=(F32,), optional=True
        ),
    )


def randomness() -> tuple[Array, ...]:
    """Seeds and positions."""
    doc = "64-bit seed of every row as two words, the low one first: an int64 or uint64 array viewed as int32"
    position = "index of the token in its request (prompt and generated tokens before it)"
    return parameter("seeds", doc, B, 2), parameter("positions", position, B, formats=(INT32, INT64))


def order() -> Attribute:
    """The place of min-p."""
    doc = '"vllm": min-p, top-k, top-p; "hf": top-k, top-p, min-p, so that the nucleus is of the mass before min-p'
    return Attribute(name="order", kind=str, default="vllm", choices=("vllm", "hf"), doc=doc)


def stream() -> Attribute:
    """Which random words."""
    doc = 'random words: "target", or "draft" for a draft model: at position + 2**30'
    return Attribute(name="stream", kind=str, default="target", choices=("target", "draft"), doc=doc)


def vocab_size() -> Attribute:
    """Columns that are tokens."""
    doc = "columns that are tokens, where the last ones are padding; 0: all"
    return Attribute(name="vocab_size", kind=int, default=0, minimum=0, dynamic=True, doc=doc)


def temporary(name: str, doc: str, *dims: Any, access: Access = Access.OUT) -> Array:
    """An int32 array between two kernels."""
    return parameter(name, doc, *dims, access=access)


def tunables(**values: tuple[int, ...]) -> tuple[Tunable, ...]:
    """Tile sizes, and warps."""
    sizes = {**values, "num_warps": (1, 2, 4, 8, 16, 32), "num_stages": (1,)}
    return tuple(Tunable(name=name, values=numbers) for name, numbers in sizes.items())
