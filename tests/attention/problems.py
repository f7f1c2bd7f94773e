"""Calls of the attention operations on sizes of one's own, made by the operations' samplers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import specs
from parity.judge.inputs import Inputs, Kind, generate
from specs.attention.sampling import SCALE
from specs.cache.layouts import V4
from specs.lang.declare.op import Case
from specs.lang.formats.paged import Paged

DECODE, PREFILL = "sparse_mla_decode_fp8", "sparse_mla_prefill"
COMPRESSED = ("comp_cache", "topk_indices", "topk_lens")


def decode(
    tokens: int,
    heads: int,
    window: int,
    top: int = 0,
    *,
    layout: Paged = V4,
    rows: int = 16,
    comp_rows: int = 2,
    sink: bool = True,
    kind: Kind = "random",
    seed: int = 20261121,
    **attributes: Any,
) -> Inputs:
    """sparse_mla_decode_fp8 with lists of `window` and `top` entries; no compressed cache where `top` is 0."""
    sizes = {"T": tokens, "H": heads, "D": layout.width, "W": window, "K": top, "SINKS": heads}
    sizes |= {"SWA_PAGES": max(1, -(-tokens * window // rows)), "SWA_BYTES": layout.page_stride(rows)}
    sizes |= {"COMP_PAGES": max(1, -(-tokens * top // comp_rows)), "COMP_BYTES": layout.page_stride(comp_rows)}
    given = {"sm_scale": SCALE, "layout": layout, "block_size": rows, "comp_block_size": comp_rows, "return_lse": True}
    absent = (() if sink else ("attn_sink",)) + (() if top else COMPRESSED)
    return _call(DECODE, sizes, given | attributes, absent, kind, seed)


def prefill(
    tokens: int,
    heads: int,
    entries: int,
    *,
    rows: int = 300,
    width: int = 512,
    sink: bool = True,
    lengths: bool = True,
    kind: Kind = "random",
    seed: int = 20261121,
    **attributes: Any,
) -> Inputs:
    """sparse_mla_prefill over `rows` rows with lists of `entries`."""
    sizes = {"T": tokens, "H": heads, "D": width, "S": max(rows, tokens * entries), "P": entries, "SINKS": heads}
    given = {"sm_scale": SCALE, "return_lse": True, "d_v": min(width, 512)}
    absent = (() if sink else ("attn_sink",)) + (() if lengths else ("topk_length",))
    return _call(PREFILL, sizes, given | attributes, absent, kind, seed)


def _call(
    op: str, sizes: dict[str, int], attributes: dict[str, Any], absent: tuple[str, ...], kind: Kind, seed: int
) -> Inputs:
    case = Case(name="own", sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), absent=absent)
    return generate(specs.get(op), case, kind, seed)


def with_attributes(inputs: Inputs, **attributes: Any) -> Inputs:
    """The same call with other attributes."""
    return replace(inputs, attributes={**inputs.attributes, **attributes})
