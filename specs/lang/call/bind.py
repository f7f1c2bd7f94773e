"""Checks a call against its operation's spec and resolves every axis. Framework-neutral: arrays come as descriptions.

Nothing is run and nothing is written before `bind` has returned; every refusal is an `ArgumentError` that names the
argument, what the spec expects (symbolic, with the sizes known so far) and what was passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, prod
from numbers import Integral, Real
from typing import NoReturn

from specs.lang import errors
from specs.lang.call.signature import shape_text
from specs.lang.call.sizes import SymbolicSize, Undecided, certainly, problem_of
from specs.lang.declare.axes import Axis, as_expr, solved
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Dim, Form, Role, Rows, Shape, swap
from specs.lang.declare.layouts import Pages, packed_strides
from specs.lang.declare.op import Op, Pieces
from specs.lang.formats.elements import E8M0, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """Shape, format and strides (in elements; None where the framework has none) of an array."""

    shape: tuple[int, ...]
    format: ElementFormat
    strides: tuple[int, ...] | None
    device: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A checked call: sizes of all axes, attribute values, and shape and format of every array that takes part.

    shapes: user-visible shapes (leading dimensions kept), results and temporaries included.
    accepted: which of its accepted shapes an argument was passed in.
    """

    op: Op
    sizes: Mapping[str, int]
    attributes: Mapping[str, object]
    lead: Mapping[str, tuple[int, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    formats: Mapping[str, ElementFormat]
    accepted: Mapping[str, Shape]

    @property
    def env(self) -> dict[str, object]:
        """Axes, attributes and facts about arguments in one mapping, for expressions (see `call_env`)."""
        return call_env(self.op, self.sizes, self.attributes, self.shapes, self.formats)

    @property
    def forms(self) -> Mapping[str, Form]:
        """The form of every array under the attributes, by name."""
        return self.op.under(self.attributes)

    def shape(self, name: str) -> Shape:
        """The accepted shape in which an array is passed; that of a result."""
        return self.accepted.get(name) or self.forms[name].shapes[0]


def layout_facts(attributes: Mapping[str, object]) -> dict[str, object]:
    """Names that expressions may use for a paged-layout attribute NAME.

    NAME_width, NAME_values: columns of a row, and those that are values. NAME_data, NAME_share: bytes of a row among
    the rows, and at the end of the page. NAME_codes: formats of its fields (`Paged.codes`). NAME_scales: scales of a
    row. NAME_scale: their format, None where there is none or more than one. NAME_unit: of how many columns the fields
    are multiples; codes that share a byte count once per byte. NAME_even: whether a row can be cut into the groups of
    every field.
    """
    facts: dict[str, object] = {}
    for name, value in attributes.items():
        if isinstance(value, Paged):
            facts |= {f"{name}_width": value.width, f"{name}_values": value.value_width}
            facts |= {f"{name}_data": value.row_stride, f"{name}_share": value.share, f"{name}_codes": value.codes}
            formats = {field.format.scale for field in value.fields}
            facts[f"{name}_scales"] = sum(field.groups for field in value.fields)
            facts[f"{name}_scale"] = formats.pop() if len(formats) == 1 else None
            facts |= {f"{name}_unit": value.unit, f"{name}_even": value.even}
    return facts


def call_env(
    op: Op,
    sizes: Mapping[str, int],
    attributes: Mapping[str, object],
    shapes: Mapping[str, object],
    formats: Mapping[str, ElementFormat],
) -> dict[str, object]:
    """Names that an operation's expressions may use, with their values.

    Axes and attributes, `has_NAME` for optional arguments, `NAME_format` for arguments that are passed.
    """
    given: dict[str, object] = {f"has_{array.name}": array.name in shapes for array in op.inputs if array.optional}
    given |= {f"{name}_format": form for name, form in formats.items()}
    return {**sizes, **attributes, **layout_facts(attributes), **given}


def followed(op: Op, attributes: Mapping[str, object], formats: Mapping[str, ElementFormat]) -> dict[str, object]:
    """Attributes with the formats of the arguments that they follow, where they were left out."""
    found = dict(attributes)
    for attribute in op.attributes:
        if attribute.follows in formats and found[attribute.name] is None:
            found[attribute.name] = formats[str(attribute.follows)]
    return found


def bind(op: Op, arrays: Mapping[str, ArrayInfo | None], attributes: Mapping[str, object]) -> Call:
    """Checks and resolves a call.

    Raises:
        ArgumentError: one of its subclasses, for the first mistake found.
    """
    binder = _Binder(op, check_attributes(op, attributes))
    for array in op.inputs:
        binder.take(array.name, arrays.get(array.name))
    binder.finish()
    binder.check_devices(arrays)
    for array in (*op.outputs, *binder.live_temporaries()):
        binder.derive(binder.forms[array.name])
    return Call(
        op=op,
        sizes=binder.sizes,
        attributes=binder.attributes,
        lead=binder.lead,
        shapes=binder.shapes,
        formats=binder.formats,
        accepted={form.name: shape for form, shape, _ in binder.later},
    )


def check_some(op: Op, arrays: Mapping[str, ArrayInfo | None], attributes: Mapping[str, object]) -> None:
    """Checks some arguments of a call against each other; the others come later.

    Raises:
        ArgumentError: one of its subclasses, for the first mistake found.
    """
    binder = _Binder(op, check_attributes(op, attributes))
    for name, info in arrays.items():
        binder.take(name, info)
    binder.check_shapes(partly=True)
    binder.check_devices(arrays)


def check_attributes(op: Op, given: Mapping[str, object]) -> dict[str, object]:
    """Values of all attributes, defaults filled in."""
    known = {attribute.name for attribute in op.attributes}
    for name, value in given.items():
        if name not in known:
            raise errors.Surplus(op=op.name, argument=name, expected=f"one of {sorted(known)}", actual=repr(value))
    return {a.name: _check_attribute(op, a, given.get(a.name)) for a in op.attributes}


def _check_attribute(op: Op, a: Attribute, value: object) -> object:
    if value is None:
        if a.required:
            raise errors.Missing(op=op.name, argument=a.name, expected=_choices(a), actual="nothing")
        value = a.default
    if value is None:
        return None
    if a.kind is Paged and isinstance(value, str):
        return _layout_called(op, a, value)
    value = _as_number(a.kind, value)
    if not isinstance(value, a.kind) or (isinstance(value, bool) and a.kind is not bool):
        raise errors.WrongType(op=op.name, argument=a.name, expected=a.kind.__name__, actual=repr(value))
    if a.choices and value not in a.choices and a.kind is not Paged:
        raise errors.NotAChoice(op=op.name, argument=a.name, expected=_choices(a), actual=_name(value))
    if isinstance(value, float) and not abs(value) <= F32.max_finite:
        raise errors.OutOfRange(op=op.name, argument=a.name, expected="a finite float32", actual=value)
    low, high = a.minimum, a.maximum
    if (low is not None and value < low) or (high is not None and value > high):  # type: ignore[operator]
        raise errors.OutOfRange(op=op.name, argument=a.name, expected=_limits(a), actual=value)
    return value


def _limits(a: Attribute) -> str:
    if a.minimum is not None and a.maximum is not None:
        return f"{a.minimum} .. {a.maximum}"
    return f">= {a.minimum}" if a.maximum is None else f"<= {a.maximum}"


def _as_number(kind: type, value: object) -> object:
    """Converts integers for float attributes, and numpy scalars; bool is not a number."""
    if isinstance(value, bool):
        return value
    if kind is float and isinstance(value, Real):
        try:
            return float(value)
        except OverflowError:
            return inf
    return int(value) if kind is int and isinstance(value, Integral) else value


def _layout_called(op: Op, a: Attribute, name: str) -> Paged:
    for choice in a.choices:
        if isinstance(choice, Paged) and choice.name == name:
            return choice
    raise errors.NotAChoice(op=op.name, argument=a.name, expected=_choices(a) + " or a Paged value", actual=repr(name))


def _name(value: object) -> str:
    return value.name if isinstance(value, (ElementFormat, Paged)) else repr(value)


def _bare(value: object) -> object:
    return value.name if isinstance(value, (ElementFormat, Paged)) else value


def _choices(a: Attribute) -> str:
    return ", ".join(_name(choice) for choice in a.choices) or a.kind.__name__


class _Binder:
    def __init__(self, op: Op, attributes: dict[str, object]) -> None:
        self.op, self.attributes, self.forms = op, attributes, op.under(attributes)
        self.sizes: dict[str, int] = {}
        self.owner: dict[str, str] = {}
        self.lead: dict[str, tuple[int, ...]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.formats: dict[str, ElementFormat] = {}
        self.strides: dict[str, tuple[int, ...]] = {}
        self.later: list[tuple[Form, Shape, tuple[int, ...]]] = []

    # -- inputs -------------------------------------------------------------------------------------------------

    def take(self, name: str, info: ArrayInfo | None) -> None:
        """Checks one argument. An empty addend means none: callers that always pass a bias pass an empty one."""
        form = self.forms[name]
        array = form.array
        if info is not None and array.optional and array.role is Role.ADDEND and _is_empty(info):
            info = None
        if info is None:
            if form.shapes and form.required:
                raise errors.Missing(op=self.op.name, argument=name, expected=self.want(form), actual="nothing")
            return
        if not form.shapes:
            why = f"{array.by} = {self.attributes[str(array.by)]!r} does not take it"
            raise errors.Surplus(op=self.op.name, argument=name, expected=why, actual=list(info.shape))
        self.formats[name] = self.check_format(form, info)
        if any(attribute.follows == name for attribute in self.op.attributes):
            self.attributes = followed(self.op, self.attributes, {name: info.format})
            self.forms = self.op.under(self.attributes)
        if isinstance(array.layout, Pages):
            self.take_pages(form, array.layout, info)
            return
        shape = form.reordered(info.shape)
        chosen = self.choose(form, shape)
        self.match(form, chosen, shape)
        self.later.append((form, chosen, shape))
        if info.strides is not None:
            self.strides[name] = info.strides
            given, strides, written = info.shape, info.strides, array.access is not Access.IN
            dense = array.layout
            problem = problem_of(lambda: dense.problem(given, strides, written=written))
            if problem:
                raise errors.WrongStride(op=self.op.name, argument=name, expected=problem, actual=info.strides)
        self.shapes[name] = info.shape

    def take_pages(self, form: Form, pages: Pages, info: ArrayInfo) -> None:
        """Checks a cache: rows of a page from the attribute or the shape, room for them in every page."""
        layout, stated = self.attributes[pages.layout], self.attributes[pages.block_size]
        assert isinstance(layout, Paged)
        assert stated is None or isinstance(stated, int)
        shape, row = info.shape, layout.row_bytes
        expected = f"[pages, {pages.block_size} * {row} bytes or more] or [pages, {pages.block_size}, {row}]"
        if len(shape) not in (2, 3):
            raise errors.WrongRank(op=self.op.name, argument=form.name, expected=expected, actual=list(shape))
        if len(shape) == 2 and stated is None:
            why = f"rows per page, as '{form.name}' is [pages, bytes]"
            raise errors.Missing(op=self.op.name, argument=pages.block_size, expected=why, actual="nothing")
        rows = self.rows_of(pages, layout, shape, stated)
        size = shape[1] * (shape[2] if len(shape) == 3 else 1)
        if rows is None or certainly(lambda: size < layout.page_bytes(rows)):
            known = f" with {pages.block_size} = {stated}" if stated is not None else ""
            raise errors.WrongShape(op=self.op.name, argument=form.name, expected=expected + known, actual=list(shape))
        strides = packed_strides(shape) if info.strides is None else info.strides
        problem = problem_of(lambda: pages.problem(shape, strides, layout.alignment))
        if problem:
            raise errors.WrongStride(op=self.op.name, argument=form.name, expected=problem, actual=strides)
        count, length = form.shapes[0]
        assert isinstance(count, Axis)
        assert isinstance(length, Axis)
        for axis, value in ((pages.rows, rows), (count, shape[0]), (length, size)):
            self.fix(form, axis, value, shape)
        self.shapes[form.name] = shape

    @staticmethod
    def rows_of(pages: Pages, layout: Paged, shape: tuple[int, ...], stated: int | None) -> int | None:
        try:
            return pages.rows_of(layout, shape, stated)
        except Undecided:
            return shape[1] if stated is None else stated

    def check_format(self, form: Form, info: ArrayInfo) -> ElementFormat:
        allowed = self.allowed(form)
        if info.format in allowed:
            return info.format
        if info.format == UINT8 and E8M0 in allowed:
            return E8M0  # scale bytes, by another name
        expected = " or ".join(element.name for element in allowed)
        raise errors.WrongFormat(op=self.op.name, argument=form.name, expected=expected, actual=info.format.name)

    def allowed(self, form: Form) -> tuple[ElementFormat, ...]:
        if not isinstance(form.formats, str):
            return form.formats
        if form.formats in self.formats:
            return (self.formats[form.formats],)
        return self.allowed(self.forms[form.formats])  # where only some arguments are looked at

    def choose(self, form: Form, shape: tuple[int, ...]) -> Shape:
        """Selects the accepted shape by rank, then by dimensions of size 1."""
        fitting = [s for s in form.shapes if _rank_fits(s, len(shape))]
        if not fitting:
            self.fail(errors.WrongRank, form, shape)
        return next((candidate for candidate in fitting if self.agrees(candidate, shape)), fitting[0])

    def agrees(self, candidate: Shape, shape: tuple[int, ...]) -> bool:
        lead, dims, sizes = _split(candidate, shape)
        if lead is not None and lead.axis.name in self.lead and _differ(self.lead[lead.axis.name], sizes[0]):
            return False
        for dim, size in zip(dims, sizes[1], strict=True):
            known = self.known(dim)
            if known is not None and _differ(known, size):
                return False
        return True

    def known(self, dim: Dim) -> int | None:
        expr = as_expr(dim)  # type: ignore[arg-type]
        env = {**self.sizes, **self.attributes, **layout_facts(self.attributes)}
        return expr.evaluate(env) if expr.names() <= set(env) else None

    def match(self, form: Form, shape: Shape, sizes: tuple[int, ...]) -> None:
        rows, dims, (lead, rest) = _split(shape, sizes)
        if rows is not None:
            if _differ(self.lead.setdefault(rows.axis.name, lead), lead):
                self.fail(errors.WrongShape, form, sizes)
            self.fix(form, rows.axis, prod(lead), sizes)
        for dim, size in zip(dims, rest, strict=True):
            if isinstance(dim, Axis):
                self.fix(form, dim, size, sizes)

    def fix(self, form: Form, axis: Axis, size: int, sizes: tuple[int, ...]) -> None:
        known = self.sizes.setdefault(axis.name, size)
        if _differ(known, size):
            self.fail(errors.WrongShape, form, sizes)
        if isinstance(known, SymbolicSize) and isinstance(size, int):
            self.sizes[axis.name] = size
        self.owner.setdefault(axis.name, form.name)
        problem = problem_of(lambda: axis.problem(size))
        if problem:
            actual = f"{axis.name} = {size}"
            raise errors.OutOfRange(op=self.op.name, argument=form.name, expected=problem, actual=actual)

    def fail(self, kind: type[errors.ArgumentError], form: Form, sizes: tuple[int, ...]) -> NoReturn:
        """Refuses sizes, which are in the order of the accepted shapes."""
        passed = form.reordered(sizes)
        actual = f"{[*passed]}{self.other_order(form, passed)}"
        raise kind(op=self.op.name, argument=form.name, expected=self.want(form), actual=actual)

    def other_order(self, form: Form, passed: tuple[int, ...]) -> str:
        """Says where an array would fit with its last two dimensions in the order that the call does not state."""
        order = form.array.order
        if order is None or any(taken.array.order == order for taken, *_ in self.later if taken is not form):
            return ""
        value = "kn" if self.attributes[order] == "nk" else "nk"
        other = self.op.under({**self.attributes, order: value})[form.name]
        if other.swapped == form.swapped:
            return ""
        turned, stated = other.reordered(passed), self.sizes
        self.sizes = {name: size for name, size in stated.items() if self.owner.get(name) != form.name}
        fits = any(_rank_fits(shape, len(turned)) and self.agrees(shape, turned) for shape in other.shapes)
        self.sizes = stated
        return f' (it fits {order}="{value}")' if fits else ""

    def check_shapes(self, partly: bool = False) -> None:
        """Checks the dimensions that are expressions; `partly`: skip axes of unknown size."""
        for form, shape, sizes in self.later:
            _, dims, (_, rest) = _split(shape, sizes)
            for dim, size in zip(dims, rest, strict=True):
                known = self.known(dim)
                if _differ(known, size) and not (partly and known is None):
                    self.fail(errors.WrongShape, form, sizes)

    def solve(self) -> None:
        """Sizes that arrays have only as part of a sum or product, such as columns of two things in one row."""
        for form, shape, sizes in self.later:
            _, dims, (_, rest) = _split(shape, sizes)
            for dim, size in zip(dims, rest, strict=True):
                known = {**self.sizes, **self.attributes}
                found = None if isinstance(dim, (Axis, Rows)) else solved(as_expr(dim), size, known)
                if found is not None:
                    self.fix(form, *found, sizes)

    def finish(self) -> None:
        """Checks the dimensions that are expressions, then the constraints."""
        self.solve()
        self.check_shapes()
        for axis in self.op.axes:
            if axis.value is None:
                self.sizes.setdefault(axis.name, axis.default)
        for axis in self.op.derived_axes:
            assert axis.value is not None
            env = call_env(self.op, self.sizes, self.attributes, self.shapes, self.formats)
            try:
                self.sizes[axis.name] = axis.value.evaluate(env)
            except Undecided:  # sizes the grid, not a result
                continue
        env = call_env(self.op, self.sizes, self.attributes, self.shapes, self.formats)
        for constraint in self.op.constraints:
            if _broken(constraint, env):
                actual = ", ".join(f"{n} = {_bare(env[n])}" for n in sorted(constraint.holds.names()))
                raise errors.ConstraintViolated(
                    op=self.op.name,
                    argument=constraint.argument,
                    expected=constraint.message,
                    actual=actual,
                    told=constraint.told(env),
                )
        self.check_pieces(env)

    def check_pieces(self, env: Mapping[str, object]) -> None:
        """Arrays whose elements a step reads in pieces are contiguous there."""
        for pieces in self.op.pieces:
            problem = problem_of(partial(self.pieces_problem, pieces, env))
            if problem:
                actual = self.strides[pieces.name]
                raise errors.WrongStride(op=self.op.name, argument=pieces.name, expected=problem, actual=actual)

    def pieces_problem(self, pieces: Pieces, env: Mapping[str, object]) -> str | None:
        strides, shape = self.strides.get(pieces.name), self.shapes.get(pieces.name)
        if strides is None or shape is None or 0 in shape:
            return None
        if pieces.when is not None and not pieces.when.names() <= {*env}:
            return None  # it depends on a size that only the run knows, which looks again
        form, dim = self.forms[pieces.name], pieces.dim
        order = form.array.order
        if order is not None and strides[-1] != 1 and strides[-2] == 1:
            # A transposed view is the array that it was made from, in the other order, and is planned as that.
            env = {**env, order: "kn" if self.attributes[order] == "nk" else "nk"}
            strides, shape = swap(strides), swap(shape)
            form = self.op.under(env)[pieces.name]
        if form.swapped:
            dim = {-1: -2, -2: -1}.get(dim, dim)
        if shape[dim] <= 1 or strides[dim] == 1 or (pieces.when is not None and not pieces.when.evaluate(env)):
            return None
        return f"stride 1 in dimension {dim + len(shape)}, whose elements are read in pieces"

    def check_devices(self, arrays: Mapping[str, ArrayInfo | None]) -> None:
        first: tuple[str, object] | None = None
        for array in self.op.inputs:
            info = arrays.get(array.name)
            if info is None:
                continue
            if first is None:
                first = (array.name, info.device)
            elif info.device != first[1]:
                expected = f"{first[1]} (as '{first[0]}')"
                raise errors.WrongDevice(op=self.op.name, argument=array.name, expected=expected, actual=info.device)

    def live_temporaries(self) -> list[Array]:
        """Temporaries that a step of this call writes."""
        env = call_env(self.op, self.sizes, self.attributes, self.shapes, self.formats)
        try:
            steps = self.op.active_steps(env)
        except (Undecided, KeyError):  # of a call that is traced: the one that runs has them
            return []
        written = {s.array_name(a.name) for s in steps for a in s.kernel.arrays if a.access is not Access.IN}
        return [array for array in self.op.temporaries if array.name in written]

    # -- results ------------------------------------------------------------------------------------------------

    def derive(self, form: Form) -> None:
        if not form.shapes:
            return
        sizes: list[int] = []
        for dim in form.shapes[0]:
            if isinstance(dim, Rows):
                sizes += self.lead.get(dim.axis.name, (self.sizes[dim.axis.name],))
            else:
                value = self.known(dim)
                assert value is not None, f"{self.op.name}: size of {form.name} is not determined"
                sizes.append(value)
        self.shapes[form.name] = tuple(sizes)
        self.formats[form.name] = self.allowed(form)[0]

    def want(self, form: Form) -> str:
        """The accepted shapes in symbols, and the sizes known so far."""
        text = " or ".join(shape_text(form.reordered(shape)) for shape in form.shapes)
        names = sorted({name for shape in form.shapes for dim in shape for name in _names(dim)} & set(self.sizes))
        known = ", ".join(f"{name} = {self.sizes[name]} from '{self.owner[name]}'" for name in names)
        return text + (f" with {known}" if known else "")


def _differ(one: object, other: object) -> bool:
    return certainly(lambda: one != other)


def _broken(constraint: Constraint, env: Mapping[str, object]) -> bool:
    return certainly(lambda: not constraint.holds.evaluate(env))


def _is_empty(info: ArrayInfo) -> bool:
    return certainly(lambda: info.shape == (0,))


def _names(dim: Dim) -> frozenset[str]:
    return frozenset((dim.axis.name,)) if isinstance(dim, Rows) else as_expr(dim).names()


def _rank_fits(shape: Shape, rank: int) -> bool:
    return rank >= len(shape) - 1 if shape and isinstance(shape[0], Rows) else rank == len(shape)


def _split(shape: Shape, sizes: tuple[int, ...]) -> tuple[Rows | None, Shape, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The leading `Rows` with its sizes, and the other dimensions with theirs."""
    if shape and isinstance(shape[0], Rows):
        rest = len(shape) - 1
        return shape[0], shape[1:], (sizes[: len(sizes) - rest], sizes[len(sizes) - rest :])
    return None, shape, ((), sizes)


__all__ = ["Access", "ArrayInfo", "Call", "bind", "check_attributes"]
