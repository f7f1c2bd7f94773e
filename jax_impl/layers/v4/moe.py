"""Mixture of experts of DeepSeek-V4, with a shared expert; the first layers choose by token id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import jax
import jax.numpy as jnp

from jax_impl import ops
from jax_impl.layers.linear import Dense, Fp8Block, Mxfp4, linear
from jax_impl.layers.v4.step import Step
from specs.lang.formats.elements import E8M0, F32, ElementFormat

Scheme = Literal["dense", "fp8", "mxfp4_fp8"]
SCHEMES: Final[Mapping[type, tuple[Scheme, ElementFormat]]] = {
    Dense: ("dense", F32),
    Fp8Block: ("fp8", F32),
    Mxfp4: ("mxfp4_fp8", E8M0),
}
"""`fused_moe`'s formats of weights and activations, and of the weights' scales, by the type of the weights."""


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
    shared = activation(step, linear(x, weights["shared_gate_up"], options=step.options))
    scheme, scale_format = scheme_of(weights["w13"])
    settings: dict[str, Any] = {**arrays("w13", weights["w13"]), **arrays("w2", weights["w2"])}
    found: jax.Array = ops.fused_moe(
        x,
        weights=scale,
        ids=ids,
        shared=linear(shared, weights["shared_down"], options=step.options),
        scheme=scheme,
        scale_format=scale_format,
        kind="clamp",
        limit=config.act_limit,
        invariant=step.options.invariant,
        implementation=how,
        **settings,
    )
    return found


def scheme_of(weight: object) -> tuple[Scheme, ElementFormat]:
    """An entry of `SCHEMES`.

    Raises:
        TypeError: another type of weight.
    """
    if type(weight) not in SCHEMES:
        expected = ", ".join(one.__name__ for one in SCHEMES)
        raise TypeError(f"w13: expected {expected}; got {type(weight).__name__}")
    return SCHEMES[type(weight)]


def arrays(name: str, weight: Dense | Fp8Block | Mxfp4) -> dict[str, Any]:
    """A weight of experts as `fused_moe` takes it."""
    if isinstance(weight, Dense):
        return {name: weight.values, f"{name}_scale": None}
    return {name: weight.codes, f"{name}_scale": weight.scale}


def activation(step: Step, gate_up: jax.Array) -> jax.Array:
    """SiLU of the gates times the factors, both bounded, [.., 2 I] -> [.., I]."""
    how = step.options.implementation
    return ops.act_and_mul(gate_up, kind="clamp", limit=step.config.act_limit, implementation=how)
