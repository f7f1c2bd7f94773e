"""Docstrings of the public functions, derived from their specs; the same text serves both frameworks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from math import log2

from specs.lang.call.signature import (
    by_rows_text,
    choices_text,
    default_text,
    formats_text,
    shape_text,
    shapes_by_choice,
    value_text,
)
from specs.lang.declare.accuracy import FLOAT32, TENSOR_FLOAT32, TENSOR_FP8, Accuracy
from specs.lang.declare.axes import show
from specs.lang.declare.kernel import Access, Array, Attribute
from specs.lang.declare.layouts import Dense
from specs.lang.declare.op import Case, Op
from specs.lang.formats.elements import ElementFormat
from specs.quantized.products import OPERANDS
from specs.tile.launch.cases import case_call

NOT_CHANGED = "not changed: its new value is returned, and it may be donated or a reference (jax.new_ref)"
"""What JAX does with an argument that is written in place."""
NO_OUT = "JAX arrays are immutable, and XLA plans where results lie"


def docstring(op: Op, implementations: tuple[str, ...], *, out: bool) -> str:
    """Google-style docstring: formula, every array and attribute, accuracy, and a call.

    Args:
        out: whether arrays can be written: results into what the caller gives, in-place arguments where they lie. They
            are returned otherwise.
    """
    lines = [op.doc, ""]
    if op.definition:
        lines += [*_definition(op.definition), ""]
    if op.source:
        lines += [f"Source: {op.source}", ""]
    lines.append("Args:")
    inplace = "written in place" if out else NOT_CHANGED
    for array in op.inputs:
        lines += _array(array, f"; {inplace}" if array.access is Access.INOUT else "")
    lines += [f"    {a.name}: {a.doc}. {_choices(a)}" for a in op.attributes]
    names = ", ".join(implementations)
    lines.append(f"    implementation: one of {names}; None takes the first that the device supports.")
    if out and op.outputs:
        lines.append(f"    out: {_given(op)}")
    if quantized := " and ".join(f"'{name}'" for name in OPERANDS.get(op.name, {})):
        lines += ["", f"{quantized} may be a `QuantizedTensor`; scales and attributes that come with it are left out."]
    lines += ["", "Returns:"]
    returned = op.outputs if out else (*op.mutated, *op.outputs)
    lines += [line for array in returned for line in _array(array)] or ["    None."]
    if op.outputs and not out:
        lines += ["", f"There is no `out=` here: {NO_OUT}."]
    lines += ["", "Raises:", "    ArgumentError: the call does not fit the spec; nothing was run and nothing written."]
    lines.append("    Unsupported: the call is right, but the implementation or the device cannot run it.")
    lines += ["", "Accuracy:", *_accuracy(op)]
    lines += ["", "Example:", *_example(op, [array.name for array in returned])]
    return "\n".join(part for line in lines for part in _folded(line))


_WIDTH = 114


def _definition(text: str) -> Iterator[str]:
    """Paragraphs as one line each, formulas (indented) line by line."""
    for index, paragraph in enumerate(text.strip("\n").split("\n\n")):
        lines = paragraph.split("\n")
        formulas = any(line.startswith(" ") for line in lines)
        yield from ([""] if index else [])
        yield from (lines if formulas else [" ".join(lines)])


def _folded(line: str) -> list[str]:
    """A line broken at spaces, continued under its own indentation."""
    indent = " " * (len(line) - len(line.lstrip()))
    further = f"{indent}...     " if line.lstrip().startswith(">>>") else f"{indent}    " if indent else ""
    return textwrap.wrap(line, _WIDTH, subsequent_indent=further, break_long_words=False) or [""]


# Arguments and results.


def _array(array: Array, further: str = "") -> list[str]:
    """An array; where a choice decides about its shape, with a line for every choice."""
    text = f"    {array.name}: {array.doc}{further}{', optional' if array.optional else ''}, {formats_text(array)}"
    order = "" if array.order is None else f' (last two swapped at {array.order}="nk"{_only(array)})'
    if array.by is None:
        return [f"{text} {' or '.join(shape_text(shape) for shape in array.shapes)}{by_rows_text(array)}{order}"]
    rows = shapes_by_choice(array)
    width = max(len(choices) for choices, _ in rows)
    return [
        f"{text}; shape by {array.by}{order}:",
        *(f"        {choices:<{width}}  {shape}" for choices, shape in rows),
    ]


def _only(array: Array) -> str:
    return f" and {' or '.join(array.order_for)}" if array.order_for else ""


def _choices(attribute: Attribute) -> str:
    named = choices_text(attribute)
    text = f"One of {named}. " if named else ""
    return text + ("Required." if attribute.required else f"Default {default_text(attribute)}.")


def _given(op: Op) -> str:
    names = [array.name for array in op.outputs]
    what = f"an array to write {names[0]} into"
    if len(names) > 1:
        what = f"a tuple of arrays to write ({', '.join(names)}) into, None for those to allocate"
    inner = {a.name: a.layout.inner.value for a in op.outputs if isinstance(a.layout, Dense)}
    each = [f"{name}: {text}" for name, text in inner.items()]
    stated = "; ".join(dict.fromkeys(inner.values()) if len({*inner.values()}) == 1 else each)
    rules = f"shape, format and device of the result; {stated}, other strides are free"
    return f"{what}, which is then returned: {rules}. Refused where it begins at the address of an argument."


# Accuracy.


def _accuracy(op: Op) -> Iterator[str]:
    """A line for every contract, of all results that have it."""
    results: dict[str, list[str]] = {}
    for name, contract in op.accuracy:
        results.setdefault(accuracy_text(op, op.array(name), contract), []).append(name)
    yield from (f"    {', '.join(names)}: {text}" for text, names in results.items())


def accuracy_text(op: Op, array: Array, contract: Accuracy) -> str:
    """A contract in words, with the numbers of the formats that the result may have."""
    if contract.exact:
        return "bit-identical to the definition in float64, rounded once."
    if contract.quantised is not None:
        return f"{contract.formula()}."
    forms = _formats(op, array)
    rounded = ", ".join(f"{_power(form.unit_roundoff)} ({form.name})" for form in forms if form.is_float)
    if whole := ", ".join(form.name for form in forms if not form.is_float):
        rounded += f", absolute 1/2 ({whole})"
    steps = str(contract.extra) if show(contract.terms) == "0" else f"({show(contract.terms)} + {contract.extra})"
    summed = f"{steps} * {_power(FLOAT32.roundoff)} of the sum of the absolute values that are added up"
    cores = f"{_power(TENSOR_FLOAT32.roundoff)} on tensor cores, {_power(TENSOR_FP8.truncation)} more for FP8 operands"
    always = "" if contract.exact_for_exact_sums else "; inexact even where all sums are exact"
    return f"relative rounding error {rounded}; before it at most {summed} ({cores}){always}."


def _formats(op: Op, array: Array) -> tuple[ElementFormat, ...]:
    """All formats that a result may have."""
    if not isinstance(array.formats, str):
        return array.formats
    for attribute in op.attributes:
        if attribute.name == array.formats:
            return tuple(choice for choice in attribute.choices if isinstance(choice, ElementFormat))
    return _formats(op, op.array(array.formats))


def _power(value: float) -> str:
    return f"2**{round(log2(value))}"


# Example.


def example_case(op: Op) -> Case:
    """The case that the example of the docstring is."""
    return next(case for case in op.cases if not case.large)


def example(op: Op) -> str:
    """A call of the operation, its arrays under their own names."""
    case = example_case(op)
    call = case_call(op, case, strided=False)
    texts: list[str] = []
    for index, array in enumerate(op.inputs):
        if array.name in call.shapes:
            texts.append(f"{array.name}={array.name}" if len(texts) < index else array.name)
        elif not any(one.optional for one in op.inputs[: index + 1]):
            texts.append("None")  # of no default, though this mode takes none
    defaults = {a.name: a.default for a in op.attributes if not a.required}
    texts += [f"{n}={value_text(v)}" for n, v in case.attributes if n not in defaults or defaults[n] != v]
    return f"{op.name}({', '.join(texts)})"


def runnable_example(op: Op) -> list[str]:
    """The call in JAX with its imports and arrays, as lines that run."""
    call = case_call(op, example_case(op), strided=False)
    told = {name: f"{call.formats[name].name} {list(shape)}" for name, shape in call.shapes.items()}
    given = [array.name for array in op.inputs if array.name in told]
    results = [array.name for array in (*op.mutated, *op.outputs) if array.name in told]
    return [
        f"from jax_impl.ops import {op.name}",
        "from parity.examples import example_arrays",
        "",
        *(f"# {name}: {told[name]}" for name in given),
        f'{_unpacked(given)} = example_arrays("{op.name}", "jax")',
        f"{', '.join(results)} = {example(op)}",
        *(f"# {name}: {told[name]}" for name in results if name not in given),
    ]


def _unpacked(names: list[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def _example(op: Op, returned: list[str]) -> list[str]:
    call = case_call(op, example_case(op), strided=False)
    arrays = [(name, f"{call.formats[name].name} {list(shape)}") for name, shape in call.shapes.items()]
    given = {array.name for array in op.inputs}
    results = [name for name in returned if name in call.shapes]
    told = ", ".join(f"{name} {text}" for name, text in arrays if name in given)
    lines = [f"    With {told}:", "", f"    >>> {', '.join(results)}{' = ' if results else ''}{example(op)}"]
    told = ", ".join(f"{name} {text}" for name, text in arrays if name in results)
    return [*lines, "", f"    gives {told}."] if told else lines
