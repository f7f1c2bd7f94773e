"""How large a case is, whatever its axes are called, and the small case of an operation."""

from __future__ import annotations

from math import prod

import specs
from parity.inputs import layout_of
from specs.lang.op import Case


def rows(case: Case) -> int:
    """Rows, tokens or requests: the size of M, else of the first axis that the case states."""
    sizes = dict(case.sizes)
    return sizes.get("M", next(iter(sizes.values())))


def small_case(op: str) -> Case:
    """The smallest case with at least three rows and one leading dimension, in which nothing is empty."""
    usable = [case for case in specs.get(op).cases if not case.large and case.lead is None and rows(case) > 2]
    volumes = {case.name: prod(size for _, size in case.sizes) for case in usable}
    return min((case for case in usable if volumes[case.name]), key=lambda case: volumes[case.name])


def with_floats() -> list[str]:
    """Operations whose small case has an argument that frameworks differentiate."""
    formats = {name: layout_of(specs.get(name), small_case(name)).formats.values() for name in specs.names()}
    return [name for name, found in formats.items() if any(form.is_float for form in found)]
