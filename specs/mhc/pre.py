"""mhc_pre and mhc_fused_post_pre: gates of the residual streams, and the input of the next layer.

    x    = residual[t] as one row of 4 h columns            rs = 1 / sqrt(mean(x^2) + rms_eps)
    mix  = (x @ fn^T) rs                                    24 columns: 4 pre, 4 post, 16 comb row by row
    pre  = sigmoid(mix_pre scale[0] + base_pre) + pre_eps
    post = post_mult sigmoid(mix_post scale[1] + base_post)
    comb = softmax of the rows of mix_comb scale[2] + base_comb, plus sinkhorn_eps; divided by its column sums plus
           sinkhorn_eps; then repeat - 1 times by its row sums and by its column sums, each plus sinkhorn_eps
    layer_input = sum_i pre_i residual[t, i]                and, where norm_weight is passed, y / sqrt(mean(y^2) +
                                                            norm_eps) norm_weight, rounded once

Everything is float32, but products take fn as a sum of two bfloat16 values, within 2^-17 of it, and are exact then.
They are added over 256 columns of each stream, and then over these, so that with generated kernels a row has the same
bits whatever other rows a call has.

Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from specs.lang.declare.axes import Literal
from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import BF16
from specs.mhc.arrays import (
    GATES,
    NORM_WEIGHT,
    PRE_ATTRIBUTES,
    PRE_RESULTS,
    SOURCE,
    STREAMS,
    H,
    T,
    bf16,
    gate,
    parameters,
    partial,
    residual,
)
from specs.mhc.gates import GATES_KERNEL
from specs.mhc.oracle import ACCURACY, gated, normalised, rounded, shaped, sizes_of, weighted
from specs.mhc.post import ACCURACY as POST_ACCURACY
from specs.mhc.post import MHC_POST, mixed_reference
from specs.mhc.products import PRODUCTS

NDArray = np.ndarray[Any, Any]
Arrays = dict[str, NDArray]


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    streams = inputs["residual"]
    return shaped(gated_input(inputs, rows_of(streams)), streams.shape[:-2])


def fused_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definitions of mhc_post, rounded to bfloat16, and of mhc_pre after it."""
    streams = mixed_reference(*(inputs[name] for name in ("prev_post", "prev_comb", "x", "residual")))
    lead = streams.value.shape[:-2]
    value, slack = (rows_of(x) for x in rounded(streams, POST_ACCURACY, sizes_of(streams.value)))
    return {"residual_cur": streams, **shaped(gated_input(inputs, value, slack), lead)}


def rows_of(streams: NDArray) -> NDArray:
    """Streams with one leading dimension."""
    return streams.reshape(prod(streams.shape[:-2]), *streams.shape[-2:])


def gated_input(inputs: Mapping[str, Any], streams: NDArray, slack: NDArray | None = None) -> dict[str, Reference]:
    """post, comb and layer_input of rows [T, 4, h]."""
    gates = gated(inputs, streams, slack)
    layer = weighted(gates.pre, streams, slack)
    if inputs.get("norm_weight") is not None:
        layer = normalised(layer, inputs["norm_weight"], float(np.float32(inputs["norm_eps"])))
    post = Reference(value=gates.post.value[..., None], magnitude=np.asarray(gates.post.magnitude)[..., None])
    return {"post": post, "comb": gates.comb, "layer_input": layer}


def parameter_sample(case: Sample, gates: int, scales: int) -> Arrays:
    """Parameters with which gates are neither open nor closed."""
    rng, columns = case.rng, STREAMS * case.sizes["H"]
    return {
        "fn": rng.standard_normal((gates, columns)) / np.sqrt(columns),
        "scale": rng.uniform(0.5, 1.5, scales),
        "base": rng.standard_normal(gates),
    }


def stream_sample(case: Sample) -> Arrays:
    """Streams of rows of very different magnitude, one of them zero."""
    shape = case.shapes["residual"]
    x = case.rng.standard_normal(shape) * np.exp2(case.rng.integers(-6, 7, (*shape[:-2], 1, 1)))
    rows_of(x)[1:2] = 0.0
    return {"residual": x}


def sample(case: Sample) -> Arrays:
    """Streams, and parameters."""
    weight = case.rng.uniform(0.5, 1.5, case.sizes["H"])
    return parameter_sample(case, GATES, 3) | stream_sample(case) | {"norm_weight": weight}


def fused_sample(case: Sample) -> Arrays:
    """As above, and gates of the layer before; for exact data of small numbers whose products are exact."""
    rng, shapes = case.rng, case.shapes
    found = sample(case)
    if case.kind == "exact":
        found |= {name: rng.integers(-4, 5, shapes[name]) * 1.0 for name in ("x", "residual")}
        return found | {name: rng.choice([0.25, 0.5, 1.0], shapes[name]) for name in ("prev_post", "prev_comb")}
    found["prev_post"] = rng.uniform(0.0, 2.0, shapes["prev_post"])
    return found | {"prev_comb": rng.dirichlet(np.ones(STREAMS), shapes["prev_comb"][:-1])}


def _case(name: str, t: int, h: int, **fields: Any) -> Case:
    fields = {"absent": ("norm_weight",), **fields}
    return Case(name=name, sizes=(("T", t), ("H", h)), **fields)


_COLUMNS = (("COLS", Literal(GATES)),)
_RESULTS = (("post", ACCURACY), ("comb", ACCURACY), ("layer_input", ACCURACY))

MHC_PRE = Op(
    name="mhc_pre",
    doc="Gates of the residual streams, and the input of the next layer.",
    family="mhc",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source=SOURCE,
    axes=(T, H),
    arrays=(residual(), *parameters(Literal(GATES), 3), NORM_WEIGHT, *PRE_RESULTS),
    attributes=PRE_ATTRIBUTES,
    temporaries=(partial(Access.OUT),),
    steps=(Step(kernel=PRODUCTS, sizes=_COLUMNS), Step(kernel=GATES_KERNEL, sizes=_COLUMNS)),
    sample=sample,
    oracle=oracle,
    accuracy=_RESULTS,
    cases=(
        _case("ragged", 35, 72),
        _case("two-chunks", 3, 300),
        _case("norm-lead", 6, 512, lead=(2, 3), absent=()),
        _case("norm-bf16", 3, 72, absent=(), formats=(("norm_weight", BF16),)),
        _case("settings", 5, 128, attributes=(("pre_eps", 1e-3), ("post_mult", 1.0), ("repeat", 1))),
        _case("no-rows", 0, 64),
        _case("large", 2048, 4096, large=True, golden=True),
    ),
)

MHC_FUSED_POST_PRE = Op(
    name="mhc_fused_post_pre",
    doc="mhc_post of one layer and mhc_pre of the next one, which reads the newest streams while they are cached.",
    family="mhc",
    independent=(Independent(T),),
    definition=f"""
    residual_cur = mhc_post(x, residual, prev_post, prev_comb), rounded to bfloat16
    post, comb, layer_input = mhc_pre(residual_cur, fn, scale, base)

{definition_of(__doc__)}
""",
    source=SOURCE,
    axes=(T, H),
    arrays=(
        bf16("x", "output of the layer before", H),
        residual(),
        gate("prev_post", "post of the layer before", STREAMS, 1),
        gate("prev_comb", "comb of the layer before", STREAMS, STREAMS),
        *parameters(Literal(GATES), 3),
        NORM_WEIGHT,
        residual(Access.OUT, "residual_cur"),
        *PRE_RESULTS,
    ),
    attributes=PRE_ATTRIBUTES,
    # One kernel that mixes and multiplies took longer than the two: gates of a row for every lane leave few registers.
    steps=(
        Step(op=MHC_POST, arrays=(("post", "prev_post"), ("comb", "prev_comb"), ("y", "residual_cur"))),
        Step(op=MHC_PRE, arrays=(("residual", "residual_cur"),)),
    ),
    sample=fused_sample,
    oracle=fused_oracle,
    accuracy=(("residual_cur", POST_ACCURACY), *_RESULTS),
    cases=(
        _case("ragged", 35, 72),
        _case("two-chunks", 3, 512, absent=(), formats=(("norm_weight", BF16),)),
        _case("norm-lead", 6, 300, lead=(2, 3), absent=()),
        _case("no-rows", 0, 64),
        _case("large", 2048, 4096, large=True, golden=True),
    ),
)
