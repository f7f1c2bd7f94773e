"""hc_head: the residual streams after the last layer, weighted by their own gates.

    x = residual[t] as one row of 4 h columns               rs = 1 / sqrt(mean(x^2) + rms_eps)
    g = sigmoid((x @ fn^T) rs scale + base) + eps
    y[t] = sum_i g_i residual[t, i]

Everything is float32, but products take fn as a sum of two bfloat16 values, within 2^-17 of it, and are exact then. y
is rounded once. With generated kernels a row has the same bits whatever other rows a call has.

Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from specs.lang.declare.axes import Literal, Ref
from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.mhc.arrays import PRE_EPS, PRE_RESULTS, RMS_EPS, SOURCE, STREAMS, H, T, parameters, partial, residual
from specs.mhc.gates import HEAD_KERNEL
from specs.mhc.oracle import ACCURACY, logits, shaped, sigmoid, weighted
from specs.mhc.pre import Arrays, parameter_sample, rows_of, stream_sample
from specs.mhc.products import PRODUCTS


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    streams = rows_of(inputs["residual"])
    gates = sigmoid(logits(inputs, streams, None, inputs["scale"]), addend=float(np.float32(inputs["eps"])))
    return shaped({"y": weighted(gates, streams)}, inputs["residual"].shape[:-2])


def sample(case: Sample) -> Arrays:
    """Streams, and parameters."""
    return parameter_sample(case, STREAMS, 1) | stream_sample(case)


def _case(name: str, t: int, h: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("T", t), ("H", h)), **fields)


_COLUMNS = (("COLS", Literal(STREAMS)),)

HC_HEAD = Op(
    name="hc_head",
    doc="The residual streams after the last layer, weighted by their own gates.",
    family="mhc",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source=SOURCE,
    axes=(T, H),
    arrays=(residual(), *parameters(Literal(STREAMS), 1), replace(PRE_RESULTS[2], name="y", doc="weighted sum")),
    attributes=(RMS_EPS, replace(PRE_EPS, name="eps", doc="added to the gates")),
    temporaries=(partial(Access.OUT),),
    steps=(
        Step(kernel=PRODUCTS, sizes=_COLUMNS),
        Step(
            kernel=HEAD_KERNEL,
            arrays=(("layer_input", "y"),),
            attributes=(("pre_eps", Ref("eps")),),
            sizes=_COLUMNS,
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("y", ACCURACY),),
    cases=(
        _case("ragged", 35, 72),
        _case("two-chunks-lead", 6, 300, lead=(3, 2)),
        _case("even", 3, 128, attributes=(("eps", 1e-3),)),
        _case("no-rows", 0, 64),
        _case("large", 2048, 4096, large=True, golden=True),
    ),
)
