"""Mixture of experts: router, permutation by expert, two grouped products, and the weighted sum per token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import Dense, Fp8Block, Grouped, Int4Grouped, Mxfp4, quantised
from jax_impl.layers.mlp import activation
from jax_impl.layers.step import Options, Step


def experts(step: Step, weights: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """The experts that the router chooses for every token, [T, hidden] -> [T, hidden].

    Logits of the router are float32: bfloat16 ones would change the set of experts of one token in fifty.
    """
    moe, how = step.config.moe, step.options.implementation
    assert moe is not None
    logits = ops.gemm(
        x,
        weights["router"],
        weights.get("router_bias"),
        weight_order="nk",
        out_dtype=jnp.float32,
        invariant=step.options.invariant,
        implementation=how,
    )
    # Softmax over the chosen logits is softmax over all, renormalised.
    renormalize = moe.renormalize or moe.score == "topk_softmax"
    scale, ids = ops.moe_route(
        logits,
        is_padding=step.batch.slot_mapping < 0,
        topk=moe.top_k,
        score="softmax",
        renormalize=renormalize,
        implementation=how,
    )
    order, offsets, inverse = ops.moe_permute(
        ids, _own_experts(step), num_experts=step.config.held_experts, implementation=how
    )
    hidden = grouped(x, weights["w13"], offsets, order, weights.get("w13_bias"), topk=moe.top_k, options=step.options)
    gated = activation(step, hidden)
    rows = grouped(gated, weights["w2"], offsets, None, weights.get("w2_bias"), topk=1, options=step.options)
    return step.options.total(ops.moe_combine(rows, inverse, scale, out_dtype=x.dtype, implementation=how))


def _own_experts(step: Step) -> jax.Array | None:
    """The number on this device of every expert, -1 of another device's; None where all are here."""
    moe, axis = step.config.moe, step.options.axis
    assert moe is not None
    if axis is None:
        return None
    own = jnp.arange(moe.experts, dtype=jnp.int32) - jax.lax.axis_index(axis) * step.config.held_experts
    return jnp.where((own >= 0) & (own < step.config.held_experts), own, -1)


def grouped(
    x: jax.Array,
    weight: Grouped,
    offsets: jax.Array,
    order: jax.Array | None,
    bias: jax.Array | None,
    *,
    topk: int,
    options: Options,
) -> jax.Array:
    """Products of rows with the weights [E, N, K] of their experts; with an order, of the rows that it names."""
    settings: dict[str, Any] = {
        "weight_order": "nk",
        "topk": topk,
        "invariant": options.invariant,
        "implementation": options.implementation,
    }
    match weight:
        case Dense():
            return ops.grouped_gemm(x, weight.values, offsets, order, bias, **settings)
        case Fp8Block():
            codes, scale = quantised(x, options)
            settings["out_dtype"] = x.dtype
            return ops.grouped_gemm_fp8(codes, weight.codes, weight.scale, offsets, order, scale, bias, **settings)
        case Int4Grouped():
            settings["group_size"] = weight.group_size
            return ops.grouped_gemm_int4(x, weight.b, weight.b_scale, offsets, order, weight.b_zp, bias, **settings)
        case Mxfp4():
            settings["out_dtype"] = x.dtype
            return ops.grouped_gemm_mxfp4(x, weight.codes, weight.scale, offsets, order, None, bias, **settings)
