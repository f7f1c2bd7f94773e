"""Steps that name an operation, replaced by the steps of that operation: once, when the operation with them is made.

Inside, names belong to the inner operation; outside, to the one that has the step. Arrays, attributes and
sizes that the step does not list are the outer ones of the same name. Temporaries get a prefix, constraints hold where
the step is taken. Operations are values that are made before others can name them, and hold steps of kernels alone
from then on: there are no cycles, and everything that reads `Op.steps` sees kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import TYPE_CHECKING, NoReturn, TypeGuard

from specs.lang.declare.axes import Axis, Expr, Literal, Ref, as_expr, show, substitute
from specs.lang.declare.kernel import Array, Attribute, Constraint, FormatSource
from specs.lang.declare.terms import LAYOUT_FACTS, Access, substituted
from specs.lang.errors import SpecError
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

if TYPE_CHECKING:
    from specs.lang.declare.op import Op, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """What an operation has once every step is one of a kernel."""

    steps: tuple[Step, ...]
    temporaries: tuple[Array, ...]
    constraints: tuple[Constraint, ...]

    def fields(self) -> tuple[tuple[str, object], ...]:
        """As fields of the operation."""
        return (("steps", self.steps), ("temporaries", self.temporaries), ("constraints", self.constraints))


def expand(op: Op) -> Expanded:
    """The steps of the operations that `op` names in place of their names.

    Raises:
        SpecError: a step gives the inner operation something that it does not have, or too little.
    """
    steps: list[Step] = []
    temporaries = {array.name: array for array in (*op.arrays, *op.temporaries)}
    constraints = list(op.constraints)
    for step in op.steps:
        if step.op is None:
            steps.append(step)
            continue
        inner = _Inner(op, step, step.op)
        for array in inner.temporaries():
            if temporaries.setdefault(array.name, array) != array:
                inner.fail(f"its temporary {array.name!r} is another array already", "give the steps prefixes")
        steps += inner.steps()
        constraints += [constraint for constraint in inner.constraints() if constraint not in constraints]
    own = {array.name for array in op.arrays}
    kept = tuple(array for name, array in temporaries.items() if name not in own)
    return Expanded(steps=tuple(steps), temporaries=kept, constraints=tuple(constraints))


class _Inner:
    """One step that names an operation: what the names of the inner one mean in the outer one."""

    def __init__(self, outer: Op, step: Step, op: Op) -> None:
        self.outer, self.step, self.op = outer, step, op
        self.outer_arrays = {array.name: array for array in (*outer.arrays, *outer.temporaries)}
        self.outer_attributes = {attribute.name for attribute in outer.attributes}
        self.check_names()
        self.arrays = dict(self._arrays())
        self.names: dict[str, Expr] = {}
        for name, value in (*self._attributes(), *self._axes(), *self._facts()):
            if value != Ref(name):
                self.names[name] = value
        self._follow_derived_axes()

    def fail(self, problem: str, hint: str | None = None) -> NoReturn:
        raise SpecError(f"{self.outer.name}: step {self.op.name}: {problem}", where=self.step.where, hint=hint)

    def check_names(self) -> None:
        """What the step lists is there: arrays, attributes and axes inside, arrays outside."""
        inside = {
            "array": [array.name for array in (*self.op.arrays, *self.op.temporaries)],
            "attribute": [attribute.name for attribute in self.op.attributes],
            "size": [axis.name for axis in self.op.axes if axis.value is None],
        }
        listed = {"array": self.step.arrays, "attribute": self.step.attributes, "size": self.step.sizes}
        for what, pairs in listed.items():
            for name, _ in pairs:
                if name not in inside[what]:
                    self.fail(f"gives it the {what} {name!r}, which it does not have", _known(inside[what]))
        for name, goal in self.step.arrays:
            if goal not in self.outer_arrays:
                self.fail(f"{name!r} is {goal!r}, which is no array of {self.outer.name}", _known(self.outer_arrays))

    def _arrays(self) -> Iterator[tuple[str, str]]:
        given = dict(self.step.arrays)
        for array in self.op.temporaries:
            yield array.name, given.get(array.name, f"{self.prefix}{array.name}")
        for array in self.op.arrays:
            name = given.get(array.name, array.name)
            if name in self.outer_arrays:
                if array.access is not Access.IN and self.outer_arrays[name].access is Access.IN:
                    self.fail(f"writes {name!r}, which {self.outer.name} only reads", "let it be a result, or INOUT")
                yield array.name, name
            elif array.access is not Access.IN or array.always:
                hint = f'list it: arrays=(("{array.name}", NAME),)'
                self.fail(f"{array.name!r} is no array of {self.outer.name}", hint)

    @property
    def prefix(self) -> str:
        """Of the temporaries."""
        return f"{self.op.name}_" if self.step.prefix is None else self.step.prefix

    def _attributes(self) -> Iterator[tuple[str, Expr]]:
        given = dict(self.step.attributes)
        for attribute in self.op.attributes:
            value = self._attribute(attribute, given)
            if attribute.kind is Paged and not isinstance(value, Ref):
                self.fail(f"the layout {attribute.name!r} is an attribute of {self.outer.name}, by name")
            yield attribute.name, value
            if attribute.kind is Paged and isinstance(value, Ref):
                yield from ((f"{attribute.name}_{fact}", Ref(f"{value.name}_{fact}")) for fact in LAYOUT_FACTS)

    def _attribute(self, attribute: Attribute, given: Mapping[str, object]) -> Expr:
        name = attribute.name
        if name in given:
            value = given[name]
            if isinstance(value, Ref) and value.name not in self.outer_attributes:
                self.fail(f"{name!r} is {value.name!r}, which is no attribute", _known(self.outer_attributes))
            return as_expr(value)  # type: ignore[arg-type]
        if name in self.outer_attributes:
            return Ref(name)
        if attribute.required:
            self.fail(f"its attribute {name!r} has no value", f'list it: attributes=(("{name}", VALUE),)')
        if attribute.follows is not None and attribute.follows in self.arrays:
            return Ref(f"{self.arrays[attribute.follows]}_format")
        return as_expr(attribute.default)  # type: ignore[arg-type]

    def _axes(self) -> Iterator[tuple[str, Expr]]:
        given, outer = dict(self.step.sizes), {axis.name: axis for axis in self.outer.axes}
        passed = (array for array in self.op.arrays if array.name in self.arrays)
        stated = {name for array in passed for name in array.names_of_sizes()}
        for axis in self.op.axes:
            if axis.value is not None:
                continue
            if axis.name in given:
                yield axis.name, as_expr(given[axis.name])
            elif axis.name in outer:
                if outer[axis.name] != axis:
                    yield axis.name, outer[axis.name]
            elif axis.name in stated:
                hint = f'list it: sizes=(("{axis.name}", SIZE),)'
                self.fail(f"its size {axis.name!r} is no axis of {self.outer.name}", hint)
            else:
                yield axis.name, Literal(axis.default)

    def _facts(self) -> Iterator[tuple[str, Expr]]:
        """`has_NAME` and `NAME_format`."""
        for array in (*self.op.arrays, *self.op.temporaries):
            name = self.arrays.get(array.name)
            if array.optional and array.access is not Access.OUT:
                outer = None if name is None else self.outer_arrays[name]
                there = Literal(int(outer is not None))
                yield f"has_{array.name}", Ref(f"has_{name}") if outer is not None and outer.optional else there
            if name is not None:
                given = self.outer.temporaries if name not in {a.name for a in self.outer.arrays} else ()
                formats = next((a.formats for a in given if a.name == name), ())
                # What a temporary always has is known, and no argument of a call says it.
                yield f"{array.name}_format", Literal(formats[0]) if _one(formats) else Ref(f"{name}_format")

    def _follow_derived_axes(self) -> None:
        """Axes with a value keep their names unless something in that value has another name outside."""
        axes = {axis.name: axis for axis in (*self.op.axes, *self.op.derived_axes) if axis.value is not None}
        for axis in axes.values():
            assert axis.value is not None
            found = substitute(axis.value, self.names)
            if found != axis.value:
                self.names[axis.name] = found

    def temporaries(self) -> Iterator[Array]:
        """Temporaries of the inner operation that the step gives no array for, as the outer one has them."""
        given = dict(self.step.arrays)
        for array in self.op.temporaries:
            if array.name in given:
                continue
            if array.by is not None or array.order is not None:
                self.fail(f"its temporary {array.name!r} depends on a choice", "declare it outside, and list it")
            formats = array.formats
            if isinstance(formats, str):
                decides = self.names.get(formats, Ref(self.arrays.get(formats, formats)))
                if isinstance(decides, Literal) and isinstance(decides.value, ElementFormat):
                    formats = (decides.value,)
                else:
                    formats = str(decides)
            shapes = tuple(substituted(shape, self.names) for shape in array.shapes)
            yield replace(array, name=self.arrays[array.name], shapes=shapes, formats=formats, access=Access.OUT)

    def steps(self) -> Iterator[Step]:
        """The steps of the inner operation with the names of the outer one."""
        outer = self.step
        for step in self.op.steps:
            if step.repeat is not None and outer.repeat is not None:
                self.fail(f"repeats {step.kernel.name}, which is repeated already")
            when = None if step.when is None else substitute(step.when, self.names)
            if outer.when is not None:
                when = outer.when if when is None else when.and_(outer.when)
            arrays = ((a.name, self.arrays.get(step.array_name(a.name))) for a in step.kernel.arrays)
            repeat, advance = outer.repeat, self._advance(step)
            if step.repeat is not None:
                repeat = substitute(step.repeat, self.names)
            if step.advance is not None:
                advance = step.advance[0], substitute(step.advance[1], self.names)
            yield replace(
                step,
                arrays=tuple((name, goal) for name, goal in arrays if goal not in (None, name)),
                attributes=tuple(self._settings(step)),
                sizes=self._sizes(step),
                when=when,
                repeat=repeat,
                advance=advance,
            )

    def _sizes(self, step: Step) -> tuple[tuple[str, Expr], ...]:
        """What names in the kernel's expressions are: those that the step lists, others of the inner operation."""
        own = {name: substitute(as_expr(value), self.names) for name, value in step.sizes}
        return tuple((self.names | own).items())

    def _settings(self, step: Step) -> Iterator[tuple[str, object]]:
        given = dict(step.attributes)
        for attribute in step.kernel.attributes:
            value = given.get(attribute.name, Ref(attribute.name))
            if isinstance(value, Expr):
                value = substitute(value, self.names)
            if isinstance(value, Literal):
                value = value.value
            if value != Ref(attribute.name):
                yield attribute.name, value

    def _advance(self, step: Step) -> tuple[str, Expr] | None:
        """The kernel's attribute mapped to the one that the step advances."""
        if self.step.advance is None:
            return None
        name, by = self.step.advance
        given = dict(step.attributes)
        found = [a for a in step.kernel.attributes if given.get(a.name, Ref(a.name)) == Ref(name)]
        for attribute in found:
            if not attribute.dynamic:
                self.fail(f"advances {name!r}, which specialises {step.kernel.name}", "declare it dynamic=True")
        return (found[0].name, by) if found else None

    def constraints(self) -> Iterator[Constraint]:
        """The constraints of the inner operation, and the limits of axes that have another size outside."""
        limits = [
            Constraint(argument=name, holds=holds, message=f"{show(self.names[name])} as {self.op.name} takes it")
            for axis in self.op.axes
            if (name := axis.name) in self.names
            for holds in _limits(axis)
        ]
        passed_on = {array.name for array in self.outer.temporaries}
        for constraint in (*self.op.constraints, *limits):
            holds = substitute(constraint.holds, self.names)
            if self.step.when is not None:
                holds = self.step.when.equals(0).or_(holds)
            argument = self.arrays.get(constraint.argument, constraint.argument)
            if argument in passed_on:
                continue  # no argument of a call: the outer operation says what holds of it
            # A sentence about sizes that have other names outside says nothing there; `message` does.
            told = {name for _, name, _, _ in Formatter().parse(constraint.failure) if name}
            failure = "" if told & self.names.keys() else constraint.failure
            yield replace(constraint, argument=argument, holds=holds, failure=failure)


def _one(formats: FormatSource) -> TypeGuard[tuple[ElementFormat, ...]]:
    """Whether there is one element format."""
    return isinstance(formats, tuple) and len(formats) == 1


def _limits(axis: Axis) -> Iterator[Expr]:
    if axis.minimum:
        yield axis >= axis.minimum
    if axis.maximum is not None:
        yield axis <= axis.maximum
    if axis.multiple_of > 1:
        yield (axis % axis.multiple_of).equals(0)


def _known(names: object) -> str:
    return "there are " + (", ".join(sorted(map(str, names))) or "none")  # type: ignore[call-overload]
