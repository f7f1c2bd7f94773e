"""Named cases reach every choice of every attribute, every format of every argument, and every argument in every mode.

What no case reaches is compared with nothing. `UNREACHED` lists what cases cannot reach, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import specs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.kernel import Array, Attribute, choice_name, variant_name
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import case_arrays

_UNWRITTEN = "logits that are not written hold anything, and are compared in tests/indexer/test_logits.py"
UNREACHED = {
    ("mqa_logits", "fill = False"): _UNWRITTEN,
    ("paged_mqa_logits", "fill = False"): _UNWRITTEN,
}


def wanted(op: Op) -> Iterator[str]:
    """What some case has to pass."""
    for attribute in op.attributes:
        yield from (f"{attribute.name} = {choice}" for choice in choices(attribute))
    for array in op.inputs:
        formats = array.formats if isinstance(array.formats, tuple) else ()
        yield from (f"{array.name} as {form.name}" for form in formats)
        for mode in modes(op, array):
            yield f"{array.name}{mode}"
        if array.optional:
            yield f"no {array.name}"


def choices(attribute: Attribute) -> tuple[str, ...]:
    """The choices of an attribute, by name."""
    return ("False", "True") if attribute.kind is bool else tuple(choice_name(c) for c in attribute.choices)


def modes(op: Op, array: Array) -> tuple[str, ...]:
    """Where an array is taken: the choices of its `by`."""
    if array.by is None:
        return ("",)
    return tuple(f" at {array.by} = {choice}" for choice, shapes in array.shapes_by if shapes)


def reached(op: Op, case: Case) -> Iterator[str]:
    """What a case passes."""
    attributes = check_attributes(op, dict(case.attributes))
    yield from (f"{name} = {choice_name(value)}" for name, value in attributes.items())
    arrays = case_arrays(op, case, strided=True)
    for array in op.inputs:
        if array.name not in arrays:
            yield f"no {array.name}"
            continue
        yield f"{array.name} as {arrays[array.name].format.name}"
        yield array.name + ("" if array.by is None else f" at {array.by} = {variant_name(attributes[array.by])}")


def missing(op: Op) -> list[str]:
    """What no small case passes."""
    found = {what for case in op.cases if not case.large for what in reached(op, case)}
    return [what for what in wanted(op) if what not in found]


@pytest.mark.parametrize("name", specs.names())
def test_cases_reach_every_choice_and_format(name: str) -> None:
    assert missing(specs.get(name)) == [what for op, what in UNREACHED if op == name]


def test_a_mode_without_its_scale_is_missed() -> None:
    """The fault that this file is for: mode channel of fp8_gemm_w8a16 passed no scale in any case."""
    op = specs.get("fp8_gemm_w8a16")
    cases = tuple(case for case in op.cases if dict(case.attributes)["scale_mode"] != "channel")
    assert "b_scale at scale_mode = channel" in missing(replace(op, cases=cases))
