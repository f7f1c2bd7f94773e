"""What products with INT4 weights declare alike: arguments of the weight, tunables, configurations, kernels, steps.

Weights are nibbles u in 0..15, eight consecutive k per int32 word, lowest nibble first (GPTQ's sequential order). Zero
points are 8 (symmetric, `b_zp` left out) or packed eight consecutive n per int32 word. With act-order, `g_idx` is the
permutation by which the weight rows were reordered; groups follow the permuted order. AWQ checkpoints pack along
N in the order 0,2,4,6,1,3,5,7 and have to be repacked first. Checkpoints with signed codes have their highest bit
flipped first (u = code + 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specs.gemm.int4_tiles import PER_WORD, SYMMETRIC_ZERO
from specs.gemm.scaled import FREE_TILES, K, M, N, grid, invariant, static_conditions, tunables, weight_order
from specs.gemm.splits import SPLITS, partial_sums, reduce_splits
from specs.lang.declare.axes import Expr, Ref, cdiv
from specs.lang.declare.kernel import (
    Access,
    Array,
    Attribute,
    Body,
    Config,
    Constraint,
    FormatSource,
    Kernel,
    Role,
    Shape,
    Tunable,
)
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Step
from specs.lang.formats.elements import BF16, F16, F32, INT32, UINT8
from specs.tuned import tuned

GROUPS = (-1, 32, 64, 128, 256)
SOURCE = "GPTQ (Frantar et al., 2022) storage order"
_G = Ref("group_size")
_BYTES = Ref("weight_order").equals("nk")  # the bytes of consecutive k are neighbours
_WORDS = Ref("weight_order").equals("kn")
_FREE = Dense(inner=Inner.FREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What differs between the products: the arguments in order, the attributes, and the tile program."""

    name: str
    doc: str
    arrays: tuple[Array, ...]
    attributes: tuple[Attribute, ...]
    body: Body


def unpack(words: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
    """Nibbles of int32 words along `axis`, lowest first."""
    wide = np.moveaxis(np.asarray(words).astype(np.int64) & 0xFFFFFFFF, axis, -1)
    nibbles = (wide[..., None] >> (4 * np.arange(PER_WORD))) & 15
    return np.moveaxis(nibbles.reshape(*wide.shape[:-1], PER_WORD * wide.shape[-1]), -1, axis)


def weights(inputs: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """(u - z) s, float64 [K, N], of the arguments that `weight_arrays` declares."""
    swap = inputs["weight_order"] == "nk"
    words = np.swapaxes(inputs["b"], 0, 1) if swap else inputs["b"]
    u = unpack(words, 0).astype(np.float64)
    k = u.shape[0]
    group = np.arange(k) // (k if inputs["group_size"] == -1 else inputs["group_size"])
    scale = np.asarray(inputs["b_scale"], np.float64)[group]
    packed_zero = inputs.get("b_zp")
    zero = np.full_like(scale, SYMMETRIC_ZERO) if packed_zero is None else unpack(packed_zero, 1)[group]
    return np.asarray((u - zero) * scale)


def permuted(a: np.ndarray[Any, Any], inputs: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Columns of the activations in the order of the weight's rows."""
    permutation = inputs.get("g_idx")
    return a if permutation is None else np.asarray(a[..., permutation])


def _per_group(dim: Any) -> tuple[tuple[str, tuple[Shape, ...]], ...]:
    return tuple((str(g), ((1, dim),) if g == -1 else ((cdiv(K, _G), dim),)) for g in GROUPS)


def weight() -> Array:
    """The weight."""
    return Array(
        name="b",
        doc="weight, eight k per word",
        shapes=((K // 8, N),),
        formats=(INT32,),
        order="weight_order",
        layout=Dense(inner=Inner.EITHER),
        role=Role.CODES,
    )


def group_scales(formats: FormatSource) -> Array:
    """Scales of the weight's groups."""
    return Array(
        name="b_scale",
        doc="scales",
        by="group_size",
        shapes_by=_per_group(N),
        formats=formats,
        layout=_FREE,
        role=Role.SCALE,
    )


def weight_extras() -> tuple[Array, ...]:
    """Zero points of the weight's groups, and the order of its rows."""
    return (
        Array(
            name="b_zp",
            doc="zero points, eight n per word; 8 everywhere when left out",
            by="group_size",
            shapes_by=_per_group(N // 8),
            formats=(INT32,),
            optional=True,
            layout=_FREE,
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
    )


def bias() -> Array:
    """The addend of every row."""
    return Array(
        name="bias",
        doc="addend",
        shapes=((N,),),
        formats=(F32, BF16, F16),
        optional=True,
        layout=_FREE,
        role=Role.ADDEND,
    )


def _order() -> Attribute:
    order = weight_order(" is")
    return replace(order, doc=f"{order.doc}; scales and zero points are [groups, N] in both")


def attributes() -> tuple[Attribute, ...]:
    """How the weight is grouped and passed."""
    doc = "k per scale; -1 is one group for all"
    return (Attribute(name="group_size", kind=int, required=True, choices=GROUPS, doc=doc), _order(), invariant())


def constraints() -> tuple[Constraint, ...]:
    """Conditions on sizes."""
    return (
        Constraint(
            argument="a",
            holds=(K % 8).equals(0),
            message="K divisible by 8 (eight weights per word)",
            failure="K = {K} must be a multiple of 8, the weights in a word",
        ),
        Constraint(
            argument="group_size",
            holds=_G.equals(-1).or_((K % _G).equals(0)),
            message="K divisible by group_size",
            failure="K = {K} must be a multiple of group_size = {group_size}",
        ),
        Constraint(
            argument="b_zp",
            holds=Ref("has_b_zp").equals(0).or_((N % 8).equals(0)),
            message="N divisible by 8 when zero points are packed",
            failure="N = {N} must be a multiple of 8, the zero points in a word",
        ),
    )


def _tunables() -> tuple[Tunable, ...]:
    """The family's, and programs of one warp."""
    return tuple(replace(t, values=(1, *t.values)) if t.name == "num_warps" else t for t in tunables())


def _configs(kernel: str) -> tuple[Config, ...]:
    twice = (K % 256).equals(0)
    # Every warp reads all of A from shared memory: one for 64 columns reads it once. The blocks of one step hide
    # each other's latency, since few warps fit. Weights in words need more registers, so more warps.
    few, some = FREE_TILES.and_(M <= 16), FREE_TILES.and_(M <= 32)
    decode = few.and_(_BYTES)
    cuda: dict[str, Expr | None] = {}
    for g in (32, 64):
        cuda |= {
            f"groups_{g}_decode": decode.and_(_G.equals(g)).and_((K % (4 * g)).equals(0)),
            f"groups_{g}_few_rows": _G.equals(g).and_(few),
            f"groups_{g}": _G.equals(g),
        }
    cuda |= {
        "decode": decode.and_(twice),
        "few_rows_unrolled": few.and_(twice),
        "few_rows": few,
        "rows_32_unrolled": some.and_(twice),
        "rows_32": some,
        "rest": None,
    }
    on_host: dict[str, Expr | None] = {"groups_32": _G.equals(32), "groups_64": _G.equals(64)}
    on_host |= {"unrolled": twice, "rest": None}
    return (
        *tuned("cuda", "int4", **cuda),
        *tuned("xpu", kernel, few_rows=few, rest=None),
        *tuned("cpu", "int4", **on_host),
        *tuned("interpret", "int4", **on_host),
    )


def case(name: str, m: int, n: int, k: int, group: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    """A case from sizes, of a weight in the usual checkpoint order."""
    given = {"group_size": group, "weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("N", n), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(given.items()), absent=absent, **fields)


_SPLIT = SPLITS.differs(1)


def _kernel(form: Product, name: str, in_bytes: bool, split: bool) -> Kernel:
    """The kernel that reads the weight as bytes or as words, and writes the result or one sum per split."""
    arrays = {array.name: array for array in form.arrays}
    if in_bytes:
        arrays["b"] = replace(arrays["b"], doc="weight, two k per byte", shapes=((K // 2, N),), formats=(UINT8,))
    if split:
        del arrays["bias"]
        arrays["c"] = partial_sums("c", Access.OUT)
    fact = {**dict(static_conditions()), "even_k": (K % (Ref("BLOCK_K") * Ref("UNROLL"))).equals(0)}
    return Kernel(
        name=name,
        doc=form.doc,
        axes=(M, N, K, SPLITS),
        arrays=tuple(arrays.values()),
        attributes=form.attributes,
        tunables=(*_tunables(), Tunable(name="UNROLL", values=(1, 2, 4), doc="blocks of K per step of the loop")),
        configs=_configs(name),
        static_conditions=tuple(fact.items()),
        grid=(*grid(), *((SPLITS,) if split else ())),
        body=form.body,
    )


def steps(form: Product) -> tuple[Step, ...]:
    """One kernel, or one that leaves a sum per split and one that adds them up."""
    whole, parts = SPLITS.equals(1), (("c", "partial"),)
    name = form.name
    return (
        Step(kernel=_kernel(form, name, True, False), when=_BYTES.and_(whole)),
        Step(kernel=_kernel(form, f"{name}_split", True, True), arrays=parts, when=_BYTES.and_(_SPLIT)),
        Step(kernel=_kernel(form, f"{name}_words", False, False), when=_WORDS.and_(whole)),
        Step(kernel=_kernel(form, f"{name}_words_split", False, True), arrays=parts, when=_WORDS.and_(_SPLIT)),
        Step(kernel=reduce_splits(form.arrays), when=_SPLIT),
    )
