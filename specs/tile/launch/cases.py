"""From a named case to array descriptions, the checked call and its launches, without data.

Exports, golden sources and costs all use these functions, and so the same call.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from specs.lang.call.bind import ArrayInfo, Call, bind, check_attributes, layout_facts
from specs.lang.declare.axes import as_expr
from specs.lang.declare.kernel import Form, Rows
from specs.lang.declare.layouts import packed_strides
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import ElementFormat
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import Target


def case_arrays(op: Op, case: Case, *, strided: bool) -> dict[str, ArrayInfo]:
    """Descriptions of the arrays that a case passes, in the order of the signature.

    strided: row-major strides, as torch has them; False for frameworks without strides (JAX).
    Formats that the case does not choose are the first that the spec accepts.
    """
    attributes = check_attributes(op, dict(case.attributes))
    forms = op.under(attributes)
    formats: dict[str, ElementFormat] = {}
    arrays: dict[str, ArrayInfo] = {}
    for array in op.inputs:
        form = forms[array.name]
        if array.name in case.absent or not form.shapes:
            continue
        shape = case_shape(form, case, attributes)
        formats[array.name] = case_format(form, case, formats)
        strides = packed_strides(shape) if strided else None
        arrays[array.name] = ArrayInfo(shape, formats[array.name], strides, "case")
    return arrays


def case_shape(form: Form, case: Case, attributes: Mapping[str, object]) -> tuple[int, ...]:
    """The shape in which a case passes an array: the first accepted one, with its leading dimensions."""
    sizes = dict(case.sizes)
    env = {**sizes, **attributes, **layout_facts(attributes)}
    shape: list[int] = []
    for dim in form.shapes[0]:
        if isinstance(dim, Rows):
            rows = sizes[dim.axis.name]
            lead = (rows,) if case.lead is None else case.lead
            assert prod(lead) == rows, f"{case.name}: leading dimensions {lead} do not multiply to {rows}"
            shape += lead
        else:
            shape.append(as_expr(dim).evaluate(env))
    return form.reordered(tuple(shape))


def case_format(form: Form, case: Case, known: Mapping[str, ElementFormat]) -> ElementFormat:
    """The element format in which a case passes an array: its own choice, else what the spec derives or lists first.

    known: formats of the arrays before it.
    """
    chosen = dict(case.formats).get(form.name)
    if chosen is None:
        chosen = known[form.formats] if isinstance(form.formats, str) else form.formats[0]
    assert isinstance(chosen, ElementFormat), f"{case.name}: format of {form.name}"
    return chosen


def case_call(op: Op, case: Case, *, strided: bool) -> Call:
    """The case as a checked call.

    Raises:
        ArgumentError: the case breaks its own spec.
    """
    return bind(op, case_arrays(op, case, strided=strided), dict(case.attributes))


def case_launches(op: Op, case: Case, target: Target | str, *, strided: bool) -> tuple[Launch, ...]:
    """What a case launches with the default tunables of a target (see `launches`).

    Arrays with strides are packed in the order in which the case passes them.
    """
    strides = {name: info.strides for name, info in case_arrays(op, case, strided=strided).items()}
    return tuple(launches(case_call(op, case, strided=strided), target, strides=strides))


def default_case(op: Op) -> Case:
    """The default case of an operation: the first that is not large."""
    return next(case for case in op.cases if not case.large)


def golden_case(op: Op) -> Case:
    """The case whose generated sources are checked in: the one marked `golden`, else the default."""
    return next((case for case in op.cases if case.golden), None) or default_case(op)
