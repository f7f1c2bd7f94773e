"""int4_gemm_w4a16: 16-bit activations times INT4 weights in groups along K.

    C[m, n] = sum_k A[m, perm(k)] (u[k, n] - z[k // G, n]) s[k // G, n] + bias[n]

Weights are nibbles u in 0..15, eight consecutive k per int32 word, lowest nibble first (GPTQ's sequential order). Zero
points are 8 (symmetric, `b_zp` left out) or packed eight consecutive n per int32 word. With act-order, `g_idx` is the
permutation by which the weight rows were reordered; groups are those of the permuted order. AWQ checkpoints pack along
N in the order 0,2,4,6,1,3,5,7 and have to be repacked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.gemm.dequant_packed import INT4_PRODUCT
from specs.gemm.oracle import product
from specs.gemm.scaled import K, M, N, config, facts, grid, tunables, weight_order, within_a_group
from specs.gemm.splits import SPLITS, partial_sums, reduce_splits, step_of, steps_of
from specs.gemm.tiles import clamped, finish, span, store_tile, tile_position
from specs.lang.accuracy import Accuracy
from specs.lang.axes import Ref, cdiv
from specs.lang.elements import BF16, F16, F32, INT32, UINT8
from specs.lang.kernel import Access, Array, Attribute, Config, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.layouts import Dense, Inner
from specs.lang.op import Case, Op, Reference, Step
from specs.tile.language import (
    arange,
    both,
    dot,
    fori_loop,
    load,
    minimum,
    nibble,
    program_id,
    split_pairs,
    zeros,
)
from specs.tile.language import cdiv as tile_cdiv
from specs.tile.trace import Tile
from specs.tuned import tuned

PER_WORD, PER_BYTE = 8, 2
SYMMETRIC_ZERO = 8
GROUPS = (-1, 32, 64, 128, 256)
_MAGIC_BITS, _MAGIC = 0x4B000000, 8388608.0  # 2**23: a small integer ORed into its mantissa is that integer added
_G = Ref("group_size")
_BYTES = Ref("weight_order").equals("nk")  # the bytes of consecutive k are neighbours
_WORDS = Ref("weight_order").equals("kn")


def int4_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one split's share of it."""
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M)
    cols = span(tile_n, p.BLOCK_N)
    b_cols = clamped(cols, p.N, p.even_n)
    split = program_id(1) if p.SPLITS > 1 else None
    steps = steps_of(tile_cdiv(p.K, p.BLOCK_K * p.UNROLL), split, p.SPLITS)

    def step(k: Tile, acc: Tile) -> Tile:
        k = step_of(k, split, p.SPLITS)
        for i in range(p.UNROLL):
            acc = block(p, k * p.UNROLL + i if p.UNROLL > 1 else k, acc, rows, b_cols)
        return acc

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, steps, step, acc, stages=p.num_stages)  # scales as well as what is multiplied
    if split is None:
        finish(p, acc, rows, cols)
    else:
        store_tile(p, acc, rows, cols, (split,))


def block(p: Any, k: Tile, acc: Tile, rows: Tile, b_cols: Tile) -> Tile:
    """acc plus block k of the contraction: BLOCK_K long, inside one group. Even and odd k are multiplied apart."""
    depth = span(k, p.BLOCK_K)
    inside = None if p.even_k else depth < p.K
    order = depth if p.g_idx is None else load(p.g_idx, (depth,), inside)
    # Rows behind the last are not read. With the last one in their place, which all programs read at once, M = 1 took
    # 60 us on an H200 (N = 8192, K = 28672), M = 16 took 43.
    there = None if p.even_m else (rows < p.M)[:, None]
    a = load(p.a, (rows[:, None], order[None, :]), both(there, None if inside is None else inside[None, :]))
    a_even, a_odd = split_pairs(a)
    group = group_of(p, k)
    zero = None if p.b_zp is None else zero_point(p, group, b_cols)
    b_even, b_odd = (from_bytes if p.b.element == UINT8 else from_words)(p, k, b_cols, zero)
    partial = dot(a_odd, b_odd, dot(a_even, b_even))
    scale = load(p.b_scale, (group, b_cols)).to(F32)
    return acc + partial * scale[None, :]


def group_of(p: Any, k: Tile) -> Tile | int:
    """The group that block k lies in; blocks behind the end of K, which add zeros, read the last one."""
    if p.group_size == -1:
        return 0
    within_a_group(p, p.group_size)
    group = k if p.group_size == p.BLOCK_K else (k * p.BLOCK_K) // p.group_size
    return group if p.even_k else minimum(group, (p.K - 1) // p.group_size)


def zero_point(p: Any, group: Tile | int, b_cols: Tile) -> Tile:
    """Zero points of one group, i32 [BLOCK_N]."""
    return (load(p.b_zp, (group, b_cols // PER_WORD)) >> ((b_cols % PER_WORD) * 4)) & 15


def from_bytes(p: Any, k: Tile, b_cols: Tile, zero: Tile | None) -> tuple[Tile, Tile]:
    """u - z for the even and the odd k of block k, [BLOCK_K / 2, BLOCK_N] each: the two nibbles of every byte."""
    byte = span(k, p.BLOCK_K // PER_BYTE)
    live = None if p.even_k else (byte < p.K // PER_BYTE)[:, None]
    packed = load(p.b, (byte[:, None], b_cols[None, :]), live)
    element = p.a.element
    minus = None if zero is None else zero.to(F32).to(element)[None, :]
    return nibble(packed, False, element, minus), nibble(packed, True, element, minus)


def from_words(p: Any, k: Tile, b_cols: Tile, zero: Tile | None) -> tuple[Tile, Tile]:
    """As `from_bytes`, for weights whose bytes of consecutive k are not neighbours in memory."""
    word = span(k, p.BLOCK_K // PER_WORD)
    live = None if p.even_k else (word < p.K // PER_WORD)[:, None]
    packed = load(p.b, (word[:, None], b_cols[None, :]), live)
    pairs, shape = PER_WORD // PER_BYTE, (p.BLOCK_K // PER_BYTE, p.BLOCK_N)
    shift = (arange(pairs) * 8)[None, :, None]
    even, odd = (((packed[:, None, :] >> (shift + first)) & 15).reshape(*shape) for first in (0, 4))
    minus = _MAGIC + SYMMETRIC_ZERO if zero is None else (zero | _MAGIC_BITS).bitcast(F32)[None, :]
    even, odd = (((half | _MAGIC_BITS).bitcast(F32) - minus).to(p.a.element) for half in (even, odd))
    return even, odd


def unpack(words: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
    """Nibbles of int32 words along `axis`, lowest first."""
    wide = np.moveaxis(np.asarray(words).astype(np.int64) & 0xFFFFFFFF, axis, -1)
    nibbles = (wide[..., None] >> (4 * np.arange(PER_WORD))) & 15
    return np.moveaxis(nibbles.reshape(*wide.shape[:-1], PER_WORD * wide.shape[-1]), -1, axis)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    swap = inputs["weight_order"] == "nk"
    words = np.swapaxes(inputs["b"], 0, 1) if swap else inputs["b"]
    u = unpack(words, 0).astype(np.float64)
    k = u.shape[0]
    group = np.arange(k) // (k if inputs["group_size"] == -1 else inputs["group_size"])
    scale = np.asarray(inputs["b_scale"], np.float64)[group]
    packed_zero = inputs.get("b_zp")
    zero = np.full_like(scale, SYMMETRIC_ZERO) if packed_zero is None else unpack(packed_zero, 1)[group]
    permutation = inputs.get("g_idx")
    a = inputs["a"] if permutation is None else inputs["a"][..., permutation]
    return {"c": product(a, (u - zero) * scale, inputs.get("bias"))}


def _arrays() -> tuple[Array, ...]:
    free = Dense(inner=Inner.FREE)
    scales = tuple((str(g), ((1, N),) if g == -1 else ((cdiv(K, _G), N),)) for g in GROUPS)
    zeros_ = tuple((str(g), ((1, N // 8),) if g == -1 else ((cdiv(K, _G), N // 8),)) for g in GROUPS)
    sixteen = (BF16, F16)
    return (
        Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=sixteen),
        Array(
            name="b",
            doc="weight, eight k per word",
            shapes=((K // 8, N),),
            formats=(INT32,),
            order="weight_order",
            layout=Dense(inner=Inner.EITHER),
            role=Role.CODES,
        ),
        Array(
            name="b_scale", doc="scales", by="group_size", shapes_by=scales, formats="a", layout=free, role=Role.SCALE
        ),
        Array(
            name="b_zp",
            doc="zero points, eight n per word; 8 everywhere when left out",
            by="group_size",
            shapes_by=zeros_,
            formats=(INT32,),
            optional=True,
            layout=free,
            role=Role.ZERO_POINT,
        ),
        Array(
            name="g_idx",
            doc="act-order: column of a that multiplies row k of the weight",
            shapes=((K,),),
            formats=(INT32,),
            optional=True,
            role=Role.PERMUTATION,
        ),
        Array(
            name="bias",
            doc="addend",
            shapes=((N,),),
            formats=(F32, BF16, F16),
            optional=True,
            layout=free,
            role=Role.ADDEND,
        ),
        Array(name="c", doc="result", shapes=((Rows(M), N),), formats="a", access=Access.OUT),
    )


def _tunables() -> tuple[Tunable, ...]:
    """The family's, and programs of one warp."""
    return tuple(replace(t, values=(1, *t.values)) if t.name == "num_warps" else t for t in tunables())


def _config(target: str, tile: tuple[int, int, int], *rest: int, unroll: int = 1, **fields: Any) -> Config:
    row = config(target, tile, *rest, **fields)
    return replace(row, values=(*row.values, ("UNROLL", unroll)))


def _configs(kernel: str) -> tuple[Config, ...]:
    rows: list[Config] = []
    twice = (K % 256).equals(0)
    # Every warp reads all of A from shared memory: one for 64 columns reads it once. The blocks of one step hide
    # each other's latency, since few warps fit. Weights in words need more registers, so more warps.
    decode = (M <= 16).and_(_BYTES)
    for g in (32, 64):
        four = decode.and_(_G.equals(g)).and_((K % (4 * g)).equals(0))
        rows.append(_config("cuda", (16, 64, g), 1, 3, band=1, unroll=4, when=four))
        rows.append(_config("cuda", (16, 64, g), 4, 4, band=1, when=_G.equals(g).and_(M <= 16)))
        rows.append(_config("cuda", (64, 64, g), 4, 3, when=_G.equals(g)))
    rows.append(_config("cuda", (16, 64, 128), 1, 3, band=1, unroll=2, when=decode.and_(twice)))
    rows.append(_config("cuda", (16, 64, 128), 2, 3, band=1, unroll=2, when=(M <= 16).and_(twice)))
    rows.append(_config("cuda", (16, 64, 128), 4, 3, band=1, when=M <= 16))
    rows.append(_config("cuda", (32, 64, 128), 2, 3, band=1, unroll=2, when=(M <= 32).and_(twice)))
    rows.append(_config("cuda", (32, 64, 128), 2, 3, band=1, when=M <= 32))
    rows.append(_config("cuda", (64, 128, 128), 4, 3))
    rows += tuned("xpu", kernel, few_rows=M <= 16, rest=None)
    for target in ("cpu", "interpret"):
        wide = (128, 128) if target == "cpu" else (64, 64)
        rows += [_config(target, (*wide, g), 4, 1, band=1, when=_G.equals(g)) for g in (32, 64)]
        rows.append(_config(target, (*wide, 128), 4, 1, band=1, unroll=2, when=twice))
        rows.append(_config(target, (*wide, 128), 4, 1, band=1))
    return tuple(rows)


def _case(name: str, m: int, n: int, k: int, group: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    attributes = {"group_size": group, "weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("N", n), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), absent=absent, **fields)


_SYMMETRIC = ("b_zp", "g_idx", "bias")

_DOC = "Product of 16-bit activations and an INT4 weight in groups along K."
_ATTRIBUTES = (
    Attribute(name="group_size", kind=int, required=True, choices=GROUPS, doc="k per scale; -1 is one group for all"),
    weight_order(),
)
_SPLIT = SPLITS.differs(1)


def _kernel(name: str, in_bytes: bool, split: bool) -> Kernel:
    """The kernel that reads the weight as bytes or as words, and writes the result or one sum per split."""
    arrays = {array.name: array for array in _arrays()}
    if in_bytes:
        arrays["b"] = replace(arrays["b"], doc="weight, two k per byte", shapes=((K // 2, N),), formats=(UINT8,))
    if split:
        del arrays["bias"]
        arrays["c"] = partial_sums("c", Access.OUT)
    fact = {**dict(facts()), "even_k": (K % (Ref("BLOCK_K") * Ref("UNROLL"))).equals(0)}
    return Kernel(
        name=name,
        doc=_DOC,
        axes=(M, N, K, SPLITS),
        arrays=tuple(arrays.values()),
        attributes=_ATTRIBUTES,
        tunables=(*_tunables(), Tunable(name="UNROLL", values=(1, 2, 4), doc="blocks of K per step of the loop")),
        configs=_configs(name),
        facts=tuple(fact.items()),
        grid=(*grid(), *((SPLITS,) if split else ())),
        body=int4_gemm,
    )


def _steps() -> tuple[Step, ...]:
    whole, parts = SPLITS.equals(1), (("c", "partial"),)
    return (
        Step(kernel=_kernel("int4_gemm_w4a16", True, False), when=_BYTES.and_(whole)),
        Step(kernel=_kernel("int4_gemm_w4a16_split", True, True), arrays=parts, when=_BYTES.and_(_SPLIT)),
        Step(kernel=_kernel("int4_gemm_w4a16_words", False, False), when=_WORDS.and_(whole)),
        Step(kernel=_kernel("int4_gemm_w4a16_words_split", False, True), arrays=parts, when=_WORDS.and_(_SPLIT)),
        Step(kernel=reduce_splits(_arrays()), when=_SPLIT),
    )


INT4_GEMM_W4A16 = Op(
    name="int4_gemm_w4a16",
    doc=_DOC,
    axes=(M, N, K),
    arrays=_arrays(),
    attributes=_ATTRIBUTES,
    temporaries=(partial_sums("partial", Access.OUT),),
    steps=_steps(),
    family="gemm",
    source="GPTQ (Frantar et al., 2022) storage order",
    constraints=(
        Constraint(argument="a", holds=(K % 8).equals(0), message="K divisible by 8 (eight weights per word)"),
        Constraint(
            argument="group_size",
            holds=_G.equals(-1).or_((K % _G).equals(0)),
            message="K divisible by group_size",
        ),
        Constraint(
            argument="b_zp",
            holds=Ref("has_b_zp").equals(0).or_((N % 8).equals(0)),
            message="N divisible by 8 when zero points are packed",
        ),
    ),
    oracle=oracle,
    framework_product=INT4_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        _case("one-row", 1, 384, 384, 128, _SYMMETRIC),
        _case("asymmetric", 33, 96, 256, 128, ("g_idx",)),
        _case("act-order", 17, 64, 256, 64, formats=(("bias", BF16),)),
        _case("group-32", 9, 72, 160, 32, ("g_idx",)),
        _case("one-group", 20, 40, 136, -1, ("g_idx",)),
        _case(
            "kn-f16",
            5,
            104,
            256,
            128,
            ("g_idx",),
            formats=(("a", F16), ("bias", F16)),
            attributes={"weight_order": "kn"},
        ),
        _case("lead", 12, 64, 256, 256, ("g_idx",), lead=(2, 3, 2)),
        _case("ragged-n", 3, 67, 128, 32, ("b_zp", "g_idx")),
        _case("splits", 9, 72, 2176, 128, ("g_idx",)),
        _case("splits-kn", 4, 67, 3072, 64, ("b_zp", "bias"), attributes={"weight_order": "kn"}),
        _case("f16", 21, 48, 512, 128, ("g_idx", "bias"), formats=(("a", F16),)),
        _case("no-rows", 0, 64, 128, 128, _SYMMETRIC),
        _case("decode", 16, 8192, 28672, 128, _SYMMETRIC, large=True),
        _case("decode-down", 16, 28672, 8192, 128, _SYMMETRIC, large=True),
    ),
)
