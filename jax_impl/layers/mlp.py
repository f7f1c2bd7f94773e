"""The gated MLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from jax_impl import ops
from jax_impl.layers.linear import linear
from jax_impl.layers.step import Step


def mlp(step: Step, weights: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """down(act(gate(x)) * up(x)), [T, hidden] -> [T, hidden]."""
    gate_up = linear(x, weights["gate_up"], options=step.options)
    return step.options.total(linear(activation(step, gate_up), weights["down"], options=step.options))


def activation(step: Step, gate_up: jax.Array) -> jax.Array:
    """The gate's activation times the other half, [.., 2 I] -> [.., I]."""
    config = step.config
    return ops.act_and_mul(
        gate_up,
        kind=config.act,
        limit=config.act_limit,
        alpha=config.act_alpha,
        implementation=step.options.implementation,
    )
