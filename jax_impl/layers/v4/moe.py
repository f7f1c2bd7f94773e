"""Mixture of experts of DeepSeek-V4, with a shared expert; the first layers choose by token id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import linear
from jax_impl.layers.moe import grouped
from jax_impl.layers.v4.step import Step


def experts(step: Step, weights: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """The shared expert and the weighted sum of those chosen for every token, [T, hidden] -> [T, hidden].

    A weight "experts_of_token" is a table of experts by token id; without it the router's logits choose.
    """
    config, batch, how = step.config, step.batch, step.options.implementation
    logits = ops.gemm(
        x,
        weights["router"],
        weight_order="nk",
        out_dtype=jnp.float32,
        invariant=step.options.invariant,
        implementation=how,
    )
    table = weights.get("experts_of_token")
    scale, ids = ops.moe_route(
        logits,
        weights.get("correction_bias"),
        table,
        None if table is None else batch.token_ids,
        batch.slot_mapping < 0,
        topk=config.top_k,
        score="sqrtsoftplus",
        renormalize=config.renormalize,
        routed_scaling_factor=config.route_scale,
        implementation=how,
    )
    order, offsets, inverse = ops.moe_permute(ids, num_experts=config.experts, implementation=how)
    hidden = grouped(x, weights["w13"], offsets, order, None, topk=config.top_k, options=step.options)
    rows = grouped(activation(step, hidden), weights["w2"], offsets, None, None, topk=1, options=step.options)
    shared = activation(step, linear(x, weights["shared_gate_up"], options=step.options))
    shared = linear(shared, weights["shared_down"], options=step.options)
    return ops.moe_combine(rows, inverse, scale, shared, out_dtype=x.dtype, implementation=how)


def activation(step: Step, gate_up: jax.Array) -> jax.Array:
    """SiLU of the gates times the factors, both bounded, [.., 2 I] -> [.., I]."""
    how = step.options.implementation
    return ops.act_and_mul(gate_up, kind="clamp", limit=step.config.act_limit, implementation=how)
