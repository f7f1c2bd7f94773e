"""Public operations: a sequence of kernels with named temporaries, an oracle and accuracy contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, takewhile
from typing import Annotated, Any, Literal, cast

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, ExprLike, as_expr
from specs.lang.declare.check import check_op, check_step
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Form, Forms, Kernel, Shape
from specs.lang.declare.nested import expand
from specs.lang.declare.terms import substituted
from specs.lang.declare.where import declared_at
from specs.lang.formats.elements import ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One result of an oracle, float64.

    value: the exact result (for coded results: the raw codes as integers).
    magnitude: sum of the absolute values that were added up, per element; None for results without rounding of sums.
    unwritten: elements that a call leaves as they were allocated, bool; None where it writes all of them.
    """

    value: np.ndarray[Any, Any]
    magnitude: np.ndarray[Any, Any] | None = None
    unwritten: np.ndarray[Any, Any] | None = None


Oracle = Callable[[Mapping[str, Any]], dict[str, Reference]]
DataKind = Literal["exact", "random"]
"""Kind of generated inputs: "exact" makes every sum exact, "random" is any valid data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The arguments of a sampler (see `Op.sample`): sizes, attributes, shapes and formats of a call.

    rng: for this call's sampler alone; the same seed gives the same numbers.
    sizes: sizes of the axes as the case states them.
    attributes: values of all attributes, defaults filled in.
    shapes, formats: shapes (leading dimensions kept) and element formats of the arrays that are passed.
    """

    rng: np.random.Generator
    sizes: Mapping[str, int]
    attributes: Mapping[str, object]
    shapes: Mapping[str, tuple[int, ...]]
    formats: Mapping[str, ElementFormat]
    kind: DataKind


Sampler = Callable[[Sample], Mapping[str, np.ndarray[Any, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A named set of sizes and attributes that tests, benchmarks and the parity tool share."""

    name: str
    """Name within the operation."""
    sizes: tuple[tuple[str, Annotated[int, ("minimum", 0)]], ...]
    """Size of every axis."""
    attributes: tuple[tuple[str, object], ...] = ()
    """Attributes that are not at their default."""
    absent: tuple[str, ...] = ()
    """Optional arrays that are left out."""
    formats: tuple[tuple[str, object], ...] = ()
    """Element formats of arrays that are not the first accepted one."""
    lead: tuple[int, ...] | None = None
    """Leading dimensions in place of the row axis."""
    large: bool = False
    """Whether it is too big for interpreters, and runs on GPUs only."""
    golden: bool = False
    """Decode or prefill of a real model, whose generated sources are checked in; at most one case of an operation."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""


_NO_KERNEL = cast("Kernel", None)  # of a step that names an operation: there is none of those where steps are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One kernel of an operation, or another operation, whose steps take its place when the operation is made.

    Exactly one of kernel and op; in `Op.steps` of an operation that is made only kernels are left. What is said of the
    kernel is said of op as well: its optional arguments that the operation has no array for are left out, attributes
    that it lacks have their defaults, and temporaries may be listed among the arrays.

    A kernel's input may have a narrower format than the operation's array (bytes of words): the same memory, with more
    elements in the dimension whose size the kernel declares differently, which has to be the contiguous one.
    """

    kernel: Kernel = _NO_KERNEL
    """What is launched."""
    op: Op | None = None
    """Operation whose steps take its place when the operation is made; none is left in `Op.steps`."""
    arrays: tuple[tuple[str, str], ...] = ()
    """The kernel's name of an array and the operation's, where the two differ."""
    attributes: tuple[tuple[str, object], ...] = ()
    """Values of the kernel's attributes, or expressions over the operation's, where they are not the operation's of
    that name.
    """
    sizes: tuple[tuple[str, ExprLike], ...] = ()
    """The kernel's sizes as expressions over the operation's, where they are not the operation's of that name."""
    prefix: str | None = None
    """Of the names of temporaries of `op`, "NAME_" unless stated."""
    when: Expr | None = None
    """Condition under which the step runs, None for always."""
    repeat: Expr | None = None
    """How often the step runs, None for once. Neighbouring steps with the same number take turns: parts of a call that
    share temporaries.
    """
    advance: tuple[str, Expr] | None = None
    """A dynamic attribute of the kernel (or of op), and its increment per repetition."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""

    def __post_init__(self) -> None:
        check_step(self)

    def sizes_under(self, env: Mapping[str, object]) -> dict[str, int]:
        """Values of the names in `sizes` in a call, without facts about arguments that are not passed."""
        sizes = ((name, as_expr(size)) for name, size in self.sizes)
        return {name: size.evaluate(env) for name, size in sizes if size.names() <= env.keys()}

    def outer_shape(self, shape: Shape) -> Shape:
        """A shape of the kernel over the sizes of the operation."""
        return substituted(shape, {name: as_expr(size) for name, size in self.sizes}) if self.sizes else shape

    def array_name(self, name: str) -> str:
        """The operation's name for the kernel's array."""
        return dict(self.arrays).get(name, name)

    def at(self, time: int, env: Mapping[str, object]) -> Step:
        """The step of repetition `time`, counted from 0."""
        if self.advance is None:
            return self
        name, by = self.advance
        return replace(self, attributes=(*self.attributes, (name, time * by.evaluate(env))), repeat=None, advance=None)


@dataclass(frozen=True, slots=True)
class Independent:
    """An axis along which calls are independent, like a batch axis: index i of a result depends only on index i of the
    arguments, and on arguments without the axis. Devices may partition it, and JAX's vmap may extend it.

    when: condition on the call under which that is so (None = always).
    along: axes that go with it where they are as long, or a multiple: index i has elements [i r, (i + 1) r) of an axis
        that is r times as long, as a key head has query heads. vmap does not extend such an axis.
    """

    axis: Axis
    when: Expr | None = None
    along: tuple[Axis, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkProduct:
    """How a GEMM runs on the framework's own matmul over a dequantised weight (see `specs.gemm.dequant`).

    weight, activations: from an array namespace and what a call passes, the dequantised operands.
    constant: arguments of which the dequantised weight is made, in the order of the signature; a caller who keeps the
        weight passes the others.
    """

    weight: Callable[..., Any]
    activations: Callable[..., Any]
    constant: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A public operation."""

    name: str
    """Public name in both frameworks."""
    version: int = 1
    """Counts changes of meaning."""
    doc: str
    """What it computes, in one sentence."""
    definition: str = ""
    """The same as formulas (indented) and text."""
    source: str = ""
    """Paper or specification that defines it."""
    axes: tuple[Axis, ...]
    """Sizes."""
    arrays: tuple[Array, ...]
    """Arguments in the order of the signature, then results."""
    attributes: tuple[Attribute, ...] = ()
    """Keyword arguments in the order of the signature."""
    constraints: tuple[Constraint, ...] = ()
    """Conditions on a call beyond shapes and formats."""
    temporaries: tuple[Array, ...] = ()
    """Arrays that live between steps."""
    steps: tuple[Step, ...]
    """Kernels in the order in which they run."""
    oracle: Oracle
    """Float64 results from named numpy inputs (codes as raw integers) and attributes."""
    accuracy: tuple[tuple[str, Accuracy], ...]
    """Per result, how close an implementation comes."""
    cases: tuple[Case, ...] = ()
    """Named cases."""
    independent: tuple[Independent, ...] = ()
    """Axes along which a call is many calls, with the condition under which it is; devices may partition them."""
    family: str = ""
    """Group in the documentation."""
    sample: Sampler | None = None
    """Test inputs that follow from no role, such as indices, lengths and the bytes of caches, by argument. Arrays hold
    numbers (or, in the format's own storage type, codes) and have the size of the argument; what an optional index
    argument holds does not depend on whether another is passed. Arguments that it does not name are drawn by their
    roles, and names of arguments that are not passed are ignored.
    """
    framework_product: FrameworkProduct | None = None
    """For GEMMs, the operands of the framework's own matmul."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""
    _forms: Forms = field(init=False, repr=False, compare=False)
    _index: dict[str, Array] = field(default_factory=dict, init=False, repr=False, compare=False, hash=False)
    _pieces: list[Pieces] = field(default_factory=list, init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        if any(step.op is not None for step in self.steps):
            for name, value in expand(self).fields():
                object.__setattr__(self, name, value)
        check_op(self)
        object.__setattr__(self, "_forms", Forms((*self.arrays, *self.temporaries)))
        self._index.update({array.name: array for array in (*self.arrays, *self.temporaries)})
        self._pieces.extend(_pieces(self))

    def under(self, attributes: Mapping[str, object]) -> Mapping[str, Form]:
        """The form of every argument, result and temporary under these values of the attributes, by name."""
        return self._forms.under(attributes)

    @property
    def pieces(self) -> Sequence[Pieces]:
        """Arguments that a step reads in a narrower format, as bytes of words."""
        return self._pieces

    @property
    def inputs(self) -> tuple[Array, ...]:
        """Arguments in signature order."""
        return tuple(array for array in self.arrays if array.access is not Access.OUT)

    @property
    def outputs(self) -> tuple[Array, ...]:
        """Results in order: fresh arrays, in-place arguments not counted."""
        return tuple(array for array in self.arrays if array.access is Access.OUT)

    @property
    def mutated(self) -> tuple[Array, ...]:
        """Arguments written in place (torch) or donated and returned (JAX)."""
        return tuple(array for array in self.arrays if array.access is Access.INOUT)

    @property
    def derived_axes(self) -> tuple[Axis, ...]:
        """Sizes that kernels use and no array has: derived from `axes`."""
        axes = ((axis, step) for step in self.steps for axis in step.kernel.axes)
        found = {axis.name: axis for axis, step in axes if axis.value is not None and axis.name not in dict(step.sizes)}
        return tuple(found.values())

    def active_steps(self, env: Mapping[str, object]) -> list[Step]:
        """The steps that a call with these sizes and attributes takes, in order, as often as each is taken."""
        return [step for _, step in self.schedule(env)]

    def schedule(self, env: Mapping[str, object]) -> list[tuple[int, Step]]:
        """The active steps, each with its position in `steps`."""
        found: list[tuple[int, Step]] = []
        for repeat, group in groupby(enumerate(self.steps), key=lambda numbered: numbered[1].repeat):
            taken = [(index, step) for index, step in group if step.when is None or step.when.evaluate(env)]
            times = 1 if repeat is None else repeat.evaluate(env)
            found += [(index, step.at(time, env)) for time in range(times) for index, step in taken]
        return found

    def array(self, name: str) -> Array:
        """The argument, result or temporary called `name`."""
        return self._index[name]

    def attribute(self, name: str) -> Attribute:
        """The attribute called `name`."""
        return next(a for a in self.attributes if a.name == name)

    def accuracy_of(self, name: str) -> Accuracy:
        """The accuracy contract of a result."""
        return dict(self.accuracy)[name]

    def case(self, name: str) -> Case:
        """The case called `name`."""
        return next(case for case in self.cases if case.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """An argument that a kernel reads in a narrower format: its dimension `dim` (from the end) has to be contiguous."""

    name: str
    dim: int
    when: Expr | None


def _pieces(op: Op) -> Iterator[Pieces]:
    arguments = {array.name: array for array in op.inputs}
    for step in op.steps:
        for array in step.kernel.arrays:
            name = step.array_name(array.name)
            given = arguments.get(name)
            if given is None or isinstance(array.formats, str) or len(array.formats) != 1:
                continue
            if isinstance(given.formats, str) or not given.shapes or not array.shapes:
                continue
            if all(array.formats[0].storage_bits < form.storage_bits for form in given.formats):
                pairs = zip(step.outer_shape(array.shapes[0]), given.shapes[0], strict=True)
                dim = next(d for d, (narrow, wide) in enumerate(pairs) if narrow != wide)
                yield Pieces(name=name, dim=dim - len(given.shapes[0]), when=step.when)


def definition_of(doc: str | None) -> str:
    """What the docstring of a module with one operation says after its first paragraph, up to source and accuracy."""
    paragraphs = (doc or "").strip().split("\n\n")[1:]
    return "\n\n".join(takewhile(lambda text: not text.startswith(("Source:", "Accuracy.")), paragraphs))


def single(kernel: Kernel, **fields: Any) -> Op:
    """An operation of one kernel that shares its axes, arrays and attributes."""
    defaults: dict[str, Any] = {
        "name": kernel.name,
        "doc": kernel.doc,
        "axes": kernel.axes,
        "arrays": kernel.arrays,
        "attributes": kernel.attributes,
        "steps": (Step(kernel=kernel),),
    }
    return Op(**(defaults | fields))
