"""FP8 codes and scales of values that the same kernel has computed: what norms and activations that quantise share.

The values are rounded to the format of the argument first, so that codes and scales have the bytes that the unfused
operation and then a quantiser (`per_token_group_quant_fp8`, `per_token_quant_fp8`) give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy, quantised
from specs.lang.declare.axes import Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Rows
from specs.lang.declare.op import Reference
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import E4M3, E8M0, F32, ElementFormat
from specs.lang.formats.named import per_token, token_group
from specs.quant.group import SCALE_LAYOUT, M, scale_array, store_scale
from specs.quant.row import upper_bound
from specs.quant.scaling import limited, scale_of
from specs.tile.blocks import Slice
from specs.tile.frontend.trace import Tile
from specs.tile.language import load, reduce_max
from specs.tile.library.codec import magnitude_bits

GROUP = Ref("group")

DEFINITION = """
    amax  = max(|y| of the group, floor)        limited to scale_ub where it is passed
    scale = amax * fl(1 / 448)                  fl: rounded to float32; rounded up to a power of two under ue8m0
    q     = round_half_even(y / scale)          to e4m3, saturating at 448
"""


def codes_of(p: Any, rows: Slice, groups: Slice, y: Tile) -> Tile:
    """e4m3 codes of y, [rows, groups, elements], in any format that is not narrower; stores the scales."""
    x, form = y.to(F32), _form(p.group, p.scale_format, p.ue8m0)
    bound = None if p.scale_ub is None else load(p.scale_ub, ())
    amax = limited(reduce_max(magnitude_bits(x), axis=2), bound)
    power = p.ue8m0 or p.scale_format == E8M0
    scale = scale_of(amax, E4M3, p.scale_format, power, form.amax_floor)
    store_scale(p, rows, groups, scale.value)
    return scale.divide(x, (rows.size, groups.size, 1)).to(E4M3)


def _form(group: int, scale: ElementFormat, ue8m0: bool) -> BlockFormat:
    return token_group(group, scale, power_of_two=ue8m0 or scale == E8M0) if group else per_token(E4M3)


def form_of(attributes: Mapping[str, Any]) -> BlockFormat:
    """The block format in a call with these attributes."""
    return _form(attributes["group"], attributes["scale_format"], attributes["ue8m0"])


# -- arguments -------------------------------------------------------------------------------------------


def results(columns: Expr, groups: Expr) -> tuple[Array, ...]:
    """scale_ub, an argument; q and scale. groups: of a row."""
    q = Array(name="q", doc="codes", shapes=((Rows(M), columns),), formats=(E4M3,), access=Access.OUT)
    return (upper_bound(), q, scale_array(groups, "scale_format"))


def attributes(*groups: int) -> tuple[Attribute, ...]:
    """group, scale_format, ue8m0 and scale_layout. groups: sizes to choose from, with 0 for one scale per row."""
    doc = "elements per scale" + (", 0 for one scale per row" if 0 in groups else "")
    return (
        Attribute(name="group", kind=int, default=128, choices=groups, doc=doc),
        Attribute(
            name="scale_format",
            kind=ElementFormat,
            default=F32,
            choices=(F32, E8M0),
            doc="format of the scales; e8m0 implies ue8m0",
        ),
        Attribute(name="ue8m0", kind=bool, default=False, doc="round scales up to powers of two"),
        SCALE_LAYOUT,
    )


def constraints(argument: str, columns: Expr, size: Expr, *, rows: bool = False) -> tuple[Constraint, ...]:
    """Whole groups in a row. size: elements per scale. rows: whether a scale may be a row's, in float32 then."""
    plain = Ref("scale_format").equals(F32).and_(Ref("ue8m0").equals(False))
    of_rows = (
        Constraint(
            argument="scale_format",
            holds=GROUP.differs(0).or_(plain),
            message="scales of rows (group = 0) in float32, without ue8m0",
        ),
    )
    return (
        Constraint(
            argument=argument,
            holds=(columns % size).equals(0),
            message="rows of whole groups",
            failure="rows of the result must be a multiple of group = {group}",
        ),
        *(of_rows if rows else ()),
    )


def accuracy(terms: Expr, extra: int) -> tuple[tuple[str, Accuracy], ...]:
    """The contract of q and scale. terms, extra: of the values before quantisation."""
    return quantised("q", "scale", form_of, terms=terms, extra=extra, scale_layout="scale_layout")


# -- the definition in float64 ---------------------------------------------------------------------------


def references(values: Mapping[str, Any], y: Reference) -> dict[str, Reference]:
    """Values before quantisation, rounded to the format of the argument, and their scales before they are rounded."""
    form, n = form_of(values), y.value.shape[-1]
    size = form.block[1] or n
    amax = np.abs(y.value).reshape(*y.value.shape[:-1], n // size, size).max(-1)
    if values.get("scale_ub") is not None:
        amax = np.where(np.isnan(amax), amax, np.minimum(amax, np.asarray(values["scale_ub"]).item()))
        # An infinity saturates as any value beyond the bound.
        y = replace(y, value=np.clip(y.value, F32.min_finite, F32.max_finite))
    return {"q": y, "scale": Reference(value=np.maximum(amax, form.amax_floor) / form.largest)}
