"""The JSON form of an operation (`specs.export`) as types, from which docs/spec.schema.json is made.

Each class is an object of the form, each field a property, and the text under a field its description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core.core_schema import CoreSchema, literal_schema

from specs.export import BOUND_SYMBOLS, SCHEMA_VERSION, to_dict
from specs.lang.declare.kernel import Access, Role
from specs.lang.declare.layouts import Inner
from specs.lang.declare.op import Op
from specs.lang.formats.blocks import ScaleRule
from specs.lang.formats.elements import Kind, NanRule, Overflow
from specs.lang.formats.packing import Order
from specs.lang.formats.paged import ScalePlace

Schema = dict[str, Any]
SCHEMA_FILE = "docs/spec.schema.json"
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Value = int | float | bool | str | None
_Count = Annotated[int, Field(ge=0)]


class _OneOf:
    """Metadata of a value that is one of a few, with what each of them means as its description."""

    def __init__(self, meanings: Mapping[str, str] | Mapping[int, str]) -> None:
        self.meanings = meanings

    @classmethod
    def names(cls, kind: type[Enum]) -> _OneOf:
        """The names of an enumeration in lower case."""
        return cls({member.name.lower(): str(member.value) for member in kind})

    @classmethod
    def values(cls, kind: type[Enum]) -> _OneOf:
        """The values of an enumeration."""
        return cls({member.value: member.value for member in kind})

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return literal_schema(list(self.meanings))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        told = [f"{name}: {text}" for name, text in self.meanings.items() if text not in ("", name)]
        return {**handler(core), **({"description": "; ".join(told)} if told else {})}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)


class AxisModel(_Model):
    """A symbolic size."""

    name: str
    """Name in expressions."""
    doc: str
    """What it counts."""
    static: bool
    """Whether it specialises the generated code; if not, it is an argument (Triton) or a shape (JAX)."""
    minimum: int
    """Smallest size accepted."""
    maximum: int | None
    """Largest size accepted, null for no limit."""
    multiple_of: int
    """What divides every size accepted."""
    value: str | None
    """What the size follows from, null where the arrays passed state it."""
    default: int
    """Size where no array that is passed states it."""


class ShapesBy(_Model):
    """Shapes that depend on a choice."""

    attribute: str
    """Attribute that decides."""
    choices: dict[str, list[list[str]]]
    """Accepted shapes of every choice; none where the array is not taken."""


class SwappedBy(_Model):
    """An attribute that says in which order the last two dimensions are passed."""

    attribute: str
    """At "nk" they are swapped."""
    only_for: list[str]
    """Choices (of the attribute in shapes_by) to which that applies; empty for all."""


class DenseLayout(_Model):
    """A strided array."""

    kind: Literal["dense"]
    """Which layout."""
    inner: Annotated[str, _OneOf.names(Inner)]


class PagesLayout(_Model):
    """A cache, [pages, bytes] or [pages, rows, bytes of a row], pages without gaps inside."""

    kind: Literal["pages"]
    """Which layout."""
    layout: str
    """Attribute with the cache layout."""
    rows: str
    """Axis: rows of a page."""
    block_size: str
    """Attribute that states the rows of a page; not needed where the array has three dimensions."""


class ArrayModel(_Model):
    """An argument, a result, or an array that lives between two steps."""

    name: str
    """Name of the argument or result."""
    doc: str
    """What it holds."""
    access: Annotated[str, _OneOf.values(Access)]
    """Who writes it; inout arrays are mutated in torch, and donated and returned in JAX."""
    role: Annotated[str, _OneOf.names(Role)]
    optional: bool
    """Whether it may be left out."""
    required_for: list[str]
    """Choices (of the attribute in shapes_by) for which it may not."""
    shapes: list[list[str]]
    """Accepted shapes, one expression per dimension; "..M" is any number of dimensions that multiply to M."""
    shapes_by: ShapesBy | None
    """In place of shapes, when they depend on a choice."""
    formats: list[str]
    """Accepted element formats."""
    format_of: str | None
    """In place of formats: the array or attribute whose format this one has."""
    swapped_by: SwappedBy | None
    """How the order of the last two dimensions is chosen."""
    layout: Annotated[DenseLayout | PagesLayout, Field(discriminator="kind")]
    """What its strides may be."""


class AttributeModel(_Model):
    """A keyword argument that is not an array."""

    name: str
    """Name of the keyword."""
    doc: str
    """What it decides."""
    kind: Literal["int", "float", "bool", "str", "format", "layout"]
    """Type of its value; "format" is an element format, given by name or as the framework's dtype, "layout" a cache
    layout, given by name or as a custom declaration."""
    required: bool
    """Whether a call has to give it."""
    default: _Value
    """Value when it is not given."""
    choices: list[_Value]
    """Values accepted, empty for any; of layouts, those that have a name."""
    minimum: float | None
    """Smallest value accepted."""
    maximum: float | None
    """Largest value accepted."""
    dynamic: bool
    """Whether programs read it when they run, so that no program is made for each value."""
    follows: str | None
    """Argument whose element format is the default; null for none."""


class ConstraintModel(_Model):
    """A condition on a call."""

    argument: str
    """Argument that an error names."""
    holds: str
    """Expression that has to be true."""
    message: str
    """What the caller reads when it is not."""


class Setting(_Model):
    """Value of a kernel's attribute in one step: exactly one of the two."""

    expression: str | None
    """Expression over the operation's attributes."""
    value: _Value
    """Fixed value."""


class ProgramModel(_Model):
    """The tile programs that a step runs in the cases of the operation."""

    specialisations: _Count
    """Different programs among all cases."""
    sha256: _Sha256
    """Hash of their IR, without names and line numbers."""


class StepModel(_Model):
    """One kernel of the operation, in order."""

    kernel: str
    """Name of the kernel."""
    when: str | None
    """Condition under which the step runs, null for always."""
    arrays: dict[str, str]
    """The kernel's name of an array and the operation's, where the two differ."""
    attributes: dict[str, Setting]
    """Attributes of the kernel that are not the operation's own of that name."""
    repeat: str | None
    """How often the step runs, null for once. Neighbouring steps with the same number alternate."""
    advance: dict[str, str]
    """Attributes of the kernel that grow from one time to the next, and by how much."""
    program: ProgramModel
    """What the step runs."""


class TunableModel(_Model):
    """A static integer that changes speed and never results."""

    name: str
    """Name in expressions and in the tile program."""
    doc: str
    """What it sets."""
    values: list[int]
    """Values that may be tried."""


class ConfigModel(_Model):
    """Default values of all tunables."""

    when: str | None
    """Condition; the first row of a target whose condition holds is taken, null always holds."""
    values: dict[str, int]
    """Value per tunable."""


class KernelModel(_Model):
    """One launch."""

    name: str
    """Name of the generated function."""
    version: int
    """Counts changes of meaning."""
    doc: str
    """What it computes."""
    body: str
    """Python function that is the tile program, with its module."""
    axes: list[AxisModel]
    """Sizes it reads."""
    arrays: list[ArrayModel]
    """Arrays it reads and writes."""
    attributes: list[AttributeModel]
    """Values that specialise it."""
    tunables: list[TunableModel]
    """Tile sizes and launch parameters."""
    configs: dict[str, list[ConfigModel]]
    """Defaults of the tunables per target, in the order in which they are tried."""
    static_conditions: dict[str, str]
    """Conditions on sizes that specialise it."""
    grid: list[str]
    """Size of the launch grid along every axis."""


class AccuracyModel(_Model):
    """How close an implementation comes to the float64 oracle."""

    result: str
    """Result that the contract is about."""
    exact: bool
    """Whether the bytes are the oracle's."""
    terms: str | None
    """Number of terms in a sum; null for exact results."""
    extra: _Count | None
    """Rounded operations on a term besides the additions; null for exact results."""
    exact_for_exact_sums: bool
    """Whether the bytes are the oracle's on data that makes every sum exact."""
    bound: Annotated[str, Field(description=f"The bound, elementwise. {BOUND_SYMBOLS}.")]


class CaseModel(_Model):
    """A named set of sizes and attributes that tests, benchmarks and reports share."""

    name: str
    """Name within the operation."""
    sizes: dict[str, _Count]
    """Size of every axis."""
    lead: list[_Count] | None
    """Leading dimensions in place of the row axis."""
    attributes: dict[str, _Value]
    """Attributes that are not at their default."""
    formats: dict[str, str]
    """Element formats of arrays that are not the first accepted one."""
    absent: list[str]
    """Optional arrays that are left out."""
    large: bool
    """Whether it is too big for interpreters."""


class FormatModel(_Model):
    """An element format: bits, and the rules that a dtype's name leaves out."""

    kind: Annotated[str, _OneOf.values(Kind)]
    """Kind of number that codes represent."""
    bits: int
    """Width of a code."""
    storage_bits: int
    """Width in memory when codes are not packed."""
    signed: bool
    """Whether there is a sign."""
    exponent_bits: _Count
    """Bits of the exponent; 0 for integers."""
    mantissa_bits: _Count
    """Bits of the mantissa; 0 for integers."""
    bias: _Count
    """Exponent bias."""
    subnormals: bool
    """Whether the smallest exponent has subnormal numbers and zero (float formats)."""
    rounding: str
    """How values between two codes are rounded."""
    nan: Annotated[str, _OneOf.names(NanRule)]
    overflow: Annotated[str, _OneOf.names(Overflow)]
    max_finite: float
    """Largest finite value."""
    min_normal: float | None
    """Smallest positive normal number; null for integers."""
    min_subnormal: float | None
    """Smallest positive number; null for integers."""
    source: str
    """Document that defines the format."""


class PackingModel(_Model):
    """Several codes in a word, along a row."""

    word: str
    """Format of the words."""
    per_word: int
    """Codes in a word."""
    order: Annotated[str, _OneOf.names(Order)]


class BlockModel(_Model):
    """Codes with their scales."""

    name: str
    """Name of the block format."""
    element: str
    """Format of the codes."""
    group: int | None
    """Columns that one scale covers; null without scales."""
    scale: str | None
    """Format of the scales; null without."""
    rule: Annotated[str, _OneOf.names(ScaleRule)] | None
    """How a scale follows from its group; null without scales."""
    amax_floor: float | None
    """Smallest magnitude that a group is scaled for; null without scales."""
    packing: PackingModel | None
    """How several codes share a byte; null for whole bytes."""


class FieldModel(_Model):
    """Consecutive columns of a row in one format. A value is code times scale, rounded to bfloat16 where used."""

    column: int
    """First column."""
    count: int
    """Number of columns."""
    byte: int
    """First byte of the codes, in the row."""
    code_bytes: int
    """Bytes of the codes."""
    scale_byte: int | None
    """First byte of the scales, in the row or in its share of the page's end; null without scales."""
    scale_bytes: _Count
    """Bytes of the scales."""
    format: BlockModel
    """Format of codes and scales."""


class PagedModel(_Model):
    """A cache layout. Row r of a page of R rows: data at byte r * row_stride, share at R * row_stride + r * share."""

    width: int
    """Columns of a row."""
    value_width: int
    """Columns, from the first, that attention sums up."""
    scales: Annotated[str, _OneOf.names(ScalePlace)]
    row_stride: int
    """Bytes from the data of a row to the next."""
    share: _Count
    """Bytes of a row after the data of all rows of its page."""
    row_bytes: int
    """Bytes that a page spends on a row: row_stride + share."""
    page_multiple: int
    """Allocators round the bytes of a page up to a multiple of this; any size that is no less will do."""
    fields: list[FieldModel]
    """Fields in order."""
    source: str
    """Where the layout comes from."""


class OpModel(_Model):
    """One operation: what its arguments are, what it runs, and how its results are proved."""

    schema_version: Annotated[int, _OneOf({SCHEMA_VERSION: ""})]
    """Version of this form."""
    name: str
    """Public name on both frameworks."""
    version: int
    """Counts changes of meaning."""
    family: str
    """Group in the documentation."""
    doc: str
    """What it computes."""
    definition: str
    """The same as formulas, where there are some."""
    source: str
    """Paper or specification that defines it."""
    axes: list[AxisModel]
    """Sizes."""
    arrays: list[ArrayModel]
    """Arguments in the order of the signature, then results."""
    attributes: list[AttributeModel]
    """Keyword arguments in the order of the signature."""
    constraints: list[ConstraintModel]
    """Conditions on a call beyond shapes and formats."""
    temporaries: list[ArrayModel]
    """Arrays that live between steps."""
    steps: list[StepModel]
    """Kernels in the order in which they run."""
    kernels: list[KernelModel]
    """Every kernel that a step names."""
    independent: dict[str, str | None]
    """Axes along which a call is many calls, with the condition under which it is; several devices may divide them."""
    accuracy: list[AccuracyModel]
    """One contract per result."""
    cases: list[CaseModel]
    """Named cases."""
    layouts: dict[str, PagedModel]
    """Every cache layout that is named anywhere in this form."""
    formats: dict[str, FormatModel]
    """Every element format that is named anywhere in this form."""
    content_hash: _Sha256
    """Hash of everything else in this form."""


def json_schema() -> Schema:
    """JSON Schema of the form."""
    return OpModel.model_json_schema(mode="serialization")


def schema_text() -> str:
    """The schema as the checked-in file holds it."""
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


def validated(op: Op) -> OpModel:
    """The form of an operation, checked.

    Raises:
        pydantic.ValidationError: the export and these types have drifted apart.
    """
    return OpModel.model_validate(to_dict(op))
