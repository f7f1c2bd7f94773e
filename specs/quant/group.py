"""Quantisers of token groups: one scale per `group` consecutive elements of a row.

One tile program for every element format, group width (powers of two or not), scale format and packing:
per_token_group_quant_fp8, mxfp8_quant and mxfp4_quant are three settings of it, and `group_quantiser` makes an
operation for any block format with one row and a group of columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, ExprLike, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Step
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, UINT8, ElementFormat
from specs.lang.formats.named import GROUP_FLOOR, MXFP4, MXFP8, NVFP4, least_floor, token_group
from specs.lang.formats.packing import raw_codes
from specs.quant.oracle import block_oracle, laid_out
from specs.quant.scaling import pack_pairs, quotient_of, scale_of, second_level
from specs.tile.blocks import Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, both, load, program_id, reduce_max, store, where
from specs.tile.library.codec import encode, magnitude_bits
from specs.tuned import everywhere

M = Axis(name="M", doc="rows: the product of the leading dimensions")
N = Axis(name="N", minimum=1, doc="elements of a row")
_GROUP, _PER_BYTE = Ref("group"), Ref("per_byte")
EXACT = Accuracy(exact=True)
LAYOUTS = ("row", "column", "column_tma")
TMA_BYTES = 16
"""What the address of every row of an array has to be a multiple of for Hopper's tensor memory accelerator."""
_ALIGNED = TMA_BYTES // 4  # float32 scales; one-byte scales are padded to the same number, as peers do
ROWS = Axis(
    name="ROWS",
    value=M + Ref("scale_layout").equals("column_tma") * (cdiv(M, _ALIGNED) * _ALIGNED - M),
    doc="rows that scales are stored for",
)


def group_quant(p: Any) -> None:
    """BLOCK_M rows by BLOCK_G groups."""
    rows = ds(program_id(0) * p.BLOCK_M, p.BLOCK_M)
    groups = ds(program_id(1) * p.BLOCK_G, p.BLOCK_G)
    x = load_groups(p, rows, groups).to(F32)
    # Bit patterns: NaN and infinity are above everything finite.
    amax = reduce_max(magnitude_bits(x), axis=2)
    if p.global_scale is None:
        scale = scale_of(amax, p.element, p.scale_format, p.ue8m0, p.eps)
    else:
        scale = second_level(quotient_of(amax, p.element, p.eps), p.scale_format, load(p.global_scale, ()))
    q = scale.divide(x, (p.BLOCK_M, p.BLOCK_G, 1))
    store_scale(p, rows, groups, scale.value)
    store_groups(p, rows, groups, q.to(p.element) if p.per_byte == 1 else pack_pairs(encode(q, p.element)))


def load_groups(p: Any, rows: Slice, groups: Slice) -> Tile:
    """Values [BLOCK_M, BLOCK_G, group], zeros where there are none; of a group, padded to a power of two."""
    if is_power_of_two(p.group):
        columns = ds(groups.start * p.group, groups.size * p.group)
        return load_block(p.x, (rows, columns)).reshape(rows.size, groups.size, p.group)
    return load(p.x, *_padded(p, rows, groups, p.group))


def store_groups(p: Any, rows: Slice, groups: Slice, codes: Tile) -> None:
    """Stores codes, or bytes of packed codes, [BLOCK_M, BLOCK_G, count]."""
    count = p.group // p.per_byte
    if is_power_of_two(count):
        columns = ds(groups.start * count, groups.size * count)
        store_block(p.q, (rows, columns), codes.reshape(rows.size, columns.size))
        return
    place, mask = _padded(p, rows, groups, count)
    store(p.q, place, codes, mask)


def _padded(p: Any, rows: Slice, groups: Slice, count: int) -> tuple[tuple[Tile, Tile], Tile]:
    """Row and column of the elements of groups whose `count` is no power of two, and which of them exist."""
    row, group, inside = rows.indices(), groups.indices(), arange(1 << (count - 1).bit_length())
    mask = both(None if p.even_m else (row < p.M)[:, None], None if p.even_g else (group < p.N // p.group)[None, :])
    exists = both(None if mask is None else mask[:, :, None], (inside < count)[None, None, :])
    assert exists is not None
    return (row[:, None, None], ((group * count)[:, None] + inside[None, :])[None, :, :]), exists


def is_power_of_two(n: int) -> bool:
    """Whether a tile may have n elements along a dimension."""
    return n & (n - 1) == 0


def store_scale(p: Any, rows: Slice, groups: Slice, scale: Tile) -> None:
    """Stores the scales of a tile, row by row or (for products that read them so) group by group."""
    if p.scale_layout == "row":
        store_block(p.scale, (rows, groups), scale.to(p.scale_format))
        return
    if p.scale_layout == "column_tma" and not p.even_m:  # rows of padding get zeros
        scale = where((rows.indices() < p.M)[:, None], scale, 0.0)
    store_block(p.scale, (groups, rows), scale.to(p.scale_format).transpose())


def _arrays(group: ExprLike, per_byte: ExprLike, codes: Any, scale: Any) -> tuple[Array, ...]:
    stored = N if per_byte == 1 else N // per_byte
    return (
        Array(name="x", doc="values", shapes=((Rows(M), N),), formats=(BF16, F16, F32)),
        Array(name="q", doc="codes", shapes=((Rows(M), stored),), formats=codes, access=Access.OUT),
        scale_array(N // group, scale),
    )


def scale_array(groups: Expr, formats: Any) -> Array:
    """The result with the scales of a row's groups, in the order that `scale_layout` asks for."""
    return Array(
        name="scale",
        doc="scale of every group",
        by="scale_layout",
        shapes_by=(
            ("row", ((Rows(M), groups),)),
            ("column", ((groups, M),)),
            ("column_tma", ((groups, (M + (_ALIGNED - 1)) // _ALIGNED * _ALIGNED),)),
        ),
        formats=formats,
        access=Access.OUT,
        role=Role.SCALE,
        layout=Dense(inner=Inner.FREE),
    )


_GLOBAL_SCALE = Array(
    name="global_scale",
    doc="multiplies the scales before they are rounded to their format: 448 * 6 / amax of the tensor",
    shapes=((), (1,)),
    formats=(F32,),
    role=Role.SCALE,
)


def _attribute(name: str, kind: type, default: object, doc: str, choices: tuple[object, ...] = ()) -> Attribute:
    return Attribute(name=name, kind=kind, default=default, doc=doc, choices=choices)


_ATTRIBUTES = (
    _attribute("group", int, 128, "elements per scale", (16, 32, 64, 128, 256, 512)),
    _attribute("element", ElementFormat, E4M3, "format of the codes", (E4M3, E5M2)),
    _attribute("scale_format", ElementFormat, F32, "format of the scales; e8m0 implies ue8m0", (F32, E8M0)),
    _attribute("ue8m0", bool, False, "round scales up to powers of two"),
    Attribute(
        name="eps",
        kind=float,
        default=GROUP_FLOOR,
        minimum=least_floor(E4M3),
        doc="smallest magnitude a group is scaled for; the least keeps scales normal float32 numbers",
    ),
)


def _with_global_scale(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """The arrays with a tensor scale after the values."""
    return (arrays[0], _GLOBAL_SCALE, *arrays[1:])


SCALE_LAYOUT = _attribute(
    "scale_layout",
    str,
    "row",
    "order of the scales: row by row, or group by group, [groups, M] with leading dimensions as one; column_tma pads M "
    "to a multiple of 4 with zeros. Products take the transposed view",
    LAYOUTS,
)


def _kernel() -> Kernel:
    wide = _GROUP >= 256
    return Kernel(
        name="group_quant",
        doc="Scales and codes of groups of consecutive elements.",
        axes=(M, N, ROWS),
        arrays=_with_global_scale(_arrays(_GROUP, _PER_BYTE, "element", "scale_format")),
        attributes=(*_ATTRIBUTES, SCALE_LAYOUT, _attribute("per_byte", int, 1, "codes per byte", (1, 2))),
        tunables=(
            Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16)),
            Tunable(name="BLOCK_G", values=(1, 2, 4, 8, 16, 32)),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
            Tunable(name="num_stages", values=(1,)),
        ),
        # One row of 4096 takes 0.9 us on an H200, and 5.2 in tiles of the rest, of which it fills one of four rows.
        configs=everywhere("group_quant", wide=wide, few_rows=M <= 16, rest=None),
        static_conditions=(
            ("even_m", (M % Ref("BLOCK_M")).equals(0).and_(ROWS.equals(M))),
            ("even_g", (N % (_GROUP * Ref("BLOCK_G"))).equals(0)),
        ),
        grid=(cdiv(ROWS, Ref("BLOCK_M")), cdiv(N // _GROUP, Ref("BLOCK_G"))),
        body=group_quant,
    )


GROUP_QUANT = _kernel()


def _case(name: str, m: int, n: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("M", m), ("N", n)), **fields)


def group_quantiser(name: str, form: BlockFormat, doc: str, cases: tuple[Case, ...] = ()) -> Op:
    """An operation x -> (q, scale) for a block format of one row and a group of columns.

    A format that stores a tensor scale gives (x, global_scale) -> (q, scale).
    """
    group = form.block[1]
    assert group is not None
    assert form.block[0] == 1
    assert form.scale is not None
    per_byte = 1 if form.packing is None else form.packing.per_word
    settings = (
        ("group", group),
        ("element", form.element),
        ("scale_format", form.scale),
        ("ue8m0", form.rule is ScaleRule.POW2_CEIL),
        ("eps", form.amax_floor),
        ("per_byte", per_byte),
    )
    codes = (form.element,) if per_byte == 1 else (UINT8,)
    arrays = _arrays(group, per_byte, codes, (form.scale,))
    return Op(
        name=name,
        doc=doc,
        definition=_definition(form),
        source=form.source,
        family="quant",
        independent=(Independent(M),),
        axes=(M, N),
        arrays=arrays if form.tensor_scale is None else _with_global_scale(arrays),
        attributes=(SCALE_LAYOUT,),
        constraints=(
            Constraint(
                argument="x",
                holds=(N % group).equals(0),
                message=f"N divisible by the group of {group}",
                failure=f"N = {{N}} must be a multiple of group = {group}",
            ),
        ),
        steps=(Step(kernel=GROUP_QUANT, attributes=settings),),
        oracle=lambda inputs: laid_out(block_oracle(form, inputs), inputs),
        accuracy=(("q", EXACT), ("scale", EXACT)),
        cases=cases,
    )


def _definition(form: BlockFormat) -> str:
    """Scales and codes of a format, as formulas."""
    q = f"to {form.element.name}, saturating at max = {form.element.max_finite:g}"
    if form.tensor_scale is not None:
        return f"""
    scale = {form.scale.name if form.scale else ""}(amax * fl(1 / max) * global_scale)
    q     = round_half_even(x * fl(1 / (scale * fl(1 / global_scale))))        {q}

amax is the largest magnitude of the {form.block[1]} elements of a group. All steps are float32 with one rounding each;
a group whose scale is 0 has the codes 0. A NaN or an infinity makes the scale of its group NaN, and no other's.
"""
    return f"""
    s = {form.rule.value.removeprefix("s = ")}
    q = round_half_even(x / s)        {q}

amax is the largest magnitude of the {form.block[1]} elements of a group, and at least {form.amax_floor:.3g}: a group of
zeros has the codes 0 and the scale {zero_scale(form)}.
A NaN or an infinity makes the scale of its group NaN, and no other's.
"""


def zero_scale(form: BlockFormat) -> str:
    """The scale of a group of zeros."""
    assert form.scale is not None
    zeros = form.encode(np.zeros((1, form.block[1] or 1), np.float32))
    assert zeros.scale is not None
    raw = raw_codes(zeros.scale, form.scale, op=form.name, argument="scale")
    code = f" (byte {int(raw[0, 0])})" if form.scale.storage_bits == 8 else ""
    return f"{form.scale.decode(raw)[0, 0]:.3g}{code}"


def _token_group(inputs: Any) -> Any:
    scale, element = inputs["scale_format"], inputs["element"]
    power = bool(inputs["ue8m0"]) or scale == E8M0
    form = token_group(inputs["group"], scale, element, power_of_two=power, floor=inputs["eps"])
    return laid_out(block_oracle(form, inputs), inputs)


PER_TOKEN_GROUP_QUANT_FP8 = Op(
    name="per_token_group_quant_fp8",
    doc="FP8 codes of every group of a row, with one scale per group.",
    definition="""
    amax = max(max |x| of the group, eps)
    s    = amax * fl(1 / max)            fl: rounded to float32; max: 448 for e4m3, 57344 for e5m2
    s    = 2 ** ceil(log2 s)             under ue8m0, and with scales in e8m0
    q    = round_half_even(x / s)        to the format, saturating at max

All steps are float32 with one rounding each. A group of zeros has the codes 0 and the scale of eps (1e-10 unless
stated). A NaN or an infinity makes the scale of its group NaN or infinite (in e8m0: NaN), and no other's.
""",
    source="DeepSeek-V3 technical report, section 3.3",
    family="quant",
    independent=(Independent(M),),
    axes=(M, N),
    arrays=_arrays(_GROUP, 1, "element", "scale_format"),
    attributes=(*_ATTRIBUTES, SCALE_LAYOUT),
    constraints=(
        Constraint(
            argument="x",
            holds=(N % _GROUP).equals(0),
            message="N divisible by the group",
            failure="N = {N} must be a multiple of group = {group}",
        ),
        Constraint(
            argument="eps",
            holds=Ref("element").differs(E5M2).or_(Ref("eps") >= least_floor(E5M2)),
            message=f"eps >= {least_floor(E5M2)} (57344 * 2**-126) for e5m2",
        ),
    ),
    steps=(
        Step(kernel=GROUP_QUANT, when=Ref("scale_format").differs(E8M0), attributes=(("per_byte", 1),)),
        Step(kernel=GROUP_QUANT, when=Ref("scale_format").equals(E8M0), attributes=(("per_byte", 1), ("ue8m0", True))),
    ),
    oracle=_token_group,
    accuracy=(("q", EXACT), ("scale", EXACT)),
    cases=(
        _case("hidden", 7, 512),
        _case("one-group", 67, 128),
        _case("group-16", 5, 80, attributes=(("group", 16),)),
        _case("group-256-column", 6, 768, attributes=(("group", 256), ("scale_layout", "column"))),
        _case("group-512-tma", 9, 1024, attributes=(("group", 512), ("scale_layout", "column_tma"))),
        _case(
            "e8m0-tma-lead",
            6,
            256,
            attributes=(("scale_format", E8M0), ("scale_layout", "column_tma")),
            lead=(2, 3),
        ),
        _case("group-64", 5, 192, attributes=(("group", 64),)),
        _case("group-32-lead", 12, 96, attributes=(("group", 32),), lead=(2, 6)),
        _case("ue8m0", 9, 256, attributes=(("ue8m0", True),)),
        _case("e8m0-bytes", 9, 384, attributes=(("scale_format", E8M0),)),
        _case("e5m2", 33, 128, attributes=(("element", E5M2),)),
        _case("f32-input", 6, 256, formats=(("x", F32),)),
        _case("f16-input", 6, 256, formats=(("x", F16),)),
        _case("no-rows", 0, 128),
        _case("large", 8192, 7168, large=True, golden=True),
    ),
)

MXFP8_QUANT = group_quantiser(
    "mxfp8_quant",
    MXFP8,
    "MXFP8: e4m3 codes with one E8M0 scale per 32 elements.",
    (
        _case("hidden", 7, 384),
        _case("one-block", 65, 32, formats=(("x", F16),), attributes=(("scale_layout", "column_tma"),)),
        _case("lead", 12, 96, lead=(3, 4), formats=(("x", F32),), attributes=(("scale_layout", "column"),)),
        _case("no-rows", 0, 64),
        _case("decode", 64, 7168, large=True, golden=True),
    ),
)
MXFP4_QUANT = group_quantiser(
    "mxfp4_quant",
    MXFP4,
    "MXFP4: e2m1 codes, two per byte, with one E8M0 scale per 32 elements.",
    (
        _case("hidden", 7, 384),
        _case("one-block", 65, 32, formats=(("x", F16),), attributes=(("scale_layout", "column_tma"),)),
        _case("lead", 12, 96, lead=(3, 4), attributes=(("scale_layout", "column"),)),
        _case("f32-input", 5, 160, formats=(("x", F32),)),
        _case("no-rows", 0, 64),
        _case("decode", 64, 7168, large=True, golden=True),
    ),
)
NVFP4_QUANT = group_quantiser(
    "nvfp4_quant",
    NVFP4,
    "NVFP4: e2m1 codes, two per byte, with one e4m3 scale per 16 elements, under the tensor's global scale.",
    (
        _case("hidden", 7, 384),
        _case("one-group", 65, 16, attributes=(("scale_layout", "column_tma"),)),
        _case("lead", 12, 112, lead=(3, 4), attributes=(("scale_layout", "column"),)),
        _case("f32-input", 5, 160, formats=(("x", F32),)),
        _case("f16-input", 9, 48, formats=(("x", F16),)),
        _case("no-rows", 0, 64),
        _case("decode", 64, 7168, large=True, golden=True),
    ),
)
