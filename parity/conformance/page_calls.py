"""Validity of cache arguments, computed independently of the binder, for `parity.conformance.wrong_calls`.

A cache is [pages, bytes] with the rows of a page stated by an attribute, or [pages, rows, bytes of a row], which says
it by its shape. A page has to have room for its rows; more is padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from parity.judge.inputs import Inputs, Shape
from specs.lang import errors
from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import Pages
from specs.lang.formats.paged import Paged

Sizes = list[tuple[Axis, int]]
Refusal = tuple[type[errors.ArgumentError], str]


def page_axes(array: Array) -> tuple[Axis, Axis, Axis]:
    """Axes of a cache: pages, bytes of a page, rows of a page."""
    assert isinstance(array.layout, Pages)
    count, size = array.shapes[0]
    assert isinstance(count, Axis)
    assert isinstance(size, Axis)
    return count, size, array.layout.rows


def page_sizes(array: Array, shape: Shape, attributes: Mapping[str, object]) -> Sizes | None:
    """Sizes of the axes of a cache of this shape, None if it does not fit."""
    assert isinstance(array.layout, Pages)
    layout, stated = attributes[array.layout.layout], attributes[array.layout.block_size]
    assert isinstance(layout, Paged)
    match shape:
        case (count, size) if isinstance(stated, int):
            rows = stated
        case (count, rows, row) if row == layout.row_bytes and stated in (None, rows):
            size = rows * row
        case _:
            return None
    return None if size < rows * layout.row_bytes else list(zip(page_axes(array), (count, size, rows), strict=True))


def page_refusal(array: Array, shape: Shape, attributes: Mapping[str, object]) -> Refusal | None:
    """How a cache of this shape has to be refused whatever else is passed, None if it may be right."""
    assert isinstance(array.layout, Pages)
    if len(shape) not in (2, 3):
        return errors.WrongRank, array.name
    if len(shape) == 2 and attributes[array.layout.block_size] is None:
        return errors.Missing, array.layout.block_size
    layout, sizes = attributes[array.layout.layout], page_sizes(array, shape, attributes)
    assert isinstance(layout, Paged)
    if sizes is None:
        return errors.WrongShape, array.name
    (_, count), (_, length), _ = sizes
    return (errors.WrongStride, array.name) if count > 1 and length % layout.alignment else None


def caches(inputs: Inputs) -> list[Array]:
    """Caches that a call passes."""
    arrays = (inputs.op.array(name) for name in inputs.arrays)
    return [array for array in arrays if isinstance(array.layout, Pages)]


def page_shapes(inputs: Inputs, array: Array) -> Iterator[Shape]:
    """Shapes at the limit of what a page needs, and words in place of bytes."""
    rows, row = _page(inputs, array)
    count = inputs.arrays[array.name].shape[0]
    yield from ((count, size) for size in (rows * row, rows * row - 1, row, row - 1, (rows + 1) * row))
    yield from ((count, rows, row - 1), (count, rows, row + 1), (count, rows + 1, row), (count, row, rows))


def by_rows(inputs: Inputs) -> Inputs:
    """The same call with caches as [pages, rows, bytes of a row], padding after pages left out."""
    arrays = {}
    for array in caches(inputs):
        rows, row = _page(inputs, array)
        whole = inputs.arrays[array.name][:, : rows * row]
        arrays[array.name] = np.ascontiguousarray(whole).reshape(len(whole), rows, row)
    return inputs.replaced(**arrays)


def _page(inputs: Inputs, array: Array) -> tuple[int, int]:
    """Rows of a page and bytes that one takes."""
    assert isinstance(array.layout, Pages)
    layout, rows = inputs.attributes[array.layout.layout], inputs.attributes[array.layout.block_size]
    assert isinstance(layout, Paged)
    assert isinstance(rows, int)
    return rows, layout.row_bytes


def layout_values(choices: tuple[object, ...]) -> Iterator[object]:
    """Values to try for a cache layout: names, near misses of names, and unnamed layouts."""
    named = [choice for choice in choices if isinstance(choice, Paged)]
    for choice in named:
        yield choice
        yield from (choice.name, choice.name.upper(), f"{choice.name} ")
    yield from ("", "unheard_of")
    for choice in named[:1]:
        yield replace(choice, name=f"first_field_of_{choice.name}", fields=choice.fields[:1], values=None)
        field, last = choice.fields[0], choice.fields[-1]
        if last.format.scale is None:  # columns that no tile of 16 divides
            odd = replace(last, count=last.count + 8)
            yield replace(choice, name=f"odd_{choice.name}", fields=(*choice.fields[:-1], odd), values=None)
        if choice.gathered and field.format.scale is not None:  # the same codes, scales of half as many columns
            halved = replace(field, format=replace(field.format, block=(1, field.group // 2)))
            yield replace(choice, name=f"halved_{choice.name}", fields=(halved, *choice.fields[1:]), scale_bytes=0)
