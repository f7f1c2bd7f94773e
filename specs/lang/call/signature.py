"""Public signatures and docstrings of operations, derived from their specs; the same text serves both frameworks."""

from __future__ import annotations

from specs.lang.declare.axes import show
from specs.lang.declare.kernel import Access, Array, Attribute, Rows, Shape
from specs.lang.declare.layouts import Dense, Pages
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


def docstring(op: Op, implementations: tuple[str, ...], *, out: bool) -> str:
    """Google-style docstring: every array with shapes and formats, every attribute with choices and default.

    Args:
        out: whether arrays can be written: results into what the caller gives, in-place arguments where they lie. They
            are returned otherwise.
    """
    lines = [op.doc, ""]
    if op.definition:
        lines += [*op.definition.strip("\n").split("\n"), ""]
    if op.source:
        lines += [f"Source: {op.source}", ""]
    lines.append("Args:")
    for array in op.inputs:
        inplace = "; written in place" if out else f"; {NOT_CHANGED}"
        written = inplace if array.access is Access.INOUT else ""
        lines.append(f"    {array.name}: {array.doc}{written}, {_formats(array)} {_shapes(array)}")
    for attribute in op.attributes:
        lines.append(f"    {attribute.name}: {attribute.doc}. {_choices(attribute)}")
    lines.append(
        f"    implementation: one of {', '.join(implementations)}; None takes the first that the device supports."
    )
    if out and op.outputs:
        lines.append(f"    out: {_given(op)}")
    lines += ["", "Returns:"]
    returned = op.outputs if out else (*op.mutated, *op.outputs)
    if not returned:
        lines.append("    None.")
    for array in returned:
        lines.append(f"    {array.name}: {array.doc}, {_formats(array)} {_shapes(array)}")
    if op.outputs and not out:
        lines += ["", f"There is no `out=` here: {NO_OUT}."]
    lines += ["", "Raises:", "    ArgumentError: the call does not fit the spec; nothing was run and nothing written."]
    lines.append("    Unsupported: the call is right, but the implementation or the device cannot run it.")
    return "\n".join(lines)


NOT_CHANGED = "not changed: its new value is returned, and it may be donated or a reference (jax.new_ref)"
"""What JAX does with an argument that is written in place."""
NO_OUT = "JAX arrays are immutable, and XLA plans where results lie"


def _given(op: Op) -> str:
    names = [array.name for array in op.outputs]
    what = f"an array to write {names[0]} into"
    if len(names) > 1:
        what = f"a tuple of arrays to write ({', '.join(names)}) into, None for those to allocate"
    inner = {a.name: a.layout.inner.value for a in op.outputs if isinstance(a.layout, Dense)}
    stated = "; ".join(dict.fromkeys(inner.values()) if len({*inner.values()}) == 1 else _each(inner))
    rules = f"shape, format and device of the result; {stated}, other strides are free"
    return f"{what}, which is then returned: {rules}. Refused where it begins at the address of an argument."


def _each(texts: dict[str, str]) -> list[str]:
    return [f"{name}: {text}" for name, text in texts.items()]


def _formats(array: Array) -> str:
    if isinstance(array.formats, str):
        return f"format of {array.formats}"
    return " or ".join(form.name for form in array.formats)


def shape_text(shape: Shape) -> str:
    """One shape in symbols."""
    return "[" + ", ".join(str(dim) if isinstance(dim, Rows) else show(dim) for dim in shape) + "]"


def by_rows_text(array: Array) -> str:
    """The other shape in which a cache may be passed."""
    if not isinstance(array.layout, Pages):
        return ""
    return f" or {shape_text((*array.shapes[0][:1], array.layout.rows))[:-1]}, bytes of a row]"


def _shapes(array: Array) -> str:
    if array.by is None:
        text = " or ".join(shape_text(shape) for shape in array.shapes) + by_rows_text(array)
    else:
        text = "; ".join(
            f"{choice}: {shape_text(shapes[0]) if shapes else 'none'}" for choice, shapes in array.shapes_by
        )
    if array.order is not None:
        text += f' (last two swapped at {array.order}="nk")'
    return text + (", optional" if array.optional else "")


def _choices(attribute: Attribute) -> str:
    names = [c.name if isinstance(c, (ElementFormat, Paged)) else repr(c) for c in attribute.choices]
    own = " or a Paged value" if attribute.kind is Paged else ""
    text = f"One of {', '.join(names)}{own}. " if names else ""
    return text + ("Required." if attribute.required else f"Default {default_text(attribute)}.")
