"""An operation in rows of text: what `show` prints and docs/ops.md tabulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.lang.call.signature import (
    by_rows_text,
    choices_text,
    default_text,
    formats_text,
    parameters,
    shape_text,
    shapes_by_choice,
)
from specs.lang.declare.axes import show
from specs.lang.declare.kernel import Access, Array, Attribute
from specs.lang.declare.op import Case, Op
from specs.lang.formats.paged import Paged
from specs.tile.launch.cases import case_launches
from specs.tile.passes.cost import cost

if TYPE_CHECKING:
    from parity.record.environment_report import Environment

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled table."""

    title: str
    columns: Row
    rows: tuple[Row, ...]


def call_text(op: Op) -> str:
    """The call with its defaults, as it is written in Python."""
    return f"{op.name}({', '.join(parameters(op))})"


def sections(op: Op) -> tuple[Section, ...]:
    """Everything a caller needs to know, empty sections left out."""
    found = (
        Section(
            title="Arguments",
            columns=("name", "what", "formats", "shape"),
            rows=tuple(_array(array) for array in op.inputs),
        ),
        Section(
            title="Attributes",
            columns=("name", "what", "values", "default"),
            rows=tuple(_attribute(attribute) for attribute in op.attributes),
        ),
        Section(
            title="Cache layouts",
            columns=("name", "columns", "row", "fields", "page of R rows"),
            rows=tuple(_layout(layout) for layout in layouts(op)),
        ),
        Section(
            title="Results",
            columns=("name", "what", "formats", "shape", "accuracy"),
            rows=tuple((*_array(a), op.accuracy_of(a.name).formula()) for a in (*op.mutated, *op.outputs)),
        ),
        Section(
            title="Constraints",
            columns=("argument", "requires", "expression"),
            rows=tuple((c.argument, c.message, show(c.holds)) for c in op.constraints),
        ),
    )
    return tuple(section for section in found if section.rows)


def steps(op: Op) -> Section:
    """The kernels that a call runs."""
    rows = []
    for step in op.steps:
        when = "always" if step.when is None else show(step.when)
        grid = " x ".join(show(size) for size in step.kernel.grid)
        rows.append((step.kernel.name, step.kernel.doc, when, grid))
    return Section(title="Kernels", columns=("name", "what", "runs", "grid"), rows=tuple(rows))


def cases(op: Op) -> Section:
    """Named cases."""
    rows = tuple(
        (case.name, _sizes(case), _attributes(case), ", ".join(case.absent) or "-", "large" if case.large else "")
        for case in op.cases
    )
    return Section(title="Cases", columns=("name", "sizes", "attributes and formats", "without", ""), rows=rows)


def costs(op: Op, case: Case, config: str) -> Section:
    """Cost of every launch of a case under the default tunables of `config`."""
    rows = []
    for found in case_launches(op, case, config, strided=True):
        spent = cost(found)
        rows.append(
            (
                found.kernel.name,
                " x ".join(map(str, found.grid)),
                f"{spent.bytes_once:,}",
                f"{spent.traffic_read + spent.traffic_written:,}",
                f"{spent.dot_flops:,}",
                f"{spent.other_flops:,}",
                f"{spent.intensity:.1f}",
                ", ".join(spent.unresolved) or "-",
            )
        )
    columns = ("kernel", "grid", "bytes once", "traffic", "dot flops", "other flops", "flops/byte", "loops unresolved")
    return Section(title=f"Cost of {case.name} ({config} tiles)", columns=columns, rows=tuple(rows))


def _array(array: Array) -> Row:
    what = array.doc + (", written in place" if array.access is Access.INOUT else "")
    return array.name, what + (" (optional)" if array.optional else ""), formats_text(array), shapes_text(array)


def shapes_text(array: Array) -> str:
    """Accepted shapes in symbols, choices that agree taken together."""
    if array.by is None:
        text = " or ".join(shape_text(shape) for shape in array.shapes) + by_rows_text(array)
    else:
        text = "; ".join(f"{choices}: {shape}" for choices, shape in shapes_by_choice(array))
    if array.order is None:
        return text
    only = f" ({', '.join(array.order_for)})" if array.order_for else ""
    return f'{text}; last two swapped at {array.order}="nk"{only}'


def _attribute(attribute: Attribute) -> Row:
    values = choices_text(attribute)
    limits = [f">= {attribute.minimum}"] if attribute.minimum is not None else []
    limits += [f"<= {attribute.maximum}"] if attribute.maximum is not None else []
    default = "required" if attribute.required else default_text(attribute)
    return attribute.name, attribute.doc, values or " ".join([attribute.kind.__name__, *limits]), default


def layouts(op: Op) -> tuple[Paged, ...]:
    """Cache layouts that an operation knows by name."""
    choices = dict.fromkeys(choice for attribute in op.attributes for choice in attribute.choices)
    return tuple(choice for choice in choices if isinstance(choice, Paged))


def _layout(layout: Paged) -> Row:
    fields = []
    for place in layout.places:
        form = place.field.format
        text = f"{place.field.count} {form.element.name} at byte {place.byte}"
        if form.scale is not None:
            where = "the row's share" if layout.gathered else "the row"
            text += f" with {place.field.groups} {form.scale.name} at byte {place.scale_byte} of {where}"
        fields.append(text)
    columns = f"{layout.width}, values {layout.value_width}"
    page = f"R * {layout.row_bytes} bytes or more"
    if layout.gathered:
        page = f"R * {layout.row_stride} bytes of rows, then R shares of {layout.share}, or more"
    return layout.name, columns, f"{layout.row_bytes} bytes", ", ".join(fields), page


def _sizes(case: Case) -> str:
    text = " ".join(f"{name}={size}" for name, size in case.sizes)
    return text if case.lead is None else f"{text}, rows as {list(case.lead)}"


def _attributes(case: Case) -> str:
    pairs = [f"{name}={getattr(value, 'name', value)}" for name, value in (*case.attributes, *case.formats)]
    return " ".join(pairs) or "-"


def environment_sections(found: Environment) -> tuple[Section, ...]:
    """What `parity env` prints."""
    rows: list[Row] = []
    for row in found.implementations:
        total = len(row.ops) + sum(map(len, row.refused.values()))
        if row.ops:
            rows.append((row.device, row.implementation, "yes", _names(row.ops, total), ""))
        rows += [(row.device, row.implementation, "no", _names(ops, total), why) for why, ops in row.refused.items()]
    return (
        Section(title="Versions", columns=("package", "version"), rows=tuple(found.versions.items())),
        Section(title="Machine", columns=("", ""), rows=tuple(found.machine.items())),
        Section(title="Devices", columns=("device", "seen as"), rows=tuple(found.devices.items())),
        Section(title="Tools for Intel GPUs", columns=("what", "found"), rows=tuple(found.intel.items())),
        Section(
            title="Implementations",
            columns=("device", "implementation", "runs", "operations", "why not"),
            rows=tuple(rows),
        ),
    )


def _names(ops: Row, total: int) -> str:
    return f"all {total}" if len(ops) == total else ", ".join(ops)
