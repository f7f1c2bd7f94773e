"""A small operation whose hashes and costs can be worked out by hand: y = 2 x, a row per program, in tiles of 16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Body, Config, Constraint, Kernel, Rows, Tunable
from specs.lang.declare.op import Case, Op, Reference, single
from specs.lang.formats.elements import BF16, E5M2, F32, INT32
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, cdiv, fori_loop, load, program_id, store

M = Axis(name="M", doc="rows")
N = Axis(name="N", minimum=1, doc="columns")
TILE = 16
ROWS, COLUMNS = 3, 40


def doubled(p: Any) -> None:
    row = program_id(0)

    def step(k: Tile) -> None:
        columns = k * p.TILE + arange(p.TILE)
        inside = columns < p.N
        x = load(p.x, (row, columns), inside)
        store(p.y, (row, columns), x + x, inside)

    fori_loop(0, cdiv(p.N, p.TILE), step)


def doubled_by_another_author(p: Any) -> None:
    """The same operations in the same order; other names, other lines."""
    r = program_id(0)

    def visit(i: Tile) -> None:
        where = i * p.TILE + arange(p.TILE)
        live = where < p.N
        value = load(p.x, (r, where), live)
        store(p.y, (r, where), value + value, live)

    fori_loop(0, cdiv(p.N, p.TILE), visit)


def tripled(p: Any) -> None:
    row = program_id(0)

    def step(k: Tile) -> None:
        columns = k * p.TILE + arange(p.TILE)
        inside = columns < p.N
        x = load(p.x, (row, columns), inside)
        store(p.y, (row, columns), x + x + x, inside)

    fori_loop(0, cdiv(p.N, p.TILE), step)


def one_more_per_row(p: Any) -> None:
    """Program r visits r + 1 tiles."""
    some_per_row(p, program_id(0) + 1)


def as_many_as_stored(p: Any) -> None:
    """Program r visits x[r, 0] tiles: how many is not known from the sizes."""
    some_per_row(p, load(p.x, (program_id(0), 0)).to(INT32))


def some_per_row(p: Any, count: Tile) -> None:
    """Every program copies `count` tiles of its row."""
    row = program_id(0)

    def step(k: Tile) -> None:
        columns = k * p.TILE + arange(p.TILE)
        store(p.y, (row, columns), load(p.x, (row, columns)))

    fori_loop(0, count, step)


def _oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    return {"y": Reference(value=2 * inputs["x"])}


def sample(body: Body = doubled, **fields: Any) -> Op:
    """The operation with another body, or other fields of `Op`."""
    kernel = Kernel(
        name="sample",
        doc="Twice x.",
        axes=(M, N),
        arrays=(
            Array(name="x", doc="values", shapes=((Rows(M), N),), formats=(F32,)),
            Array(name="y", doc="result", shapes=((Rows(M), N),), formats="x", access=Access.OUT),
        ),
        attributes=(
            Attribute(name="element", kind=type(BF16), default=BF16, choices=(BF16, E5M2), doc="has no effect"),
        ),
        tunables=(Tunable(name="TILE", values=(TILE,)),),
        configs=(
            Config(target="cuda", values=(("TILE", TILE),), when=N >= 1),
            *(Config(target=target, values=(("TILE", TILE),)) for target in ("cuda", "xpu", "cpu", "interpret")),
        ),
        static_conditions=(("even_n", (N % Ref("TILE")).equals(0)),),
        grid=(M,),
        body=body,
    )
    defaults: dict[str, Any] = {
        "family": "test",
        "oracle": _oracle,
        "accuracy": (("y", Accuracy(exact=True)),),
        "constraints": (Constraint(argument="x", holds=cdiv(N, 2) <= 512, message="at most 1024 columns"),),
        "cases": (
            Case(name="small", sizes=(("M", ROWS), ("N", COLUMNS))),
            Case(name="none", sizes=(("M", 0), ("N", 8))),
        ),
    }
    return single(kernel, **(defaults | fields))
