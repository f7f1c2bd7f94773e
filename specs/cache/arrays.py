"""Shared declarations of cache operations: axes, cache arguments, the layout attribute."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from specs.cache.layouts import ALL, V4
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Role
from specs.lang.declare.layouts import Pages
from specs.lang.formats.elements import BF16, F16, F32, INT32, INT64, UINT8
from specs.lang.formats.paged import Paged
from specs.tile.library.pages import LEAST

PAGES = Axis(name="PAGES", doc="pages of the cache")
PAGE_BYTES = Axis(name="PAGE_BYTES", doc="bytes of a page, padding included")
ROWS = Axis(name="ROWS", static=True, minimum=1, doc="rows of a page")
D = Axis(name="D", static=True, minimum=1, doc="columns of a row")
INTEGERS = (INT32, INT64)
VALUES = (BF16,)
KEY_FORMATS = (BF16, F16, F32)  # formats of inserted rows


def cache(access: Access, name: str = "cache", doc: str = "pages of the layout", **fields: Any) -> Array:
    """The cache argument."""
    return Array(
        name=name,
        doc=doc,
        shapes=((PAGES, PAGE_BYTES),),
        formats=(UINT8,),
        access=access,
        layout=Pages(layout="layout", rows=ROWS, block_size="block_size"),
        role=Role.CODES,
        **fields,
    )


def pages_of(
    inputs: Mapping[str, Any], name: str = "cache", block_size: str = "block_size"
) -> tuple[np.ndarray[Any, Any], int]:
    """The cache argument of an oracle as pages uint8 [pages, bytes], and the rows of a page.

    A view of the argument where that is contiguous.
    """
    pages, rows = np.asarray(inputs[name]), inputs[block_size]
    flat = pages.reshape(len(pages), prod(pages.shape[1:]))
    return flat, pages.shape[1] if rows is None else rows


def layout_attributes() -> tuple[Attribute, ...]:
    """Which layout the pages have."""
    return (
        Attribute(name="layout", kind=Paged, default=V4, choices=ALL, doc="what lies in a page"),
        Attribute(
            name="block_size",
            kind=int,
            minimum=1,
            doc="rows of a page; may be left out where the cache is passed as [pages, rows, bytes of a row]",
        ),
    )


def width_of_layout(argument: str, columns: Axis) -> Constraint:
    """Rows as wide as the layout's."""
    return Constraint(
        argument=argument,
        holds=columns.equals(Ref("layout_width")),
        message="as many columns as the layout",
        failure=f"{argument} has {{{columns.name}}} columns, layout '{{layout}}' has {{layout_width}}",
    )


def in_chunks(argument: str = "cache") -> Constraint:
    """For operations that read rows chunk by chunk (`specs.tile.library.pages.chunks`)."""
    message = f"a layout whose fields are multiples of {LEAST} columns, of {2 * LEAST} where two codes share a byte"
    return Constraint(argument=argument, holds=(Ref("layout_unit") % LEAST).equals(0), message=message)
