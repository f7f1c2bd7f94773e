"""Calls of the cache operations on layouts and sizes of one's own."""

from __future__ import annotations

from typing import Any

import specs
from parity.judge.inputs import Inputs, Kind, generate
from specs.lang.declare.op import Case
from specs.lang.formats.paged import Paged

POSITIONS = 19
"""Rows of the table of a rotation."""


def _call(op: str, layout: Paged, rows: int, sizes: dict[str, int], kind: Kind, **fields: Any) -> Inputs:
    attributes = (("layout", layout), ("block_size", rows), *fields.pop("attributes", ()))
    sizes = {"PAGE_BYTES": layout.page_stride(rows), "D": layout.width, **sizes}
    case = Case(name="own", sizes=tuple(sizes.items()), attributes=attributes, **fields)
    return generate(specs.get(op), case, kind, 20261121)


def insertion(layout: Paged, rows: int, tokens: int, slots: int, pages: int, kind: Kind = "random") -> Inputs:
    """quantize_and_insert_k."""
    return _call("quantize_and_insert_k", layout, rows, {"T": tokens, "TS": slots, "PAGES": pages}, kind)


def rotation(layout: Paged, rows: int, tokens: int, slots: int, pages: int, kind: Kind = "random") -> Inputs:
    """qnorm_rope_kv_insert, three heads."""
    sizes = {"T": tokens, "TS": slots, "PAGES": pages, "H": 3, "POSITIONS": POSITIONS, "ROPE": 64}
    return _call("qnorm_rope_kv_insert", layout, rows, sizes, kind)


def gather(layout: Paged, rows: int, requests: int, room: int, table: int, kind: Kind = "random") -> Inputs:
    """dequant_gather_k of the last rows of every request, from row 2 of the workspace on."""
    sizes = {"B": requests, "BO": requests, "M": room, "TABLE": table, "PAGES": requests * table}
    return _call("dequant_gather_k", layout, rows, sizes, kind, attributes=(("offset", 2),))
