"""inv_rope_fp8_quant: attention output rotated back and quantised, in the order of a grouped projection.

    y[t, h]  = the last columns of o[t, h], as many as the table has, rotated by minus the angle of positions[t]
    s        = 2^ceil(log2(max(amax, 1e-10) / 448))          amax: largest magnitude of 128 columns
    q[g, t]  = e4m3(y / s) of the heads of group g, one after the other

Pairs are interleaved: e' = e c + o s, o' = o c - e s. Everything is float32, and nothing is rounded before it is
quantised. Rows with a position outside the table are not rotated. `fp8_bmm` takes q and scale as they are; for products
that read scales token by token, `tma_aligned_scales` reorders them. For a product of bfloat16 (`bmm`) o is rotated in
place by rotary_embedding(positions, o, None, cos_sin, neox=False, inverse=True, offset=512 - columns of the table).

Source: DeepSeek-V4, output projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.declared import positions
from specs.cache.qnorm import POSITIONS, rope, rope_magnitude, table
from specs.cache.rope import rotate
from specs.lang.declare.accuracy import quantised
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, E4M3, F32, INT32, INT64
from specs.lang.formats.named import GROUP_FLOOR, token_group
from specs.quant.scaling import scale_of
from specs.tile.language import (
    arange,
    join_pairs,
    load,
    maximum,
    program_id,
    reduce_max,
    split_pairs,
    store,
    where,
)
from specs.tile.library.codec import magnitude_bits
from specs.tuned import everywhere

HEAD, GROUP = 512, 128
T = Axis(name="T", doc="tokens")
H = Axis(name="H", minimum=1, doc="heads")
ROPE = Axis(name="ROPE", static=True, minimum=2, maximum=HEAD, multiple_of=2, doc="columns that are rotated")
_GROUPS = Ref("n_groups")
FORM = token_group(GROUP, F32, E4M3, power_of_two=True, floor=GROUP_FLOOR)


def rotate_back(p: Any) -> None:
    """BLOCK_H heads of one token."""
    token, head = program_id(0), program_id(1) * p.BLOCK_H + arange(p.BLOCK_H)
    live = (head < p.H)[:, None, None]
    block = arange(HEAD // GROUP)
    column = (block * GROUP)[:, None] + arange(GROUP)[None, :]
    x = load(p.o, (token, head[:, None, None], column[None, :, :]), live).to(F32)
    position = load(p.positions, (token,))
    # Positions of padding are arbitrary and must not index the table.
    known = (position >= 0) & (position < p.POSITIONS.to(position.element))
    pair = (block * (GROUP // 2))[:, None] + arange(GROUP // 2)[None, :] - (HEAD - p.ROPE) // 2
    turn, pair, position = (pair >= 0) & known, maximum(pair, 0), position.to(INT32)
    cosine = load(p.cos_sin, (position, pair), turn).to(F32)[None, :, :]
    sine = load(p.cos_sin, (position, pair + p.ROPE // 2), turn).to(F32)[None, :, :]
    even, odd = split_pairs(x)
    turned = rotate(even, odd, cosine, -sine)
    y = join_pairs(*(where(turn[None, :, :], new, old) for new, old in zip(turned, (even, odd), strict=True)))
    scale = scale_of(reduce_max(magnitude_bits(y), axis=2), E4M3, F32, True, GROUP_FLOOR)
    codes = scale.divide(y, (p.BLOCK_H, HEAD // GROUP, 1)).to(E4M3)
    heads = p.H // p.n_groups
    group, first = head // heads, head % heads
    place = (first * HEAD)[:, None, None] + column[None, :, :]
    store(p.q, (group[:, None, None], token, place), codes, live)
    place = (first * (HEAD // GROUP))[:, None] + block[None, :]
    store(p.scale, (group[:, None], token, place), scale.value, (head < p.H)[:, None])


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    o, rows, position = inputs["o"], inputs["cos_sin"], np.asarray(inputs["positions"], np.int64)
    width = rows.shape[1]
    known = ((position >= 0) & (position < len(rows)))[:, None, None]
    found = rows[np.where(known[:, 0, 0], position, 0)] if len(rows) else np.zeros((len(o), width))
    back = np.concatenate([found[:, : width // 2], -found[:, width // 2 :]], axis=1)[:, None]
    value, magnitude = np.array(o), np.abs(o)
    value[..., -width:] = np.where(known, rope(o[..., -width:], back), o[..., -width:])
    magnitude[..., -width:] = np.where(known, rope_magnitude(o[..., -width:], back), magnitude[..., -width:])
    shape = (len(o), int(inputs["n_groups"]), o.shape[1] // int(inputs["n_groups"]) * HEAD)
    value, magnitude = (x.reshape(shape).transpose(1, 0, 2) for x in (value, magnitude))
    amax = np.abs(value).reshape(*value.shape[:2], shape[2] // GROUP, GROUP).max(-1)
    scale = np.maximum(amax, GROUP_FLOOR) / E4M3.max_finite
    return {"q": Reference(value=value, magnitude=magnitude), "scale": Reference(value=scale)}


def sample(case: Sample) -> dict[str, Any]:
    """Positions in the table, in random data some outside."""
    sizes = case.sizes
    drawn = case.rng.integers(0, max(sizes["POSITIONS"], 1), sizes["T"])
    if case.kind == "random" and sizes["T"] > 2:
        drawn[1], drawn[2] = -3, sizes["POSITIONS"]
    return {"positions": drawn, "cos_sin": case.rng.permutation(table(case, sizes["POSITIONS"], sizes["ROPE"]))}


def _case(name: str, t: int, h: int, groups: int, **fields: Any) -> Case:
    sizes = (("T", t), ("H", h), ("POSITIONS", fields.pop("rows", 97)), ("ROPE", fields.pop("rope", 64)))
    return Case(name=name, sizes=sizes, attributes=(("n_groups", groups),), **fields)


INV_ROPE_FP8_QUANT: Op = single(
    Kernel(
        name="inv_rope_fp8_quant",
        doc="Attention output rotated back and quantised, in the order of a grouped projection.",
        axes=(T, H, POSITIONS, ROPE),
        arrays=(
            Array(
                name="o",
                doc="output of the heads",
                shapes=((T, H, HEAD),),
                formats=(BF16,),
                layout=Dense(inner=Inner.FREE),
            ),
            positions(),
            Array(name="cos_sin", doc="cosines, then sines", shapes=((POSITIONS, ROPE),), formats=(F32, BF16)),
            Array(
                name="q",
                doc="codes of the heads of every group",
                shapes=((_GROUPS, T, H // _GROUPS * HEAD),),
                formats=(E4M3,),
                access=Access.OUT,
            ),
            Array(
                name="scale",
                doc="one scale per 128 columns, a power of two",
                shapes=((_GROUPS, T, H // _GROUPS * (HEAD // GROUP)),),
                formats=(F32,),
                access=Access.OUT,
                role=Role.SCALE,
            ),
        ),
        attributes=(Attribute(name="n_groups", kind=int, required=True, minimum=1, doc="groups of consecutive heads"),),
        tunables=(
            Tunable(name="BLOCK_H", values=(1, 2, 4, 8), doc="heads per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=everywhere("inv_rope_fp8_quant"),
        grid=(T, cdiv(H, Ref("BLOCK_H"))),
        body=rotate_back,
    ),
    family="output",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, output projection",
    constraints=(
        Constraint(
            argument="o",
            holds=(H % _GROUPS).equals(0),
            message="as many heads in every group",
            failure="{H} heads do not divide into n_groups = {n_groups}",
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=quantised("q", "scale", FORM, extra=3),
    cases=(
        _case("v4", 4, 8, 2),
        _case("ragged-int64", 5, 3, 3, rope=16, formats=(("positions", INT64), ("cos_sin", BF16))),
        _case("no-tokens", 0, 4, 2),
        _case("large", 1024, 64, 8, rows=65536, large=True, golden=True),
    ),
)
