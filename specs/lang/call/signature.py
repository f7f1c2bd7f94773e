"""Public signatures of operations, and what arrays and attributes accept in words, derived from their specs."""

from __future__ import annotations

from specs.lang.declare.axes import show
from specs.lang.declare.kernel import Array, Attribute, Rows, Shape, choice_name
from specs.lang.declare.layouts import Pages
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged


def default_text(attribute: Attribute) -> str:
    """The attribute's default as Python source; element formats by name, resolved by the framework."""
    value = attribute.default
    return repr(value.name) if isinstance(value, (ElementFormat, Paged)) else repr(value)


def parameters(op: Op) -> list[str]:
    """The parameters of the public function, in order, as Python source."""
    texts: list[str] = []
    optional = False
    for array in op.inputs:
        optional = optional or array.optional
        texts.append(f"{array.name}=None" if optional else array.name)
    texts.append("*")
    texts += [a.name if a.required else f"{a.name}={default_text(a)}" for a in op.attributes]
    texts.append("implementation=None")
    return texts


def value_text(value: object) -> str:
    """A value as a call passes it; formats and layouts by name."""
    if isinstance(value, (ElementFormat, Paged, str)):
        return f'"{choice_name(value)}"'
    return repr(value)


def choices_text(attribute: Attribute) -> str:
    """What an attribute accepts, empty where that is not listed."""
    names = [c.name if isinstance(c, (ElementFormat, Paged)) else repr(c) for c in attribute.choices]
    return ", ".join(names) + (" or a Paged value" if attribute.kind is Paged else "")


def formats_text(array: Array) -> str:
    """Accepted formats in words."""
    if isinstance(array.formats, str):
        return f"format of {array.formats}"
    return " or ".join(form.name for form in array.formats)


def shape_text(shape: Shape) -> str:
    """One shape in symbols."""
    return "[" + ", ".join(str(dim) if isinstance(dim, Rows) else show(dim) for dim in shape) + "]"


def shapes_by_choice(array: Array) -> list[tuple[str, str]]:
    """Choices of the attribute that decides about the shape, those that agree together, and the shapes."""
    found: dict[str, list[str]] = {}
    for choice, shapes in array.shapes_by:
        found.setdefault(" or ".join(shape_text(shape) for shape in shapes) or "none", []).append(choice)
    return [(", ".join(choices), shape) for shape, choices in found.items()]


def by_rows_text(array: Array) -> str:
    """The other shape in which a cache may be passed."""
    if not isinstance(array.layout, Pages):
        return ""
    return f" or {shape_text((*array.shapes[0][:1], array.layout.rows))[:-1]}, bytes of a row]"
