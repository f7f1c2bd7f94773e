"""The JSON form of an operation: everything its spec declares, as plain values, and hashes that identify it.

    sizes, conditions   Python expressions over axes and attributes, with cdiv, min and max; `has_NAME` is
                        whether an optional argument was passed; "..M" are dimensions that multiply to M
    formats             names in arrays and attributes, their rules once in "formats"
    layouts             names of cache layouts in attributes, byte offsets of their fields once in "layouts";
                        expressions know NAME_width and NAME_values, columns of a row under the attribute NAME,
                        and NAME_data and NAME_share, its bytes among the rows and at the end of the page;
                        NAME_codes, names of the formats of its fields, NAME_scales and NAME_scale, the number of
                        its scales and their format, and NAME_unit, of how many columns (bytes of packed ones) its
                        fields are multiples
    program             sha256 of the tile IR of every case, without the author's names and line numbers
    content_hash        sha256 of the rest of this form, keys sorted, without white space

Equal specs give equal text in every process. `docs/spec.schema.json` is the schema and describes every field.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, as_expr, show
from specs.lang.declare.kernel import Array, Attribute, Config, Constraint, Kernel, Rows, Shape
from specs.lang.declare.layouts import Layout, Pages
from specs.lang.declare.op import Case, Op, Step
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged, Place
from specs.tile.launch.cases import case_launches
from specs.tile.passes.canonical import canonical

SCHEMA_VERSION = 4
BOUND_SYMBOLS = (
    "u_out: unit roundoff of the result's format; eta_out: half its smallest subnormal; u_acc, t_acc: roundoff and "
    "truncation of the accumulator; sum|terms|: sum of the absolute values that were added up"
)
_CONFIG = "cuda"  # configurations under which programs are traced for their hash
Json = dict[str, Any]


@cache
def content_hash(op: Op) -> str:
    """sha256 of the operation's JSON form."""
    text = json.dumps(_body(op), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_dict(op: Op) -> Json:
    """The JSON form of an operation. Keys are in the order in which a reader wants them."""
    return {**_body(op), "content_hash": content_hash(op)}


def to_json(op: Op) -> str:
    """The JSON form as text that ends with a newline."""
    return json.dumps(to_dict(op), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _body(op: Op) -> Json:
    kernels = {step.kernel.name: step.kernel for step in op.steps}
    return {
        "schema_version": SCHEMA_VERSION,
        "name": op.name,
        "version": op.version,
        "family": op.family,
        "doc": op.doc,
        "definition": op.definition,
        "source": op.source,
        "axes": [_axis(axis) for axis in op.axes],
        "arrays": [_array(array) for array in op.arrays],
        "attributes": [_attribute(attribute) for attribute in op.attributes],
        "constraints": [_constraint(constraint) for constraint in op.constraints],
        "temporaries": [_array(array) for array in op.temporaries],
        "steps": [_step(step, program) for step, program in zip(op.steps, _programs(op), strict=True)],
        "kernels": [_kernel(kernel) for kernel in kernels.values()],
        "independent": {i.axis.name: None if i.when is None else show(i.when) for i in op.independent},
        "accuracy": [{"result": name, **_accuracy(contract)} for name, contract in op.accuracy],
        "cases": [_case(case) for case in op.cases],
        "layouts": {name: _paged(layout) for name, layout in sorted(_layouts(op, kernels.values()).items())},
        "formats": {name: _element(form) for name, form in sorted(_formats(op, kernels.values()).items())},
    }


# Declarations.


def _axis(axis: Axis) -> Json:
    return {
        "name": axis.name,
        "doc": axis.doc,
        "static": axis.static,
        "minimum": axis.minimum,
        "maximum": axis.maximum,
        "multiple_of": axis.multiple_of,
        "value": None if axis.value is None else show(axis.value),
        "default": axis.default,
    }


def _array(array: Array) -> Json:
    accepted = array.formats if isinstance(array.formats, tuple) else ()
    return {
        "name": array.name,
        "doc": array.doc,
        "access": array.access.value,
        "role": array.role.name.lower(),
        "optional": array.optional,
        "required_for": list(array.required_for),
        "shapes": [_shape(shape) for shape in array.shapes],
        "shapes_by": None if array.by is None else _shapes_by(array),
        "formats": [form.name for form in accepted],
        "format_of": array.formats if isinstance(array.formats, str) else None,
        "swapped_by": None if array.order is None else _swapped_by(array),
        "layout": _layout(array.layout),
    }


def _shapes_by(array: Array) -> Json:
    choices = {choice: [_shape(shape) for shape in shapes] for choice, shapes in array.shapes_by}
    return {"attribute": array.by, "choices": choices}


def _swapped_by(array: Array) -> Json:
    return {"attribute": array.order, "only_for": list(array.order_for)}


def _shape(shape: Shape) -> list[str]:
    return [str(dim) if isinstance(dim, Rows) else show(dim) for dim in shape]


def _layout(layout: Layout) -> Json:
    if isinstance(layout, Pages):
        return {
            "kind": "pages",
            "layout": layout.layout,
            "rows": layout.rows.name,
            "block_size": layout.block_size,
        }
    return {"kind": "dense", "inner": layout.inner.name.lower()}


_KINDS = {ElementFormat: "format", Paged: "layout"}


def _attribute(attribute: Attribute) -> Json:
    return {
        "name": attribute.name,
        "doc": attribute.doc,
        "kind": _KINDS.get(attribute.kind) or attribute.kind.__name__,
        "required": attribute.required,
        "default": _value(attribute.default),
        "choices": [_value(choice) for choice in attribute.choices],
        "minimum": attribute.minimum,
        "maximum": attribute.maximum,
        "dynamic": attribute.dynamic,
        "follows": attribute.follows,
    }


def _value(value: object) -> object:
    return value.name if isinstance(value, (ElementFormat, Paged)) else value


def _constraint(constraint: Constraint) -> Json:
    return {"argument": constraint.argument, "holds": show(constraint.holds), "message": constraint.message}


# Kernels.


def _step(step: Step, program: Json) -> Json:
    return {
        "kernel": step.kernel.name,
        "when": None if step.when is None else show(step.when),
        "arrays": dict(step.arrays),
        "attributes": {name: _setting(value) for name, value in step.attributes},
        "repeat": None if step.repeat is None else show(step.repeat),
        "advance": {} if step.advance is None else {step.advance[0]: show(step.advance[1])},
        "program": program,
    }


def _setting(value: object) -> Json:
    if isinstance(value, Expr):
        return {"expression": show(value), "value": None}
    return {"expression": None, "value": _value(value)}


def _programs(op: Op) -> list[Json]:
    """For every step, which programs it runs in the cases of the operation, as one hash."""
    texts: list[dict[str, None]] = [{} for _ in op.steps]
    for case in op.cases:
        for found in case_launches(op, case, _CONFIG, strided=True):
            texts[found.index][canonical(found.program)] = None
    return [
        {"specialisations": len(text), "sha256": hashlib.sha256("".join(text).encode()).hexdigest()} for text in texts
    ]


def _kernel(kernel: Kernel) -> Json:
    return {
        "name": kernel.name,
        "version": kernel.version,
        "doc": kernel.doc,
        "body": f"{kernel.body.__module__}.{kernel.body.__qualname__}",
        "axes": [_axis(axis) for axis in kernel.axes],
        "arrays": [_array(array) for array in kernel.arrays],
        "attributes": [_attribute(attribute) for attribute in kernel.attributes],
        "tunables": [{"name": t.name, "doc": t.doc, "values": list(t.values)} for t in kernel.tunables],
        "configs": _configs(kernel.configs),
        "static_conditions": {name: show(expr) for name, expr in kernel.static_conditions},
        "grid": [show(as_expr(size)) for size in kernel.grid],
    }


def _configs(configs: tuple[Config, ...]) -> dict[str, list[Json]]:
    """Per target the configurations in the order in which they are tried."""
    rows: dict[str, list[Json]] = {}
    for config in configs:
        when = None if config.when is None else show(config.when)
        rows.setdefault(config.target, []).append({"when": when, "values": dict(config.values)})
    return rows


# Proof.


def _accuracy(contract: Accuracy) -> Json:
    return {
        "exact": contract.exact,
        "terms": None if contract.exact else show(contract.terms),
        "extra": None if contract.exact else contract.extra,
        "exact_for_exact_sums": contract.same_bytes(True),
        "bound": contract.formula(),
    }


def _case(case: Case) -> Json:
    return {
        "name": case.name,
        "sizes": dict(case.sizes),
        "lead": None if case.lead is None else list(case.lead),
        "attributes": {name: _value(value) for name, value in case.attributes},
        "formats": {name: _value(value) for name, value in case.formats},
        "absent": list(case.absent),
        "large": case.large,
    }


# Formats and layouts.


def _named(op: Op, kernels: Iterable[Kernel]) -> list[object]:
    """Every value that the operation names: formats of arrays, values of attributes."""
    kernels = tuple(kernels)
    arrays = [*op.arrays, *op.temporaries, *(array for kernel in kernels for array in kernel.arrays)]
    attributes = [*op.attributes, *(attribute for kernel in kernels for attribute in kernel.attributes)]
    found: list[object] = []
    found += [form for array in arrays if isinstance(array.formats, tuple) for form in array.formats]
    found += [value for a in attributes for value in (a.default, *a.choices)]
    found += [value for step in op.steps for _, value in step.attributes]
    found += [value for case in op.cases for _, value in (*case.attributes, *case.formats)]
    return found


def _layouts(op: Op, kernels: Iterable[Kernel]) -> dict[str, Paged]:
    """Every cache layout that the operation names."""
    return {value.name: value for value in _named(op, kernels) if isinstance(value, Paged)}


def _formats(op: Op, kernels: Iterable[Kernel]) -> dict[str, ElementFormat]:
    """Every element format that the operation or a layout of it names."""
    found = _named(op, kernels)
    blocks = [field.format for value in found if isinstance(value, Paged) for field in value.fields]
    found += [form for block in blocks for form in (block.element, block.scale)]
    return {form.name: form for form in found if isinstance(form, ElementFormat)}


def _paged(layout: Paged) -> Json:
    return {
        "width": layout.width,
        "value_width": layout.value_width,
        "scales": layout.scales.name.lower(),
        "row_stride": layout.row_stride,
        "share": layout.share,
        "row_bytes": layout.row_bytes,
        "page_multiple": layout.page_multiple,
        "fields": [_field(place) for place in layout.places],
        "source": layout.source,
    }


def _field(place: Place) -> Json:
    field = place.field
    scaled = field.format.scale is not None
    return {
        "column": place.column,
        "count": field.count,
        "byte": place.byte,
        "code_bytes": field.code_bytes,
        "scale_byte": place.scale_byte if scaled else None,
        "scale_bytes": field.scale_bytes,
        "format": _block(field.format),
    }


def _block(form: BlockFormat) -> Json:
    scaled, packing = form.scale is not None, form.packing
    return {
        "name": form.name,
        "element": form.element.name,
        "group": form.block[1],
        "scale": None if form.scale is None else form.scale.name,
        "rule": form.rule.name.lower() if scaled else None,
        "amax_floor": form.amax_floor if scaled else None,
        "packing": None
        if packing is None
        else {"word": packing.word.name, "per_word": packing.per_word, "order": packing.order.name.lower()},
    }


def _element(form: ElementFormat) -> Json:
    floating = form.is_float
    return {
        "kind": form.kind.value,
        "bits": form.bits,
        "storage_bits": form.storage_bits,
        "signed": form.signed,
        "exponent_bits": form.exponent_bits,
        "mantissa_bits": form.mantissa_bits,
        "bias": form.bias,
        "subnormals": form.subnormals,
        "rounding": "nearest, ties to even",
        "nan": form.nan.name.lower(),
        "overflow": form.overflow.name.lower(),
        "max_finite": form.max_finite,
        "min_normal": form.min_normal if floating else None,
        "min_subnormal": form.min_subnormal if floating else None,
        "source": form.source,
    }
