"""The JSON form of an operation: everything its spec declares, as plain values, and hashes that identify it.

    sizes, conditions   Python expressions over axes and attributes, with cdiv, min and max; `has_NAME` is
                        whether an optional argument was passed; "..M" are dimensions that multiply to M
    formats             names in arrays and attributes, their rules once in "formats"
    layouts             names of cache layouts in attributes, byte offsets of their fields once in "layouts";
                        expressions know NAME_width and NAME_values, columns of a row under the attribute NAME,
                        and NAME_data and NAME_share, its bytes among the rows and at the end of the page;
                        NAME_codes, names of the formats of its fields, NAME_scales and NAME_scale, the number of
                        its scales and their format, NAME_unit, of how many columns (bytes of packed ones) its
                        fields are multiples, and NAME_even, whether a row can be cut into the groups of
                        every field
    program             sha256 of the tile IR of every case, without the author's names and line numbers
    content_hash        sha256 of the rest of this form, keys sorted, without white space

Equal specs give equal text in every process. `docs/spec.schema.json` is the schema and describes every field.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr
from specs.lang.declare.kernel import Array, Attribute, Config, Kernel
from specs.lang.declare.layouts import Dense, Pages
from specs.lang.declare.members import derived, encode, left_out, members, properties
from specs.lang.declare.op import Op, Step
from specs.lang.declare.terms import Shape
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.packing import Packing
from specs.lang.formats.paged import Paged, Place
from specs.tile.launch.cases import case_launches
from specs.tile.passes.canonical import canonical

SCHEMA_VERSION = 5
BOUND_SYMBOLS = (
    "u_out: unit roundoff of the result's format; eta_out: half its smallest subnormal; u_acc, t_acc: roundoff and "
    "truncation of the accumulator; sum|terms|: sum of the absolute values that were added up"
)
_CONFIG = "cuda"  # configurations under which programs are traced for their hash
_Sha256 = Annotated[str, ("pattern", "^[0-9a-f]{64}$")]
Json = dict[str, Any]


@cache
def content_hash(op: Op) -> str:
    """sha256 of the operation's JSON form."""
    text = json.dumps(_body(op), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_dict(op: Op) -> Json:
    """The JSON form of an operation."""
    return {**_body(op), "content_hash": content_hash(op)}


def to_json(op: Op) -> str:
    """The JSON form as text that ends with a newline."""
    return json.dumps(to_dict(op), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _body(op: Op) -> Json:
    return {m.name: encode(m.read(op), m.type) for m in members(Op) if m.name != content_hash.__name__}


# Arrays.

left_out(Array, "by", "order", "order_for")


@dataclass(frozen=True, slots=True)
class ShapesBy:
    """Shapes that depend on a choice."""

    attribute: str
    """Attribute that decides."""
    choices: tuple[tuple[str, tuple[Shape, ...]], ...]
    """Accepted shapes of every choice; none where the array is not taken."""


@dataclass(frozen=True, slots=True)
class SwappedBy:
    """An attribute that says in which order the last two dimensions are passed."""

    attribute: str
    """At "nk" they are swapped."""
    only_for: tuple[str, ...]
    """Choices (of the attribute in shapes_by) to which that applies; empty for all."""


@derived
def shapes_by(array: Array) -> ShapesBy | None:
    """In place of shapes, when they depend on a choice."""
    return None if array.by is None else ShapesBy(array.by, array.shapes_by)


@derived
def formats(array: Array) -> tuple[ElementFormat, ...]:
    """Accepted element formats."""
    return array.formats if isinstance(array.formats, tuple) else ()


@derived
def format_of(array: Array) -> str | None:
    """In place of formats: the array or attribute whose format this one has."""
    return array.formats if isinstance(array.formats, str) else None


@derived
def swapped_by(array: Array) -> SwappedBy | None:
    """How the order of the last two dimensions is chosen."""
    return None if array.order is None else SwappedBy(array.order, array.order_for)


@derived
def kind(_: Dense) -> Literal["dense"]:
    """Which layout."""
    return "dense"


@derived
def _kind(_: Pages) -> Literal["pages"]:
    """Which layout."""
    return "pages"


@derived
def rows(pages: Pages) -> str:
    """Axis: rows of a page."""
    return pages.rows.name


# Attributes, kernels and steps.

left_out(Config, "target", "table", "name")
left_out(Step, "op", "prefix")


@derived
def kind_(attribute: Attribute) -> Literal["int", "float", "bool", "str", "format", "layout"]:
    """Type of its value; "format" is an element format, given by name or as the framework's dtype, "layout" a cache
    layout, given by name or as a custom declaration.
    """
    names: Any = {ElementFormat: "format", Paged: "layout", int: "int", float: "float", bool: "bool", str: "str"}
    return names[attribute.kind]  # type: ignore[no-any-return]


@derived
def body(kernel: Kernel) -> str:
    """Python function that is the tile program, with its module."""
    return f"{kernel.body.__module__}.{kernel.body.__qualname__}"


@derived
def configs(kernel: Kernel) -> dict[str, tuple[Config, ...]]:
    """Defaults of the tunables per target, in the order in which they are tried."""
    targets = dict.fromkeys(config.target for config in kernel.configs)
    return {target: tuple(c for c in kernel.configs if c.target == target) for target in targets}


@dataclass(frozen=True, slots=True)
class Setting:
    """Value of a kernel's attribute in one step: exactly one of the two."""

    expression: Expr | None
    """Expression over the operation's attributes."""
    value: object
    """Fixed value."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The tile programs that a step runs in the cases of the operation."""

    specialisations: int
    """Different programs among all cases."""
    sha256: _Sha256
    """Hash of their IR, without names and line numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedStep(Step):
    """One kernel of the operation, in order."""

    program: Programs
    """What the step runs."""


@derived
def _kernel(step: TracedStep) -> str:
    """Name of the kernel."""
    return step.kernel.name


@derived
def attributes(step: TracedStep) -> dict[str, Setting]:
    """Attributes of the kernel that are not the operation's own of that name."""
    given = step.attributes
    return {n: Setting(v, None) if isinstance(v, Expr) else Setting(None, v) for n, v in given}


@derived
def advance(step: TracedStep) -> dict[str, Expr]:
    """Attributes of the kernel that grow from one time to the next, and by how much."""
    return {} if step.advance is None else dict([step.advance])


@derived
def steps(op: Op) -> tuple[TracedStep, ...]:
    """Kernels in the order in which they run."""
    texts: list[dict[str, None]] = [{} for _ in op.steps]
    for case in op.cases:
        for found in case_launches(op, case, _CONFIG, strided=True):
            texts[found.index][canonical(found.program)] = None
    hashed = [Programs(len(text), hashlib.sha256("".join(text).encode()).hexdigest()) for text in texts]
    own = [{f.name: getattr(step, f.name) for f in fields(step) if f.init} for step in op.steps]
    return tuple(TracedStep(**step, program=program) for step, program in zip(own, hashed, strict=True))


# Operations.

left_out(Op, "oracle", "sample", "framework_product")


@derived
def schema_version(_: Op) -> Annotated[int, ("const", SCHEMA_VERSION)]:
    """Version of this form."""
    return SCHEMA_VERSION


@derived
def kernels(op: Op) -> tuple[Kernel, ...]:
    """Every kernel that a step names."""
    return tuple({step.kernel.name: step.kernel for step in op.steps}.values())


@derived
def independent(op: Op) -> dict[str, Expr | None]:
    """Axes along which a call is many calls, with the condition under which it is; devices may partition them."""
    return {i.axis.name: i.when for i in op.independent}


@dataclass(frozen=True, slots=True)
class Contract:
    """How close an implementation comes to the float64 oracle."""

    result: str
    """Result that the contract is about."""
    exact: bool
    """Whether the bytes are the oracle's."""
    terms: Expr | None
    """Number of terms in a sum; null for exact results."""
    extra: Annotated[int, ("minimum", 0)] | None
    """Rounded operations on a term besides the additions; null for exact results."""
    exact_for_exact_sums: bool
    """Whether the bytes are the oracle's where every sum is exact."""
    bound: Annotated[str, ("description", f"{BOUND_SYMBOLS}.")]
    """The bound, elementwise."""


@derived
def accuracy(op: Op) -> tuple[Contract, ...]:
    """One contract per result."""
    return tuple(_contract(name, contract) for name, contract in op.accuracy)


def _contract(name: str, c: Accuracy) -> Contract:
    terms, extra = (None, None) if c.exact else (c.terms, c.extra)
    return Contract(name, c.exact, terms, extra, c.same_bytes(True), c.formula())


@derived
def layouts(op: Op) -> dict[str, Paged]:
    """Every cache layout that is named anywhere in this form."""
    return dict(sorted((value.name, value) for value in _named(op) if isinstance(value, Paged)))


@derived
def formats_(op: Op) -> dict[str, ElementFormat]:
    """Every element format that is named anywhere in this form."""
    found = _named(op)
    blocks = [field.format for value in found if isinstance(value, Paged) for field in value.fields]
    found += [form for block in blocks for form in (block.element, block.scale)]
    forms = {form.name: form for form in found if isinstance(form, ElementFormat)}
    return {name: forms[name] for name in sorted(forms)}


@derived
def content_hash_(op: Op) -> _Sha256:
    """Hash of everything else in this form."""
    return content_hash(op)


def _named(op: Op) -> list[object]:
    """Every value that the operation names: formats of arrays, values of attributes."""
    owners: tuple[Op | Kernel, ...] = (op, *kernels(op))
    arrays = [*op.temporaries, *(array for owner in owners for array in owner.arrays)]
    given = [attribute for owner in owners for attribute in owner.attributes]
    found: list[object] = []
    found += [form for array in arrays if isinstance(array.formats, tuple) for form in array.formats]
    found += [value for a in given for value in (a.default, *a.choices)]
    found += [value for step in op.steps for _, value in step.attributes]
    found += [value for case in op.cases for _, value in (*case.attributes, *case.formats)]
    return found


# Formats and layouts.

left_out(Paged, "name", "scale_bytes", "values")
properties(Paged, "width", "value_width", "row_stride", "share", "row_bytes")
left_out(Place, "field")
left_out(BlockFormat, "block", "ragged", "zero_point", "tensor_scale", "source")
left_out(Packing, "axis")
left_out(ElementFormat, "name")
properties(ElementFormat, "storage_bits", "max_finite")


@derived
def fields_(layout: Paged) -> tuple[Place, ...]:
    """Fields in order. A value is code times scale, rounded to bfloat16 where used."""
    return layout.places


@derived
def count(place: Place) -> int:
    """Number of columns."""
    return place.field.count


@derived
def code_bytes(place: Place) -> int:
    """Bytes of the codes."""
    return place.field.code_bytes


@derived
def scale_byte(place: Place) -> int | None:
    """First byte of the scales, in the row or in its share of the page's end; null without scales."""
    return None if place.field.format.scale is None else place.scale_byte


@derived
def scale_bytes(place: Place) -> int:
    """Bytes of the scales."""
    return place.field.scale_bytes


@derived
def format_(place: Place) -> BlockFormat:
    """Format of codes and scales."""
    return place.field.format


@derived
def group(block: BlockFormat) -> int | None:
    """Columns that one scale covers; null without scales."""
    return block.block[1]


@derived
def rule(block: BlockFormat) -> ScaleRule | None:
    """How a scale follows from its group; null without scales."""
    return None if block.scale is None else block.rule


@derived
def amax_floor(block: BlockFormat) -> float | None:
    """Smallest magnitude that a group is scaled for; null without scales."""
    return None if block.scale is None else block.amax_floor


@derived
def rounding(_: ElementFormat) -> str:
    """How values between two codes are rounded."""
    return "nearest, ties to even"


@derived
def min_normal(form: ElementFormat) -> float | None:
    """Smallest positive normal number; null for integers."""
    return form.min_normal if form.is_float else None


@derived
def min_subnormal(form: ElementFormat) -> float | None:
    """Smallest positive number; null for integers."""
    return form.min_subnormal if form.is_float else None
