"""Validation of declarations at construction: every name exists, every choice is listed.

A mistake is a `SpecError` with the file and line of the declaration that is wrong. Without these checks it would be a
call that is refused, or computed without an argument, in the one mode that the author forgot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from string import Formatter
from typing import TYPE_CHECKING, NoReturn

from specs.lang.declare.axes import Axis, Expr
from specs.lang.declare.layouts import Pages
from specs.lang.declare.quantised import problem_of
from specs.lang.declare.terms import LAYOUT_FACTS, Access, Rows, Shape, choice_name, sizes_of, variant_name
from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

if TYPE_CHECKING:
    from specs.lang.declare.accuracy import Accuracy
    from specs.lang.declare.kernel import Array, Attribute, Kernel
    from specs.lang.declare.op import Case, Op, Step

KINDS_OF_DEVICE = ("cuda", "xpu", "cpu", "interpret")
"""Targets that every kernel has a configuration for."""


def check_kernel(kernel: Kernel) -> None:
    """Checks the arrays and attributes of a kernel.

    Raises:
        SpecError: the first declaration that is wrong.
    """
    scope = _Scope(kernel.name, kernel.axes, kernel.arrays, kernel.attributes)
    scope.check()
    _check_tunables(kernel)
    _check_configs(kernel)
    if not any(array.access is not Access.IN for array in kernel.arrays):
        message = f"{kernel.name}: no array is written"
        raise SpecError(message, where=kernel.where, hint="declare results with access=Access.OUT")


def _check_tunables(kernel: Kernel) -> None:
    names = [t.name for t in kernel.tunables]
    for t in kernel.tunables:
        problem = None
        if not _tuple_of(t.values, int) or not t.values:
            problem = f"values are a tuple of integers, not {t.values!r}"
        elif names.count(t.name) > 1:
            problem = "declared twice"
        if problem is not None:
            raise SpecError(f"{kernel.name}: tunable {t.name!r}: {problem}", where=kernel.where)


def _check_configs(kernel: Kernel) -> None:
    """Every target has a configuration whatever the sizes are, with each tunable at one of its values."""
    tunables = {t.name: t.values for t in kernel.tunables}
    for config in kernel.configs:
        given = dict(config.values)
        for name, value in config.values:
            if name not in tunables:
                problem, hint = f"sets {name!r}, which is no tunable", _known(tunables)
            elif value not in tunables[name]:
                problem, hint = f"{name} = {value} is not one of its values", _known(map(str, tunables[name]))
            else:
                continue
            raise SpecError(
                f"{kernel.name}: configuration for {config.target}: {problem}", where=config.where, hint=hint
            )
        if lacking := tunables.keys() - given.keys():
            message = f"{kernel.name}: configuration for {config.target}: lacks {', '.join(sorted(lacking))}"
            raise SpecError(message, where=config.where)
    always = {config.target for config in kernel.configs if config.when is None}
    for target in KINDS_OF_DEVICE:
        if target not in always:
            message = f"{kernel.name}: no configuration for {target} that always holds"
            hint = f'end the rows with Config(target="{target}", values=...) without `when`'
            raise SpecError(message, where=kernel.where, hint=hint)


def check_step(step: Step) -> None:
    """A step is a kernel with names that it has, or an operation (see `specs.lang.declare.nested`).

    Raises:
        SpecError: it is neither or both, or gives the kernel something that it does not have.
    """
    kernel: Kernel | None = step.kernel
    if (kernel is None) == (step.op is None):
        raise SpecError("a step is either a kernel or an operation", where=step.where, hint="Step(kernel=...)")
    if kernel is None:
        return
    listed = {
        "array": (step.arrays, [array.name for array in kernel.arrays]),
        "attribute": (step.attributes, [attribute.name for attribute in kernel.attributes]),
    }
    for what, (pairs, known) in listed.items():
        for name, _ in pairs:
            if name not in known:
                message = f"step {kernel.name}: gives it the {what} {name!r}, which it does not have"
                raise SpecError(message, where=step.where, hint=_known(known))


def check_op(op: Op) -> None:
    """Checks the arrays, attributes, accuracies and cases of an operation.

    Raises:
        SpecError: the first declaration that is wrong.
    """
    axes = (*op.axes, *op.derived_axes)
    scope = _Scope(op.name, axes, (*op.arrays, *op.temporaries), op.attributes)
    scope.check()
    scope.check_named_formats()
    scope.check_sizes()
    inputs = {array.name for array in op.inputs}
    for a in op.attributes:  # of kernels they are set: only a caller leaves a format out
        if a.follows is not None and a.follows not in inputs:
            message = f"{op.name}: attribute {a.name!r}: follows {a.follows!r}, which is no argument"
            raise SpecError(message, where=a.where, hint=_known(inputs))
    results = {array.name for array in op.arrays if array.access is not Access.IN}
    for name, _ in op.accuracy:
        if name not in results:
            raise SpecError(
                f"{op.name}: accuracy of {name!r}, which is no result", where=op.where, hint=_known(results)
            )
    for name in results - {name for name, _ in op.accuracy}:
        raise SpecError(f"{op.name}: no accuracy of the result {name!r}", where=op.where, hint="an Accuracy for each")
    for name, accuracy in op.accuracy:
        if accuracy.quantised is not None and (found := _quantised_problem(op, name, accuracy)) is not None:
            problem, hint = found
            raise SpecError(f"{op.name}: accuracy of {name!r}: {problem}", where=op.where, hint=hint)
    for constraint in op.constraints:
        read = constraint.holds.names() | {name for _, name, _, _ in Formatter().parse(constraint.failure) if name}
        if unknown := read - scope.names_of_expressions():
            message = f"{op.name}: constraint on {constraint.argument!r} reads {min(unknown)!r}"
            raise SpecError(message, where=op.where, hint=_known(scope.names_of_expressions()))
    for case in op.cases:
        _check_case(op, case)
    if len(golden := [case for case in op.cases if case.golden]) > 1:
        message = f"{op.name}: cases {golden[0].name!r} and {golden[1].name!r} are both golden"
        raise SpecError(message, where=golden[1].where, hint="sources of one case are checked in")


def _quantised_problem(op: Op, name: str, accuracy: Accuracy) -> tuple[str, str | None] | None:
    """The problem of a contract for codes and scales, with a hint; None if it is valid."""
    given = accuracy.quantised
    assert given is not None
    results = [array.name for array in op.arrays if array.access is not Access.IN]
    arrays = {array.name: array for array in op.arrays}
    if accuracy.exact:
        return "exact and quantised exclude each other", "quantised results are bounded"
    if name not in (given.codes, given.scale):
        return f"judged as {given.codes!r} and {given.scale!r}, which it is not", None
    if given.codes not in results:
        return f"codes {given.codes!r} are no result", _known(results)
    if given.scale not in arrays:
        return f"scale {given.scale!r} is no result and no argument", _known(arrays)
    contracts = dict(op.accuracy)
    if any(contracts[n] != accuracy for n in (given.codes, given.scale) if n in results and n in contracts):
        hint = f'write *quantised("{given.codes}", "{given.scale}", FORM) in accuracy'
        return "codes and scale have different contracts", hint
    if not isinstance(given.form, BlockFormat):
        return None  # attributes of a call decide
    if problem := problem_of(given.form):
        return problem, None
    codes = given.form.element if given.form.packing is None else given.form.packing.word
    for which, wanted in ((given.codes, codes), (given.scale, given.form.scale)):
        formats = arrays[which].formats
        if not isinstance(formats, str) and formats != (wanted,):
            listed = ", ".join(form.name for form in formats)
            return f"{which!r} has the formats {listed}, {given.form.name} stores {wanted.name}", None  # type: ignore[union-attr]
    return None


def _check_case(op: Op, case: Case) -> None:
    optional = {array.name for array in op.inputs if array.optional}
    inputs = {array.name for array in op.inputs}
    axes = {axis.name for axis in op.axes}
    attributes = {a.name: a for a in op.attributes}
    groups: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        ("size", (name for name, _ in case.sizes), axes),
        ("attribute", (name for name, _ in case.attributes), attributes),
        ("format", (name for name, _ in case.formats), inputs),
        ("optional argument", case.absent, optional),
    )
    for what, given, known in groups:
        for name in given:
            if name not in known:
                message = f"{op.name}: case {case.name!r} names the {what} {name!r}, which is not declared"
                raise SpecError(message, where=case.where, hint=_known(known))
    given = {name for name, _ in case.sizes}
    for name in sorted(_stated_axes(op, case) - given):
        message = f"{op.name}: case {case.name!r} lacks the size of axis {name!r}"
        raise SpecError(message, where=case.where, hint=f"it has {', '.join(sorted(given)) or 'none'}")
    for name, value in case.attributes:
        a = attributes[name]
        if a.choices and a.kind is not Paged and value not in a.choices:
            message = f"{op.name}: case {case.name!r}: {choice_name(value)} is no choice of {name!r}"
            raise SpecError(message, where=case.where, hint=_known(_choices(a) or ()))


def _stated_axes(op: Op, case: Case) -> set[str]:
    """Axes whose sizes a case must give: the axes of its arrays, except rows per page."""
    attributes = {a.name: a.default for a in op.attributes} | dict(case.attributes)
    axes = {axis.name for axis in op.axes if axis.value is None}
    found: set[str] = set()
    for array in op.inputs:
        if array.name not in case.absent:
            found |= {name for shape in array.under(attributes).shapes[:1] for name in sizes_of(shape)}
            if isinstance(array.layout, Pages):
                axes -= {array.layout.rows.name}
    return found & axes


class _Scope:
    """The names that declarations of one kernel or operation may use."""

    def __init__(
        self, owner: str, axes: Sequence[Axis], arrays: Sequence[Array], attributes: Sequence[Attribute]
    ) -> None:
        self.owner, self.arrays = owner, arrays
        self.attributes = {a.name: a for a in attributes}
        facts = (f"{a.name}_{fact}" for a in attributes if a.kind is Paged for fact in LAYOUT_FACTS)
        self.sizes = {axis.name for axis in axes} | set(self.attributes) | set(facts)

    def names_of_expressions(self) -> set[str]:
        """What constraints may read (see `bind.call_env`)."""
        given = {f"has_{array.name}" for array in self.arrays} | {f"{array.name}_format" for array in self.arrays}
        return self.sizes | given

    def check(self) -> None:
        for attribute in self.attributes.values():
            self.check_attribute(attribute)
        for array in self.arrays:
            self.check_shapes(array)
            self.check_choices(array)
            self.check_formats(array)
        names = [*(array.name for array in self.arrays), *self.attributes]
        for array in self.arrays:
            if names.count(array.name) > 1:
                self.fail(array, "its name is taken by another argument", "names of arguments differ")

    def fail(self, declared: Array | Attribute, problem: str, hint: str | None = None) -> NoReturn:
        what = "attribute" if declared in self.attributes.values() else "array"
        raise SpecError(f"{self.owner}: {what} {declared.name!r}: {problem}", where=declared.where, hint=hint)

    # Attributes.

    def check_attribute(self, a: Attribute) -> None:
        if not isinstance(a.choices, tuple):
            self.fail(a, f"choices are a tuple, not {a.choices!r}", "write (x,) for one")
        for value in (*a.choices, *(() if a.default is None else (a.default,))):
            if not isinstance(value, a.kind) or (isinstance(value, bool) and a.kind is not bool):
                self.fail(a, f"{value!r} is no {a.kind.__name__}")
        if a.choices and a.default is not None and a.default not in a.choices:
            self.fail(a, f"the default {choice_name(a.default)} is no choice", _known(_choices(a) or ()))

    def attribute(self, array: Array, field: str, name: str) -> Attribute:
        """The attribute that a field of an array names."""
        if name not in self.attributes:
            self.fail(array, f"{field} = {name!r} is no attribute", _known(self.attributes))
        return self.attributes[name]

    # Shapes.

    def check_shapes(self, array: Array) -> None:
        if (array.by is None) != (not array.shapes_by):
            self.fail(array, "shapes_by and the attribute `by` that it is keyed by go together")
        if bool(array.shapes) == (array.by is not None):
            self.fail(array, "either shapes or shapes_by", "a scalar has the shape (): shapes=((),)")
        for shapes in self.listed(array):
            if not _tuple_of(shapes, tuple):
                self.fail(
                    array,
                    f"shapes are a tuple of tuples, not {_written(shapes)}",
                    "write ((M, N),) for one shape [M, N]",
                )
            for shape in shapes:
                self.check_shape(array, shape)

    def listed(self, array: Array) -> Iterator[tuple[Shape, ...]]:
        yield array.shapes
        if not isinstance(array.shapes_by, tuple):
            self.fail(array, f"shapes_by is a tuple of (choice, shapes), not {_written(array.shapes_by)}")
        for entry in array.shapes_by:
            if not _is_pair(entry):
                self.fail(
                    array, f"shapes_by holds pairs (choice, shapes), not {_written(entry)}", 'write ("tensor", ((M,),))'
                )
            yield entry[1]

    def check_shape(self, array: Array, shape: tuple[object, ...]) -> None:
        for index, dim in enumerate(shape):
            if isinstance(dim, Rows) and index:
                self.fail(array, f"leading dimensions {dim} in dimension {index}", "Rows come first")
            if not isinstance(dim, (Rows, Expr, int)):
                self.fail(array, f"dimension {dim!r} is no axis, expression or number")

    def check_sizes(self) -> None:
        """Sizes over axes, attributes and facts of layouts; a kernel may use axes of the operation that has it."""
        for array in self.arrays:
            for shape in (*array.shapes, *(shape for _, shapes in array.shapes_by for shape in shapes)):
                for name in sorted(sizes_of(shape) - self.sizes):
                    self.fail(array, f"size {name!r} is neither an axis nor an attribute", _known(self.sizes))

    # Choices.

    def check_choices(self, array: Array) -> None:
        choices: tuple[str, ...] = ()
        if array.by is not None:
            decides = self.attribute(array, "by", array.by)
            choices = self.choices_of(array, decides)
            self.compare(array, "shapes_by", tuple(choice for choice, _ in array.shapes_by), choices)
        for field, named in (("required_for", array.required_for), ("order_for", array.order_for)):
            if not isinstance(named, tuple):
                self.fail(array, f"{field} is a tuple of choices, not {named!r}", "write (x,) for one")
            for name in named:
                if name not in choices:
                    self.fail(array, f"{field} names {name!r}, which is no choice of {array.by!r}", _known(choices))
        if array.order is not None and "nk" not in (_choices(self.attribute(array, "order", array.order)) or ()):
            self.fail(array, f"order = {array.order!r} has no choice 'nk'")
        if array.order_for and array.order is None:
            self.fail(array, "order_for without order")
        if isinstance(array.layout, Pages):
            for field in ("layout", "block_size"):
                self.attribute(array, f"layout.{field}", getattr(array.layout, field))

    def choices_of(self, array: Array, decides: Attribute) -> tuple[str, ...]:
        found = _choices(decides)
        if decides.kind is Paged:
            found = tuple(dict.fromkeys(variant_name(choice) for choice in decides.choices)) or None
        if found is None:
            self.fail(array, f"by = {decides.name!r} has no choices", "use a choice or bool attribute")
        return found

    def compare(self, array: Array, field: str, listed: tuple[str, ...], choices: tuple[str, ...]) -> None:
        """Every choice listed once: a choice that does not take the array is listed with ()."""
        for choice in choices:
            if choice not in listed:
                message = f"{field} lacks the choice {choice!r} of {array.by!r}"
                self.fail(array, message, f'a choice that does not take the array is listed as ("{choice}", ())')
        for choice in listed:
            if choice not in choices:
                self.fail(array, f"{field} names {choice!r}, which is no choice of {array.by!r}", _known(choices))
            if listed.count(choice) > 1:
                self.fail(array, f"{field} lists {choice!r} twice")

    # Formats.

    def check_formats(self, array: Array) -> None:
        formats = array.formats
        if isinstance(formats, str):
            return  # a kernel's arrays have the formats of the operation's
        if not formats or not _tuple_of(formats, ElementFormat):
            self.fail(array, f"formats are a tuple of element formats, not {_written(formats)}", "write (F32,) for one")

    def check_named_formats(self) -> None:
        """Formats by name: of an argument before the array, or of an attribute."""
        known = {a.name for a in self.attributes.values() if a.kind is ElementFormat}
        for array in self.arrays:
            if isinstance(array.formats, str) and array.formats not in known:
                problem = f"formats = {array.formats!r} is neither an argument before it nor a format attribute"
                self.fail(array, problem, _known(known))
            known.add(array.name)


def _tuple_of(values: object, kind: type) -> bool:
    """Whether `value` is a tuple of these types, not a single value."""
    return isinstance(values, tuple) and all(isinstance(value, kind) for value in values)


def _written(value: object) -> str:
    """What an author wrote, in a message: sizes and formats by name."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    return choice_name(value) if isinstance(value, (ElementFormat, Expr, Rows)) else repr(value)


def _is_pair(entry: object) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)


def _choices(attribute: Attribute) -> tuple[str, ...] | None:
    """The choices of an attribute as specs write them; None where there are none to list."""
    if attribute.kind is bool:
        return ("False", "True")
    return tuple(choice_name(choice) for choice in attribute.choices) or None


def _known(names: Iterable[str]) -> str:
    return "there are " + (", ".join(sorted(names)) or "none")
