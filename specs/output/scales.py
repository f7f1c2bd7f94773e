"""tma_aligned_scales: scales of activations token by token, as FP8 products with TMA descriptors read them.

    float32    out[g, s, t] = scale[g, t, s]
    int32      out[g, w, t] = sum over i of 0 .. 3:  byte(scale[g, t, 4 w + i]) 2^(8 i)        ue8m0, the first one low

    byte(x) = the exponent bits of x, which are its ue8m0 code where x is a power of two

Tokens are padded to a multiple of 4, which is 16 bytes, and scales per token to whole words of four: both with zeros.
DeepGEMM takes the view out.permute(2, 0, 1), [tokens, groups, scales or words].

Source: DeepGEMM, layouts of scales on Hopper (float32) and Blackwell (packed ue8m0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.scaled import G
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel, Role, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import F32, INT32, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, load, program_id, store
from specs.tuned import everywhere

T = Axis(name="T", doc="tokens")
S = Axis(name="S", doc="scales of a token")
PER_WORD = 4
ALIGNED = cdiv(T, 4) * 4


def align(p: Any) -> None:
    """BLOCK_W words of BLOCK_T tokens of one group."""
    group = program_id(2)
    token = (program_id(0) * p.BLOCK_T + arange(p.BLOCK_T))[None, :]
    word = (program_id(1) * p.BLOCK_W + arange(p.BLOCK_W))[:, None]
    padded = token < (p.T + 3) // 4 * 4

    def scale(column: Tile) -> Tile:
        # Zeros for tokens and scales of padding.
        return load(p.scale, (group, token, column), (token < p.T) & (column < p.S))

    columns = [word * PER_WORD + i for i in range(PER_WORD)]
    if p.out_dtype == F32:
        for column in columns:
            store(p.out, (group, column, token), scale(column), padded & (column < p.S))
        return
    packed = None
    for i, column in enumerate(columns):
        byte = ((scale(column).bitcast(INT32) >> 23) & 0xFF) << (8 * i)
        packed = byte if packed is None else packed | byte
    assert packed is not None
    store(p.out, (group, word, token), packed, padded & (word * PER_WORD < p.S))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    scale = np.asarray(inputs["scale"], np.float32)
    g, t, s = scale.shape
    whole = np.zeros((g, -(-t // 4) * 4, -(-s // PER_WORD) * PER_WORD), np.float32)
    whole[:, :t, :s] = scale
    if inputs["out_dtype"] == F32:
        return {"out": Reference(value=whole.transpose(0, 2, 1)[:, :s])}
    code = (whole.view(np.uint32) >> 23).astype(np.uint8).transpose(0, 2, 1)
    words = code.reshape(g, whole.shape[2] // PER_WORD, PER_WORD, whole.shape[1]).transpose(0, 1, 3, 2)
    return {"out": Reference(value=np.ascontiguousarray(words).view("<i4")[..., 0])}


def sample(case: Sample) -> dict[str, Any]:
    """Powers of two, all that float32 has as normal numbers."""
    return {"scale": np.exp2(case.rng.integers(-126, 128, case.shapes["scale"]))}


def _case(name: str, g: int, t: int, s: int, out: ElementFormat = INT32, **fields: Any) -> Case:
    return Case(name=name, sizes=(("G", g), ("T", t), ("S", s)), attributes=(("out_dtype", out),), **fields)


_OUT = "out_dtype"

TMA_ALIGNED_SCALES: Op = single(
    Kernel(
        name="tma_aligned_scales",
        doc="Scales token by token, padded, and packed as ue8m0 where asked for.",
        axes=(G, T, S),
        arrays=(
            Array(
                name="scale",
                doc="scales of every token; powers of two where they are packed",
                shapes=((G, T, S),),
                formats=(F32,),
                layout=Dense(inner=Inner.FREE),
                role=Role.SCALE,
            ),
            Array(
                name="out",
                doc="scales, or words of four, of every token in turn",
                by=_OUT,
                shapes_by=(("f32", ((G, S, ALIGNED),)), ("int32", ((G, cdiv(S, PER_WORD), ALIGNED),))),
                formats=_OUT,
                access=Access.OUT,
                role=Role.CODES,
            ),
        ),
        attributes=(
            Attribute(
                name=_OUT,
                kind=ElementFormat,
                default=F32,
                choices=(F32, INT32),
                doc="float32 scales, or int32 words of ue8m0",
            ),
        ),
        tunables=(
            Tunable(name="BLOCK_T", values=(16, 32, 64, 128), doc="tokens per program"),
            Tunable(name="BLOCK_W", values=(1, 2, 4, 8), doc="words of four scales per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=everywhere("tma_aligned_scales"),
        grid=(cdiv(ALIGNED, Ref("BLOCK_T")), cdiv(cdiv(S, PER_WORD), Ref("BLOCK_W")), G),
        body=align,
    ),
    family="output",
    definition=definition_of(__doc__),
    source="DeepGEMM, layouts of scales",
    sample=sample,
    oracle=oracle,
    accuracy=(("out", Accuracy(exact=True)),),
    cases=(
        _case("v4", 2, 7, 32),
        _case("float32", 3, 5, 12, F32),
        _case("ragged", 2, 18, 6),
        _case("whole", 1, 16, 8, F32),
        _case("no-tokens", 2, 0, 4),
        _case("large", 8, 8192, 32, large=True, golden=True),
    ),
)
