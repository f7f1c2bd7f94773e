"""Soft-capping of scores and logits, y = cap tanh(x / cap), in a package of its own.

    pip install .                  # beside twinkernels
    parity list                    # softcap is the last one
    parity run softcap             # both frameworks against float64
    pytest                         # what the specification promises, test by test

Without installing: `parity --load softcap.py run softcap`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Kernel, Rows, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, single
from specs.lang.formats.elements import BF16, F16, F32
from specs.tile.language import absolute, arange, exp2, load, program_id, store, where

M = Axis(name="M", doc="rows")
N = Axis(name="N", doc="scores of a row")


def softcap(p: Any) -> None:
    """BLOCK_N scores of one row."""
    row, columns = program_id(0), program_id(1) * p.BLOCK_N + arange(p.BLOCK_N)
    inside = columns < p.N
    x = load(p.x, (row, columns), inside).to(F32) / p.cap
    e = exp2(absolute(x) * (-2.0 * math.log2(math.e)))  # at most 1: nothing overflows
    y = (1.0 - e) / (1.0 + e) * p.cap
    store(p.y, (row, columns), where(x < 0.0, -y, y).to(p.y.element), inside)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition. The cap is the size of what is subtracted, however small the result."""
    y = inputs["cap"] * np.tanh(inputs["x"] / inputs["cap"])
    return {"y": Reference(value=y, magnitude=np.full(y.shape, inputs["cap"]))}


SOFTCAP: Op = single(
    Kernel(
        name="softcap",
        doc="Scores, bounded smoothly.",
        axes=(M, N),
        arrays=(
            Array(name="x", doc="scores", shapes=((Rows(M), N),), formats=(F32, BF16, F16)),
            Array(name="y", doc="between -cap and cap", shapes=((Rows(M), N),), formats="x", access=Access.OUT),
        ),
        attributes=(
            Attribute(name="cap", kind=float, default=30.0, minimum=0.01, maximum=10000.0, doc="the largest score"),
        ),
        tunables=(Tunable(name="BLOCK_N", values=(128, 1024)), Tunable(name="num_warps", values=(1, 4))),
        configs=tuple(
            Config(target=target, values=(("BLOCK_N", block), ("num_warps", 4)))
            for target, block in (("cuda", 1024), ("xpu", 1024), ("cpu", 1024), ("interpret", 128))
        ),
        grid=(M, cdiv(N, Ref("BLOCK_N"))),
        body=softcap,
    ),
    family="example",
    definition="    y[m, n] = cap tanh(x[m, n] / cap)",
    source="Gemma 2 (2024), section 2",
    independent=(Independent(M),),
    oracle=oracle,
    # exp2 rounds 6 times and its argument twice; a division, a difference, a sum, a division and a product follow.
    accuracy=(("y", Accuracy(extra=13, exact_for_exact_sums=False)),),
    cases=(
        Case(name="ragged", sizes=(("M", 3), ("N", 200)), golden=True),
        Case(name="bf16-lead", sizes=(("M", 4), ("N", 130)), lead=(2, 2), formats=(("x", BF16),)),
        Case(name="small-cap", sizes=(("M", 2), ("N", 128)), attributes=(("cap", 0.5),)),
        Case(name="empty", sizes=(("M", 0), ("N", 5))),
    ),
)
