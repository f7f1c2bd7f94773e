"""How large a case is, whatever its axes are called, and the small case of an operation."""

from __future__ import annotations

from functools import cache
from math import prod

import specs
from parity.judge.inputs import layout_of
from specs.lang.declare.kernel import Rows
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import ElementFormat
from specs.tile.ir import walk
from specs.tile.launch.cases import case_launches

QUICK = 500
"""Operations of a program that compilers take about as long for as for none."""


def row_axis(op: Op) -> str | None:
    """Name of the axis that leading dimensions multiply to, None where an operation has no such axis."""
    for array in op.arrays:
        for shape in (*array.shapes, *(s for _, shapes in array.shapes_by for s in shapes)):
            if shape and isinstance(shape[0], Rows):
                return shape[0].axis.name
    return None


def rows(case: Case) -> int:
    """Rows, tokens or requests: the size of M, else of the first axis that the case states."""
    sizes = dict(case.sizes)
    return sizes.get("M", next(iter(sizes.values())))


@cache
def small_case(op: str, without: ElementFormat | None = None) -> Case:
    """The smallest case with at least three rows and one leading dimension, in which nothing is empty.

    Of programs of different length a shorter one: what tests wait for is the compiler.

    Args:
        without: a format that no array has.
    """
    spec = specs.get(op)
    usable = [case for case in spec.cases if not case.large and case.lead is None and rows(case) > 2]
    usable = [case for case in usable if without not in layout_of(spec, case).formats.values()]
    volumes = {case.name: prod(size for _, size in case.sizes) for case in usable}
    filled = [case for case in usable if volumes[case.name]]
    return min(filled, key=lambda case: (_length(spec, case) // QUICK, volumes[case.name]))


@cache
def of_every_kind() -> tuple[str, ...]:
    """An operation of every family that writes in place or not and is one kernel or more: of each the shortest program.

    For what no operation has a hand in, but the one way on which all of them are called.
    """
    kinds: dict[object, list[str]] = {}
    for op in map(specs.get, specs.names()):
        kinds.setdefault((op.family, bool(op.mutated), len(op.steps) > 1), []).append(op.name)
    return tuple(min(names, key=lambda name: _length(specs.get(name), small_case(name))) for names in kinds.values())


def _length(op: Op, case: Case) -> int:
    """Operations of the programs that a case runs."""
    return sum(len(walk(run.program.ops)) for run in case_launches(op, case, "cpu", strided=False))


def with_floats() -> list[str]:
    """Operations whose small case has an argument that frameworks differentiate."""
    formats = {name: layout_of(specs.get(name), small_case(name)).formats.values() for name in specs.names()}
    return [name for name, found in formats.items() if any(form.is_float for form in found)]
