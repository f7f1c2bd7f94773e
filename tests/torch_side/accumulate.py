"""An operation that no registry has: one argument is written in place, one result is fresh. For both frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Rows, Tunable
from specs.lang.declare.op import Op, Reference, single
from specs.lang.formats.elements import F32
from specs.tile.language import arange, load, program_id, store

M = Axis(name="M", doc="rows")
N = Axis(name="N", minimum=1, doc="columns")
BLOCK = 16


def body(p: Any) -> None:
    """total += x and change = x + x, a block of rows and columns at a time."""
    rows = program_id(0) * p.BLOCK + arange(p.BLOCK)
    columns = program_id(1) * p.BLOCK + arange(p.BLOCK)
    place = (rows[:, None], columns[None, :])
    mask = (rows < p.M)[:, None] & (columns < p.N)[None, :]
    x = load(p.x, place, mask)
    store(p.total, place, load(p.total, place, mask) + x, mask)
    store(p.change, place, x + x, mask)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The sum in float64."""
    return {
        "total": Reference(value=inputs["total"] + inputs["x"]),
        "change": Reference(value=2 * inputs["x"]),
    }


def _array(name: str, access: Access) -> Array:
    return Array(name=name, doc=name, shapes=((Rows(M), N),), formats=(F32,), access=access)


TARGETS = ("cuda", "xpu", "cpu", "interpret")
ACCUMULATE: Op = single(
    Kernel(
        name="accumulate_for_tests",
        doc="Adds x to total.",
        axes=(M, N),
        arrays=(_array("x", Access.IN), _array("total", Access.INOUT), _array("change", Access.OUT)),
        tunables=(Tunable(name="BLOCK", values=(BLOCK,)),),
        configs=tuple(Config(target=target, values=(("BLOCK", BLOCK),)) for target in TARGETS),
        grid=(cdiv(M, Ref("BLOCK")), cdiv(N, Ref("BLOCK"))),
        body=body,
    ),
    oracle=oracle,
    accuracy=(("total", Accuracy(exact=True)), ("change", Accuracy(exact=True))),
)
