"""Calls that an operation has to refuse, derived from its spec: a right call of a case with one mistake in it.

The expected refusal of a mistake is derived without the binder: `solutions` tries every combination of
accepted shapes and every axis against the sizes that are passed, so a mistake that leaves the call right (a scale of
shape [1] for [], other leading dimensions that no other array shares) is dropped, and one that the binder lets through
is noticed.

The functions of one mistake (`reshaped`, `with_attribute`, ...) return None for a harmless change; `wrong_calls`
enumerates them over the arrays, dimensions and attributes of a spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import product
from math import inf, prod
from typing import Any, Final

import numpy as np

from parity.conformance.page_calls import (
    Refusal,
    by_rows,
    caches,
    layout_values,
    page_axes,
    page_refusal,
    page_shapes,
    page_sizes,
)
from parity.judge.inputs import Inputs, Shape, generate, layout_of, raw_dtype
from specs.lang import errors
from specs.lang.call.bind import call_env, followed, layout_facts
from specs.lang.declare.axes import Axis, as_expr, solved
from specs.lang.declare.kernel import Access, Array, Attribute, Dim, Form, Role, Rows, choice_name
from specs.lang.declare.kernel import Shape as Dims
from specs.lang.declare.layouts import Dense, Inner, Pages
from specs.lang.declare.op import Case, Op
from specs.lang.declare.terms import LAYOUT_FACTS
from specs.lang.formats.elements import ALL, E8M0, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged


class Mistake(Enum):
    """The kind of mistake in a call."""

    RANK = "number of dimensions"
    SIZE = "size of a dimension"
    RANGE = "size of an axis"
    CONSTRAINT = "constraint on sizes and attributes"
    FORMAT = "element format"
    NOT_AN_ARRAY = "not an array"
    STRIDE = "strides"
    DEVICE = "device"
    ALIAS = "memory"
    MISSING = "missing argument"
    SURPLUS = "surplus argument"
    ATTRIBUTE_TYPE = "type of an attribute"
    ATTRIBUTE_VALUE = "value of an attribute"
    MODE = "attribute that does not fit the arrays"
    IMPLEMENTATION = "name of the implementation"


class Passed(Enum):
    """How an argument is passed, where that is the mistake."""

    LAST_STRIDED = "the last dimension with a step of two"
    BOTH_STRIDED = "the last two dimensions with a step of two"
    REPEATED = "every entry of the first dimension is the same memory"
    OVERLAPPING = "every entry of the first dimension begins with the last byte of the one before"
    ELSEWHERE = "on another device"
    AS_LIST = "as a list"
    AS_TEXT = "as a string"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrongCall:
    """A call with one mistake.

    inputs: arrays and attributes as they are passed; attributes may have any value.
    subject: the argument with the mistake.
    expected: the refusals that are right (class of the error, argument that it names); more than one where several
        arguments share an axis or a format.
    passed: arguments that are not passed as plain arrays.
    """

    inputs: Inputs
    mistake: Mistake
    subject: str
    expected: frozenset[Refusal]
    passed: Mapping[str, Passed] = field(default_factory=dict)
    implementation: object = None

    def __str__(self) -> str:
        arrays = {
            name: f"{self.inputs.formats[name].name}{list(raw.shape)}" for name, raw in self.inputs.arrays.items()
        }
        values = {name: choice_name(value) for name, value in self.inputs.attributes.items()}
        return f"{self.inputs.op.name}: {self.mistake.value} of '{self.subject}': {arrays} {values}"


# -- valid calls -----------------------------------------------------------------------------------------


def solutions(op: Op, shapes: Mapping[str, Shape], attributes: Mapping[str, object]) -> list[dict[str, int]]:
    """Sizes of the axes under which every array has one of its accepted shapes; none if the shapes disagree."""
    forms = op.under(attributes)
    alternatives = [forms[name].shapes for name in shapes]
    found: list[dict[str, int]] = []
    for combination in product(*alternatives):
        sizes: dict[str, int] = {}
        leads: dict[str, Shape] = {}
        pairs: list[tuple[Dim, int]] = []
        fits = True
        for (name, shape), dims in zip(shapes.items(), combination, strict=True):
            lead, rest = _aligned(forms[name], dims, shape, attributes)
            fits = fits and rest is not None
            if lead is not None and isinstance(dims[0], Rows):
                axis = dims[0].axis.name
                fits = fits and leads.setdefault(axis, lead) == lead
                pairs.append((dims[0].axis, prod(lead)))
            pairs += rest or []
        fits = fits and all(sizes.setdefault(d.name, n) == n for d, n in pairs if isinstance(d, Axis))
        for dim, size in pairs:
            part = None if isinstance(dim, (Axis, Rows)) else solved(as_expr(dim), size, {**sizes, **attributes})
            sizes |= {} if part is None else {part[0].name: part[1]}
        env = {**sizes, **attributes, **layout_facts(attributes)}
        if fits and all(as_expr(dim).evaluate(env) == size for dim, size in pairs):  # type: ignore[arg-type]
            found.append(sizes)
    return found


def _aligned(
    form: Form, dims: Dims, passed: Shape, attributes: Mapping[str, object]
) -> tuple[Shape | None, list[tuple[Dim, int]] | None]:
    """Leading sizes (None without rows), and the other dimensions with their sizes (None if the rank differs)."""
    if isinstance(form.array.layout, Pages):
        sizes = page_sizes(form.array, passed, attributes)
        return None, None if sizes is None else [*sizes]
    shape = form.reordered(passed)
    leading = bool(dims) and isinstance(dims[0], Rows)
    rest = dims[1:] if leading else dims
    count = len(shape) - len(rest)
    if count < 0 or (count > 0 and not leading):
        return None, None
    return shape[:count] if leading else None, list(zip(rest, shape[count:], strict=True))


def violations(inputs: Inputs, sizes: Mapping[str, int]) -> frozenset[Refusal]:
    """Refusals of a call whose shapes agree on these sizes: ranges of the axes first, then the constraints."""
    op = inputs.op
    ranges = {
        (errors.OutOfRange, name)
        for axis in op.axes
        if axis.name in sizes and axis.problem(sizes[axis.name])
        for name in _sharing(inputs, {axis.name})
    }
    if ranges:
        return frozenset(ranges)
    attributes = followed(op, inputs.attributes, inputs.formats)
    env = call_env(op, _with_derived(op, sizes, inputs), attributes, inputs.arrays, inputs.formats)
    return frozenset((errors.ConstraintViolated, c.argument) for c in op.constraints if not c.holds.evaluate(env))


def _with_derived(op: Op, sizes: Mapping[str, int], inputs: Inputs) -> dict[str, int]:
    """The sizes, defaults of axes that no array has, and sizes of axes that follow from them."""
    known = {**{axis.name: axis.default for axis in op.axes if axis.value is None}, **sizes}
    for axis in op.derived_axes:
        assert axis.value is not None
        known[axis.name] = axis.value.evaluate(call_env(op, known, inputs.attributes, inputs.arrays, inputs.formats))
    return known


def _names(dims: Dims) -> set[str]:
    return {name for dim in dims for name in (as_expr(dim.axis) if isinstance(dim, Rows) else as_expr(dim)).names()}


def _axes_of(array: Array, attributes: Mapping[str, object]) -> set[str]:
    if isinstance(array.layout, Pages):
        return {axis.name for axis in page_axes(array)}
    return {name for dims in array.under(attributes).shapes for name in _names(dims)}


def _sharing(inputs: Inputs, axes: set[str]) -> list[str]:
    """Arrays that are passed and whose shapes have one of the axes."""
    return [n for n in inputs.arrays if axes & _axes_of(inputs.op.array(n), inputs.attributes)]


def shape_refusals(inputs: Inputs, changed: str) -> frozenset[Refusal]:
    """Accepted refusals of a call whose array `changed` has another shape; empty if the call is valid."""
    op, attributes = inputs.op, inputs.attributes
    array, shapes = op.array(changed), {name: raw.shape for name, raw in inputs.arrays.items()}
    if isinstance(array.layout, Pages) and (refusal := page_refusal(array, shapes[changed], attributes)):
        return frozenset({refusal})
    form = op.under(attributes)[changed]
    aligned = [_aligned(form, dims, shapes[changed], attributes)[1] for dims in form.shapes]
    if all(pairs is None for pairs in aligned):
        return frozenset({(errors.WrongRank, changed)})
    if array.optional and array.role is Role.ADDEND and shapes[changed] == (0,):
        return frozenset()  # nothing to add: the same as leaving it out
    found = solutions(op, shapes, attributes)
    if found:
        return min((violations(inputs, sizes) for sizes in found), key=len)
    axes = _axes_of(array, attributes) & {axis.name for axis in op.axes}
    expected: set[Refusal] = {(errors.WrongShape, name) for name in {changed, *_sharing(inputs, axes)}}
    if any(isinstance(dim, Axis) and dim.problem(size) for pairs in aligned for dim, size in pairs or ()):
        expected.add((errors.OutOfRange, changed))
    return frozenset(expected)


# -- one mistake -----------------------------------------------------------------------------------------


def _filled(shape: Shape, form: ElementFormat) -> np.ndarray[Any, Any]:
    return np.ones(shape, form.storage_dtype).view(raw_dtype(form))


def reshaped(inputs: Inputs, name: str, shape: Shape) -> WrongCall | None:
    """The call with another shape of one array."""
    changed = inputs.replaced(**{name: _filled(shape, inputs.formats[name])})
    expected = shape_refusals(changed, name)
    kinds = {error for error, _ in expected}
    mistake = Mistake.RANK if len(shape) != inputs.arrays[name].ndim else Mistake.SIZE
    if kinds == {errors.ConstraintViolated}:
        mistake = Mistake.CONSTRAINT
    return WrongCall(inputs=changed, mistake=mistake, subject=name, expected=expected) if expected else None


def resized(op: Op, case: Case, axis: str, size: int) -> WrongCall | None:
    """The call of a case with another size of one axis in all arrays that have it."""
    sizes = {**dict(case.sizes), axis: size}
    layout = layout_of(op, replace(case, sizes=tuple(sizes.items()), lead=None))
    if any(dim < 0 for shape in layout.shapes.values() for dim in shape):
        return None  # one size follows from another, which is too small
    arrays = {name: _filled(shape, layout.formats[name]) for name, shape in layout.shapes.items()}
    inputs = Inputs(op=op, arrays=arrays, formats=layout.formats, attributes=layout.attributes)
    found = solutions(op, layout.shapes, layout.attributes)
    # No solution: the sizes that are derived from this one (K // 8) do not exist for it.
    expected = min((violations(inputs, solution) for solution in found), key=len, default=frozenset())
    outside = any(error is errors.OutOfRange for error, _ in expected)
    mistake = Mistake.RANGE if outside else Mistake.CONSTRAINT
    return WrongCall(inputs=inputs, mistake=mistake, subject=axis, expected=expected) if expected else None


def reformatted(inputs: Inputs, name: str, form: ElementFormat) -> WrongCall | None:
    """The call with another element format of one array."""
    declared = inputs.op.array(name).formats
    followers = [a.name for a in inputs.op.inputs if a.formats == name and a.name in inputs.arrays]
    if isinstance(declared, str):
        own = inputs.formats.get(declared, inputs.attributes.get(declared))
        allowed: tuple[object, ...] = (own,)
    else:
        allowed = declared
    allowed = (*allowed, *((UINT8,) if E8M0 in allowed else ()))
    subjects = [name] if form not in allowed else followers if form != inputs.formats[name] else []
    changed = Inputs(
        op=inputs.op,
        arrays={**inputs.arrays, name: _filled(inputs.arrays[name].shape, form)},
        formats={**inputs.formats, name: form},
        attributes=inputs.attributes,
    )
    expected: frozenset[Refusal] = frozenset((errors.WrongFormat, subject) for subject in subjects)
    if (
        not subjects and isinstance(declared, tuple) and form in declared
    ):  # accepted by itself, perhaps not with the other arguments
        found = solutions(inputs.op, changed.layout.shapes, inputs.attributes)
        expected = min((violations(changed, sizes) for sizes in found), key=len, default=frozenset())
    return WrongCall(inputs=changed, mistake=Mistake.FORMAT, subject=name, expected=expected) if expected else None


def attribute_refusal(attribute: Attribute, value: object) -> type[errors.ArgumentError] | None:
    """How a value has to be refused, None if the attribute takes it."""
    if value is None:
        return errors.Missing if attribute.required else None
    if attribute.kind is Paged and isinstance(value, str):
        return errors.NotAChoice if _meant(attribute, value) is value else None
    kinds = (int, float) if attribute.kind is float else attribute.kind
    if not isinstance(value, kinds) or (isinstance(value, bool) and attribute.kind is not bool):
        return errors.WrongType
    if attribute.choices and value not in attribute.choices and attribute.kind is not Paged:
        return errors.NotAChoice
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = attribute.minimum, attribute.maximum
        largest = F32.max_finite if attribute.kind is float else inf
        inside = abs(value) <= largest and (low is None or low <= value) and (high is None or value <= high)
        return None if inside else errors.OutOfRange
    return None


def _meant(attribute: Attribute, value: object) -> object:
    """The effective value: the default if None, the layout of a name."""
    if value is None:
        return attribute.default
    named = (choice for choice in attribute.choices if isinstance(choice, Paged) and choice.name == value)
    return next(named, value) if isinstance(value, str) else value


def with_attribute(inputs: Inputs, name: str, value: object) -> WrongCall | None:
    """The call with another value of one attribute."""
    op, changed = inputs.op, replace(inputs, attributes={**inputs.attributes, name: value})
    refusal = attribute_refusal(op.attribute(name), value)
    if refusal is not None:
        mistake = Mistake.ATTRIBUTE_TYPE if refusal is errors.WrongType else Mistake.ATTRIBUTE_VALUE
        if refusal is errors.Missing:
            mistake = Mistake.MISSING
        return WrongCall(inputs=changed, mistake=mistake, subject=name, expected=frozenset({(refusal, name)}))
    meant = _meant(op.attribute(name), value)
    if meant == inputs.attributes[name]:
        return None
    expected = _mode_refusals(replace(inputs, attributes={**inputs.attributes, name: meant}), name)
    return WrongCall(inputs=changed, mistake=Mistake.MODE, subject=name, expected=expected) if expected else None


def _mode_refusals(inputs: Inputs, name: str) -> frozenset[Refusal]:
    """Refusals of arrays that were right under another value of the attribute."""
    op, attributes = inputs.op, inputs.attributes
    pages = [page_refusal(array, inputs.arrays[array.name].shape, attributes) for array in caches(inputs)]
    if any(pages):
        return frozenset(refusal for refusal in pages if refusal is not None)
    forms = op.under(attributes)
    surplus = {n for n in inputs.arrays if not forms[n].shapes}
    absent = (forms[a.name] for a in op.inputs if a.name not in inputs.arrays)
    missing = {form.name for form in absent if form.shapes and form.required}
    formats = {n for n in inputs.arrays if op.array(n).formats == name}
    if surplus or missing or formats:
        refusals: set[Refusal] = {(errors.Surplus, n) for n in surplus} | {(errors.Missing, n) for n in missing}
        refusals |= {(errors.WrongFormat, n) for n in formats}
        return frozenset(refusals | _shape_refusals_by(inputs, name))
    found = solutions(op, {n: raw.shape for n, raw in inputs.arrays.items()}, attributes)
    if found:
        return min((violations(inputs, sizes) for sizes in found), key=len)
    return _shape_refusals_by(inputs, name)


def _shape_refusals_by(inputs: Inputs, attribute: str) -> frozenset[Refusal]:
    """Shapes may be refused of arrays that the attribute decides about, and of those that share their axes."""
    op, axes = inputs.op, {axis.name for axis in inputs.op.axes}
    own = {attribute, *(f"{attribute}_{fact}" for fact in LAYOUT_FACTS)}
    decided = [
        a
        for a in op.inputs
        if a.name in inputs.arrays and (attribute in (a.by, a.order) or own & _axes_of(a, inputs.attributes))
    ]
    shared = {name for a in decided for name in _axes_of(a, inputs.attributes)} & axes
    names = {a.name for a in decided} | set(_sharing(inputs, shared) if decided else ())
    return frozenset((error, name) for name in names for error in (errors.WrongRank, errors.WrongShape))


def without(inputs: Inputs, name: str) -> WrongCall | None:
    """The call without one array, which it needs, or which another one makes sense with only."""
    kept = {key: raw for key, raw in inputs.arrays.items() if key != name}
    changed = replace(inputs, arrays=kept)
    expected: frozenset[Refusal] = frozenset({(errors.Missing, name)})
    if not inputs.op.under(inputs.attributes)[name].required:
        found = solutions(inputs.op, changed.layout.shapes, inputs.attributes)
        expected = min((violations(changed, sizes) for sizes in found), key=len, default=frozenset())
    return WrongCall(inputs=changed, mistake=Mistake.MISSING, subject=name, expected=expected) if expected else None


def with_surplus(inputs: Inputs, array: Array) -> WrongCall | None:
    """The call with an array that its mode does not take, or with a scalar that others exclude."""
    accepted = array.under(inputs.attributes).shapes
    if accepted and (array.name in inputs.arrays or () not in accepted):
        return None
    named = array.formats
    form = inputs.formats.get(named, inputs.attributes.get(named)) if isinstance(named, str) else named[0]
    assert isinstance(form, ElementFormat)
    changed = Inputs(
        op=inputs.op,
        arrays={**inputs.arrays, array.name: _filled(() if accepted else (1,), form)},
        formats={**inputs.formats, array.name: form},
        attributes=inputs.attributes,
    )
    expected: frozenset[Refusal] = frozenset({(errors.Surplus, array.name)})
    if accepted:
        found = solutions(inputs.op, changed.layout.shapes, inputs.attributes)
        expected = min((violations(changed, sizes) for sizes in found), key=len, default=frozenset())
    if not expected:
        return None
    return WrongCall(inputs=changed, mistake=Mistake.SURPLUS, subject=array.name, expected=expected)


def passed_as(inputs: Inputs, name: str, passed: Passed) -> WrongCall | None:
    """The call with one array passed in another way."""
    shape, layout = inputs.arrays[name].shape, inputs.op.array(name).layout
    inner = layout.inner if isinstance(layout, Dense) else Inner.PACKED  # so far as single pages go
    repeats = inner is Inner.FREE and inputs.op.array(name).access is Access.IN
    wrong, error, mistake, subject = True, errors.WrongStride, Mistake.STRIDE, name
    match passed:
        case Passed.LAST_STRIDED:
            wrong = inner in (Inner.UNIT, Inner.PACKED) and bool(shape) and shape[-1] > 1
        case Passed.BOTH_STRIDED:
            wrong = inner is not Inner.FREE and len(shape) >= 2 and min(shape[-2:]) > 1
        case Passed.OVERLAPPING:
            wrong = isinstance(layout, Pages) and shape[0] > 1
        case Passed.REPEATED:
            wrong = bool(shape) and shape[0] > 1 and not repeats
        case Passed.ELSEWHERE:
            others = [n for n in inputs.arrays if n != name]
            wrong, error, mistake = bool(others), errors.WrongDevice, Mistake.DEVICE  # type: ignore[assignment]
            # The first array determines the device.
            subject = others[0] if others and name == next(iter(inputs.arrays)) else name
        case Passed.AS_LIST | Passed.AS_TEXT:
            error, mistake = errors.WrongType, Mistake.NOT_AN_ARRAY  # type: ignore[assignment]
    if not wrong or 0 in shape:
        return None
    expected: frozenset[Refusal] = frozenset({(error, subject)})
    return WrongCall(inputs=inputs, mistake=mistake, subject=name, expected=expected, passed={name: passed})


# -- all mistakes ----------------------------------------------------------------------------------------

FORMATS: Final[tuple[ElementFormat, ...]] = tuple(form for form in ALL if form.bits >= 8 or form.bits == 1)
"""Formats that arrays of a framework may have, one element per entry."""

_NOT_OF_KIND: Final[Mapping[type, tuple[object, ...]]] = {
    int: ("128", 128.0, True, [128]),
    float: ("1", [1.0], True),
    bool: (1, "yes", 0.0),
    str: (3, 1.5, ["kn"]),
    ElementFormat: (3, 1.5, [E8M0]),
    Paged: (3, 1.5, ["v4"], E8M0),
}


def values_of(attribute: Attribute, passed: object = None) -> Iterator[object]:
    """Values to try: wrong types, other choices, neighbours of the choices and of a number that is passed, ends of the
    range, nothing.
    """
    yield None
    if attribute.kind is int and isinstance(passed, int) and not attribute.choices:
        yield from (passed + 1, 2 * passed + 1)
    yield from _NOT_OF_KIND[attribute.kind]
    if attribute.kind is ElementFormat:
        yield from ALL
    if attribute.kind is Paged:
        yield from layout_values(attribute.choices)
        return
    for choice in attribute.choices:
        yield choice
        if isinstance(choice, str):
            yield from (choice.upper(), f"{choice} ", "")
        elif isinstance(choice, int):
            yield from (choice - 1, choice + 1, -choice)
            yield float(choice)  # equal to a choice that is accepted, and of another type
    if attribute.kind is float:
        yield from (float("nan"), float("inf"), 2 * F32.max_finite)
    for end, step in ((attribute.minimum, -1), (attribute.maximum, 1)):
        if end is not None:
            yield from (attribute.kind(end + step), end)


def shapes_near(shape: Shape) -> Iterator[Shape]:
    """One dimension larger, smaller or empty; dimensions added or left out."""
    for d, size in enumerate(shape):
        for other in {size + 1, max(size - 1, 0), 0, 2 * size}:
            yield (*shape[:d], other, *shape[d + 1 :])
    yield from ((1, *shape), (*shape, 1), (2, *shape), (1, 1, 1, *shape))
    for count in range(len(shape)):
        yield shape[:count]
        yield shape[len(shape) - count :]


def wrong_calls(op: Op, case: Case) -> list[WrongCall]:
    """Every mistake at every place of the call of a case. The same case gives the same calls."""
    inputs = generate(op, case, "random", 0)
    found: list[WrongCall | None] = []
    for name, raw in inputs.arrays.items():
        found += [
            reshaped(inputs, name, shape) for shape in dict.fromkeys(shapes_near(raw.shape)) if shape != raw.shape
        ]
        found += [reformatted(inputs, name, form) for form in FORMATS]
        found += [passed_as(inputs, name, passed) for passed in Passed]
        found.append(without(inputs, name))
    found += [with_surplus(inputs, array) for array in op.inputs]
    for attribute in op.attributes:
        passed = inputs.attributes[attribute.name]
        found += [with_attribute(inputs, attribute.name, value) for value in values_of(attribute, passed)]
    found += _wrong_pages(inputs)
    for axis, size in case.sizes:
        beyond = (other + 2 for other in _compared(op, case, axis))
        found += [resized(op, case, axis, other) for other in {0, size + 1, size + 2, size + 5, *beyond}]
    for implementation in ("nonsense", "", 3):
        expected: frozenset[Refusal] = frozenset({(errors.NotAChoice, "implementation")})
        mistake = Mistake.IMPLEMENTATION
        found.append(
            WrongCall(
                inputs=inputs,
                mistake=mistake,
                subject="implementation",
                expected=expected,
                implementation=implementation,
            )
        )
    return [call for call in found if call is not None]


def _compared(op: Op, case: Case, axis: str) -> set[int]:
    """Sizes of the axes that a constraint compares an axis with."""
    sizes = dict(case.sizes)
    conditions = [c.holds.names() for c in op.constraints if axis in c.holds.names()]
    return {sizes[name] for names in conditions for name in names if name in sizes and name != axis}


def _wrong_pages(inputs: Inputs) -> Iterator[WrongCall | None]:
    """Mistakes in caches, passed as [pages, bytes] and as [pages, rows, bytes of a row]."""
    for array in caches(inputs):
        assert isinstance(array.layout, Pages)
        size = array.layout.block_size
        for form in (inputs, by_rows(inputs)):
            own = form.arrays[array.name].shape
            shapes = dict.fromkeys((*page_shapes(inputs, array), *(() if form is inputs else shapes_near(own))))
            yield from (reshaped(form, array.name, shape) for shape in shapes if shape != own)
            yield from (passed_as(form, array.name, passed) for passed in Passed if form is not inputs)
            stated = form.attributes[size]
            yield from (with_attribute(form, size, value) for value in values_of(form.op.attribute(size), stated))
        missing = replace(inputs, attributes={**inputs.attributes, size: None})
        yield from (reshaped(missing, array.name, shape) for shape in page_shapes(inputs, array))
