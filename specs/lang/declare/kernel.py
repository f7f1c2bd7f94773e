"""Declarations: arrays, attributes, tunables, constraints, kernels.

A `Kernel` is one launch: what its arguments are, the grid, and the tile program that one grid point runs. Everything
else (checks, signatures, output shapes, both sources) is derived from these values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Union

from specs.lang.declare.axes import Axis, Expr, ExprLike
from specs.lang.declare.check import check_kernel
from specs.lang.declare.layouts import Dense, Layout
from specs.lang.declare.terms import Access, Dim, Rows, Shape, choice_name, sizes_of, variant_name
from specs.lang.declare.where import declared_at
from specs.lang.errors import SpecError
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

__all__ = [
    "Access", "Array", "Attribute", "Body", "Config", "Constraint", "Dim", "FormatSource", "Kernel", "Role", "Rows",
    "Shape", "Tunable", "choice_name", "variant_name",
]  # fmt: skip


class Role(Enum):
    """What the elements of an array are: selects generated test inputs, never affects the kernel."""

    DATA = "data"
    SCALE = "positive scales"
    ZERO_POINT = "packed zero points"
    OFFSET = "zero points, one integer each"
    PERMUTATION = "a permutation of the axis"
    CODES = "arbitrary codes"
    ADDEND = "addend"
    INDEX = "indices, lengths, slots or bools, which the operation's sampler supplies"


FormatSource = Union[tuple[ElementFormat, ...], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """An argument, a result, or an array that lives between two steps."""

    name: str
    """Name of the argument or result."""
    doc: str
    """What it contains."""
    shapes: tuple[Shape, ...] = ()
    """Accepted shapes, the first is the one kernels see; others differ from it by dimensions of size 1 only: by further
    ones, or by lacking the first ones. "..M" is any number of dimensions that multiply to M.
    """
    by: str | None = None
    """Choice attribute that the shape depends on."""
    shapes_by: tuple[tuple[str, tuple[Shape, ...]], ...] = ()
    """(choice, accepted shapes) for every choice of `by`; no shapes where the array is not taken. Layouts are named by
    their codes (`Paged.codes`).
    """
    formats: FormatSource
    """Accepted element formats, or the name of the array or format attribute whose format it has."""
    access: Access = Access.IN
    """Who writes it; in-place arrays are mutated in torch, and donated and returned in JAX."""
    optional: bool = False
    """Whether it may be left out."""
    required_for: tuple[str, ...] = ()
    """Choices of `by` for which it may not be left out."""
    order: str | None = None
    """Attribute that, at "nk", says that the last two dimensions are passed swapped."""
    order_for: tuple[str, ...] = ()
    """Choices of `by` to which `order` applies; empty for all."""
    layout: Layout = Dense()
    """What its strides may be."""
    role: Role = Role.DATA
    """What its elements are: selects generated test inputs, never affects the kernel."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""

    @property
    def always(self) -> bool:
        """Whether the array exists under every choice."""
        return not self.optional and (self.by is None or all(shapes for _, shapes in self.shapes_by))

    def names_of_sizes(self) -> frozenset[str]:
        """Names that any of its shapes reads."""
        shapes = (*self.shapes, *(shape for _, shapes in self.shapes_by for shape in shapes))
        return frozenset().union(*map(sizes_of, shapes))

    def under(self, attributes: Mapping[str, object]) -> Form:
        """The array's form under these attribute values."""
        choice = None if self.by is None else attributes[self.by]
        # A caller's own layout may have codes that no choice has, and then takes no array that depends on them.
        shapes = self.shapes if self.by is None else dict(self.shapes_by).get(variant_name(choice), ())
        decided = attributes.get(self.formats) if isinstance(self.formats, str) else None
        transposed = self.order is not None and attributes[self.order] == "nk"
        return Form(
            array=self,
            shapes=shapes,
            formats=(decided,) if isinstance(decided, ElementFormat) else self.formats,
            required=not self.optional or (self.by is not None and variant_name(choice) in self.required_for),
            swapped=transposed and (not self.order_for or variant_name(choice) in self.order_for),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An array under given values of the attributes."""

    array: Array
    shapes: tuple[Shape, ...]
    """Accepted shapes, the first is the one that kernels see; empty where the array is not taken."""
    formats: FormatSource
    """Accepted element formats, or the name of the array (or of the attribute, which has no value) that decides."""
    required: bool
    """Whether a call has to pass it."""
    swapped: bool
    """Whether the last two dimensions are passed in the other order than `shapes` states."""

    @property
    def name(self) -> str:
        """The array's name."""
        return self.array.name

    def reordered(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Sizes, strides or symbols as they are passed, in the order of `shapes`; or the other way round."""
        return swap(values) if self.swapped else values


def swap(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The last two entries exchanged, where there are two."""
    return (*values[:-2], values[-1], values[-2]) if len(values) >= 2 else values


class Forms:
    """Forms of all arrays of a kernel or an operation, kept by the values of the attributes that decide about them."""

    __slots__ = ("_arrays", "_deciding", "_kept")

    def __init__(self, arrays: tuple[Array, ...]) -> None:
        self._arrays = arrays
        named = (name for a in arrays for name in (a.by, a.order, a.formats) if isinstance(name, str))
        self._deciding = tuple(dict.fromkeys(named))
        self._kept: dict[tuple[object, ...], Mapping[str, Form]] = {}

    def under(self, attributes: Mapping[str, object]) -> Mapping[str, Form]:
        """The form of every array, by name."""
        values = (attributes.get(name) for name in self._deciding)
        key = tuple(value.codes if isinstance(value, Paged) else value for value in values)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = {array.name: array.under(attributes) for array in self._arrays}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A keyword that is not an array: a choice, a number, a bool, an element format or a paged layout."""

    name: str
    """Name of the keyword."""
    kind: type
    """Type of its values."""
    doc: str
    """What it decides."""
    default: object = None
    """Value when it is not given."""
    required: bool = False
    """Whether a call has to give it."""
    choices: tuple[object, ...] = ()
    """Values accepted, empty for any; layouts in it may be passed by name, any other as a value."""
    minimum: float | None = None
    """Smallest value accepted."""
    maximum: float | None = None
    """Largest value accepted."""
    dynamic: bool = False
    """Whether it is an integer passed at run time, like a size; programs are not specialised on it."""
    follows: str | None = None
    """Argument whose format is the default of an element-format attribute."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """A compile-time integer of the tile program (tile size, num_warps) that does not change results' meaning."""

    name: str
    """Name in expressions and in the tile program."""
    values: tuple[int, ...]
    """Values that may be tried."""
    doc: str = ""
    """What it sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Values of all tunables for a target. Of those whose condition holds, the first is taken."""

    target: str
    """Kind of device ("cuda"), or one backend on it ("cuda.pallas"), whose rows take precedence."""
    values: tuple[tuple[str, int], ...]
    """Value per tunable."""
    when: Expr | None = None
    """Condition; None always holds."""
    table: str = ""
    """Row in the target's table (`specs.tuned`): the kernel, or what kernels share; empty where the values are written
    in the spec.
    """
    name: str = ""
    """Class of calls of the row in the target's table."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A condition on a call beyond shapes and formats."""

    argument: str
    """Argument that an error names."""
    holds: Expr
    """Expression over axes, attributes and facts about arguments that has to be true."""
    message: str
    """What it asks for, in words."""
    failure: str = ""
    """What a refused call reads in place of `message`: a template over the values, such as "q has {D} columns"."""

    def told(self, values: Mapping[str, object]) -> str | None:
        """`failure` with the values of a call."""
        if not self.failure:
            return None
        return self.failure.format_map({name: choice_name(value) for name, value in values.items()})


Body = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One launch."""

    name: str
    """Name of the generated function."""
    version: int = 1
    """Counts changes of meaning."""
    doc: str
    """What it computes."""
    axes: tuple[Axis, ...]
    """Sizes it reads."""
    arrays: tuple[Array, ...]
    """Arrays it reads and writes."""
    attributes: tuple[Attribute, ...] = ()
    """Values that specialise it."""
    tunables: tuple[Tunable, ...] = ()
    """Tile sizes and launch parameters."""
    configs: tuple[Config, ...] = ()
    """Defaults of the tunables, in the order in which they are tried."""
    static_conditions: tuple[tuple[str, Expr], ...] = ()
    """Compile-time booleans over sizes (read in the body as `p.NAME`), such as even_m = M % BLOCK_M == 0, with which a
    mask is left out.
    """
    grid: tuple[ExprLike, ...]
    """Sizes of the launch grid, over axes, attributes and tunables."""
    body: Body
    """The tile program, a function of the parameters."""
    where: str | None = field(default_factory=declared_at, init=False, repr=False, compare=False)
    """`file:line` of the declaration."""
    _forms: Forms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_kernel(self)
        object.__setattr__(self, "_forms", Forms(self.arrays))

    def under(self, attributes: Mapping[str, object]) -> Mapping[str, Form]:
        """The form of every array under these values of the attributes, by name."""
        return self._forms.under(attributes)

    def array(self, name: str) -> Array:
        """The array called `name`."""
        return next(array for array in self.arrays if array.name == name)

    def config(self, target: str, env: Mapping[str, object]) -> Config:
        """The first matching configuration of `target` under these sizes and attributes.

        Raises:
            SpecError: there is none.
        """
        for name in dict.fromkeys((target, target.partition(".")[0])):
            for config in self.configs:
                if config.target == name and (config.when is None or config.when.evaluate(env)):
                    return config
        known = ", ".join(dict.fromkeys(config.target for config in self.configs)) or "none"
        message = f"{self.name}: no configuration for {target}"
        raise SpecError(message, where=self.where, hint=f"there are rows for {known}")
