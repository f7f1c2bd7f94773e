"""gguf_gemm: activations times a weight in a block type of GGUF files, read as the file has it.

    C[m, n] = sum_k A[m, k] W[n, k] + bias[n]
    W[n, k] = (d s) q - dmin m

d, s, q, dmin and m are the scale, the group's scale, the code's value, the scale of minima and the group's minimum in
the block of element k of row n, as the block type declares (`specs.lang.formats.ggml`, docs/gguf.md); dmin m is added
in Q4_1 and Q5_1, and 0 in types without minima. W is not rounded: sums of A q over a group are multiplied by s in
float32, their sum over the block by d. Minima multiply the sums of A over their groups, likewise m first.

With invariant=True a row of C has the same bits whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.gemm.scaled import FREE_TILES, K, M, N, grid, invariant, tunables
from specs.gemm.splits import in_parts, splits_axis
from specs.gguf.product import GGUF_PRODUCT
from specs.gguf.tiles import gguf_gemm
from specs.gguf.weights import SOURCE, SUPER, exact_values, packed_rows, quant_type, sampled_rows, whole_blocks
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Ref, as_expr, emax
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Kernel, Role, Rows, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Reference, Sample, definition_of
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from specs.lang.formats.ggml import BLOCKS, BY_NAME, Q4_0, Q8_0
from specs.lang.formats.packed import PackedBlock
from specs.tile.library.packed import groups_as_columns, has_vectors
from specs.tuned import tuned

_FLOATS = (BF16, F16, F32)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, float64."""
    w, magnitudes = exact_values(BY_NAME[inputs["quant_type"]], np.asarray(inputs["b"]))
    a, bias = inputs["a"], inputs.get("bias")
    value, magnitude = a @ w.T, np.abs(a) @ magnitudes.T
    if bias is not None:
        value, magnitude = value + bias, magnitude + np.abs(bias)
    return {"c": Reference(value=value, magnitude=magnitude)}


def sample(case: Sample) -> dict[str, Any]:
    """The weight's bytes."""
    return {"b": sampled_rows(case, case.sizes["N"], case.sizes["K"])}


_ARRAYS = (
    Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=_FLOATS),
    packed_rows("b", N, K, "weight, a row of blocks per column of c"),
    Array(
        name="bias",
        doc="addend",
        shapes=((N,),),
        formats=_FLOATS,
        optional=True,
        layout=Dense(inner=Inner.FREE),
        role=Role.ADDEND,
    ),
    Array(name="c", doc="result", shapes=((Rows(M), N),), formats="out_dtype", access=Access.OUT),
)
_ATTRIBUTES = (
    quant_type(),
    Attribute(name="out_dtype", kind=ElementFormat, choices=_FLOATS, follows="a", doc="format of the result"),
    invariant(),
)
_WHOLE = (K % SUPER).equals(0)


def _any_of(forms: Iterable[PackedBlock]) -> Expr:
    """Whether the weight is in one of these types."""
    found = as_expr(0)
    for form in forms:
        found = found.or_(Ref("quant_type").equals(form.name))
    return found


_SMALL = _any_of(form for form in BLOCKS if form.elements < SUPER)
# Large blocks keep a GPU busy with half as many programs, which then write half the sums: on an H200 8 parts of K take
# 2 to 7 % less than 14 in Q4_K, and in Q8_0 16 parts take 41 us and 8 parts 56.
# Of 4096 x 4096 in Q4_K one row takes 6.4 us in four parts and 6.9 in eight, 16 rows 12.3 and 10.7, 32 rows 14.6
# and 15.7.
_FEWER = emax(M > 16, M.equals(1).and_(_SMALL.equals(0)))
SPLITS = splits_axis(programs=512 + 512 * _SMALL, least=512 + 512 * _FEWER, most=16)


def _configs() -> tuple[Config, ...]:
    # Steps shorter than a block of 256 go through it part by part: programs are shorter, and read scales more often.
    few, fewest, some = FREE_TILES.and_(M <= 16), FREE_TILES.and_(M <= 8), FREE_TILES.and_(M <= 64)
    by_group = _any_of(f for f in BLOCKS if f.elements == SUPER and groups_as_columns(f) and has_vectors(f))
    one_row = FREE_TILES.and_(M.equals(1)).and_(_WHOLE).and_(by_group)
    halves = _any_of(form for form in BLOCKS if form.elements == SUPER and form.bytes % 4)
    cuda: dict[str, Expr | None] = {
        "one_row": one_row,
        "fewest_rows_small_blocks": fewest.and_(_WHOLE).and_(_SMALL),
        "few_rows_small_blocks": few.and_(_WHOLE).and_(_SMALL),
        "fewest_rows_16_bit_words": fewest.and_(_WHOLE).and_(halves),
        "few_rows_16_bit_words": few.and_(_WHOLE).and_(halves),
        "fewest_rows": fewest.and_(_WHOLE),
        "few_rows": few.and_(_WHOLE),
        "few_rows_short": few,
        "rows_32_small_blocks": some.and_(_WHOLE).and_(_SMALL),
        "rows_32_16_bit_words": some.and_(_WHOLE).and_(halves),
        "rows_32": some.and_(_WHOLE),
        "rest": _WHOLE,
        "rest_short": None,
    }
    words = _any_of(form for form in BLOCKS if form.elements == SUPER and not form.bytes % 4)
    # XLA's compiler fetches rows of A ahead only where one product takes them, so sums of A are none.
    pallas = {
        "one_row": one_row,
        "fewest_rows_8_and_4_bits": fewest.and_(_WHOLE).and_(_any_of((Q8_0, Q4_0))),
        "fewest_rows": fewest.and_(_WHOLE).and_(words),
        "few_rows": few.and_(_WHOLE).and_(words),
    }
    rows = {name: cuda[name] for name in ("few_rows", "few_rows_short", "rest", "rest_short")}
    host = {"whole": _WHOLE, "short": None}
    return (
        *tuned("cuda.pallas", "gguf_gemm", **pallas),
        *tuned("cuda", "gguf_gemm", **cuda),
        *tuned("xpu", "gguf_gemm", **rows),
        *tuned("cpu", "gguf_gemm", **host),
        *tuned("interpret", "gguf_gemm", one_row=one_row, **host),
    )


def _tunables() -> tuple[Tunable, ...]:
    kept = {tunable.name: tunable for tunable in tunables(least_rows=8)}
    return (
        replace(kept["BLOCK_M"], values=(1, *kept["BLOCK_M"].values)),
        kept["BLOCK_N"],
        Tunable(name="STEP", values=(32, 64, 128, 256), doc="elements of K per step of the loop"),
        Tunable(name="WIDE", values=(0, 1, 2), doc="what is loaded at once: a run, numbers of a block, all its codes"),
        Tunable(name="SUM_BY_DOT", values=(0, 1), doc="whether A is summed by products with ones"),
        Tunable(name="RUN", values=(0, 1), doc="whether a part of K is a run of steps; else parts take turns"),
        kept["GROUP_M"],
        Tunable(name="num_warps", values=(1, *kept["num_warps"].values)),
        kept["num_stages"],
    )


_KERNEL = Kernel(
    name="gguf_gemm",
    doc="Product of activations and a weight in a block type of GGUF files.",
    axes=(M, N, K, SPLITS),
    arrays=_ARRAYS,
    attributes=_ATTRIBUTES,
    tunables=_tunables(),
    configs=_configs(),
    static_conditions=(("even_m", (M % Ref("BLOCK_M")).equals(0)), ("even_n", (N % Ref("BLOCK_N")).equals(0))),
    grid=grid(),
    body=gguf_gemm,
)


def _case(name: str, form: str, m: int, n: int, k: int, *, bias: bool = False, **fields: Any) -> Case:
    return Case(
        name=name,
        sizes=(("M", m), ("N", n), ("K", k)),
        attributes=(("quant_type", form), *fields.pop("attributes", ())),
        absent=() if bias else ("bias",),
        **fields,
    )


GGUF_GEMM = in_parts(
    _KERNEL,
    SPLITS,
    family="gguf",
    independent=(Independent(M),),
    definition=definition_of(__doc__),
    source=SOURCE,
    constraints=(whole_blocks("a", K),),
    sample=sample,
    oracle=oracle,
    framework_product=GGUF_PRODUCT,
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        _case("q4-0", "Q4_0", 1, 40, 96, bias=True, formats=(("bias", F32),)),
        _case("q4-1-f32", "Q4_1", 5, 9, 64, formats=(("a", F32),)),
        _case("q5-0", "Q5_0", 3, 17, 32, bias=True, formats=(("bias", F16),), attributes=(("out_dtype", F16),)),
        _case("q5-1-lead", "Q5_1", 6, 20, 64, lead=(2, 3)),
        _case("q8-0", "Q8_0", 17, 24, 64, formats=(("a", F16),), attributes=(("out_dtype", BF16),)),
        _case("q2-k", "Q2_K", 2, 8, 256),
        _case("q3-k", "Q3_K", 2, 8, 256),
        _case("q4-k-splits", "Q4_K", 2, 9, 2304, bias=True, formats=(("bias", BF16),)),
        _case("q4-k-one-row", "Q4_K", 1, 9, 1280, bias=True, formats=(("a", F16),), attributes=(("out_dtype", F32),)),
        _case("q5-k-rows", "Q5_K", 33, 8, 256, attributes=(("out_dtype", F32), ("invariant", True))),
        _case("q6-k", "Q6_K", 2, 8, 256, formats=(("a", F16),)),
        _case("q4-k-24-rows", "Q4_K", 24, 70, 1024, bias=True, formats=(("bias", F32),)),
        _case("q6-k-40-rows", "Q6_K", 40, 12, 512, attributes=(("out_dtype", F32),)),
        _case("q8-0-33-rows", "Q8_0", 33, 20, 512),
        _case("iq4-nl", "IQ4_NL", 2, 20, 64),
        _case("mxfp4", "MXFP4", 2, 20, 64),
        _case("no-rows", "Q4_K", 0, 16, 256),
        _case("decode-one-row", "Q4_K", 1, 4096, 14336, large=True),
        _case("decode", "Q4_K", 16, 4096, 14336, large=True, golden=True),
        _case("decode-q6-k", "Q6_K", 1, 4096, 14336, large=True),
    ),
)
