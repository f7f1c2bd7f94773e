"""Calls that nobody thought of: sizes, attributes, formats and what is left out are drawn from what a spec accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

import specs
from parity.inputs import KINDS, Kind
from parity.runner import run_case
from specs.lang.errors import ArgumentError
from specs.lang.op import Case
from specs.tile.cases import case_call

ROADS = ("torch:eager", "torch:interpret", "jax:xla")
MOST = 160
"""Largest size drawn: several tiles of the CPU's configurations and a part of one."""
OPS = [name for name in specs.names() if specs.get(name).sample is None]
"""Operations whose inputs follow from the roles of their arguments, so that they can be made for any sizes."""


def _one_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of the values, by number: hypothesis would print all of them."""
    return st.integers(0, len(values) - 1).map(lambda number: values[number])


@st.composite
def cases(draw: st.DrawFn, name: str) -> Case:
    """A case that an operation accepts, near one of its own."""
    op = specs.get(name)
    base = op.case(draw(st.sampled_from([case.name for case in op.cases if not case.large])))
    size = st.one_of(st.integers(0, MOST), st.integers(0, MOST // 32).map(lambda count: count * 32))
    sizes = tuple((axis, draw(st.one_of(st.just(own), size))) for axis, own in base.sizes)
    attributes = dict(base.attributes)
    for attribute in op.attributes:
        change: bool = draw(st.booleans())
        if attribute.choices and change:
            attributes[attribute.name] = draw(_one_of(attribute.choices))
    formats = dict(base.formats)
    absent = set(base.absent)
    for array in op.inputs:
        if isinstance(array.formats, tuple) and draw(st.booleans()):
            formats[array.name] = draw(_one_of(array.formats))
        if array.optional and draw(st.booleans()):
            absent ^= {array.name}
    drawn = replace(
        base,
        name="drawn",
        sizes=sizes,
        attributes=tuple(attributes.items()),
        formats=tuple(formats.items()),
        absent=tuple(sorted(absent)),
        lead=None,
    )
    try:
        case_call(op, drawn, strided=False)
    except ArgumentError:
        reject()
    return drawn


@pytest.mark.parametrize("name", OPS)
def test_all_agree_on_calls_that_are_drawn(name: str) -> None:
    op = specs.get(name)

    # What is drawn is small already, and every step of shrinking would be compiled anew.
    @settings(max_examples=8, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(case=cases(name), kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
    def agree(case: Case, kind: Kind, seed: int) -> None:
        results = run_case(op, case, kind, seed, ROADS, "cpu")
        assert results
        assert {result.status for result in results} == {"passed"}, [result.reason for result in results]

    agree()
