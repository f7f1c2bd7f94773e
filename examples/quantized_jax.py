"""Quantised weights in modules of flax (nnx) and equinox, and in a scan over stacked layers.

    python -m examples.quantized_jax

A `QuantizedTensor` is a pytree, so modules hold it where they held an array. Libraries that are not installed are left
out.
"""

from __future__ import annotations

from importlib.util import find_spec

import jax
import jax.numpy as jnp

from jax_impl.quantized import QuantizedTensor, linear, quantize
from specs.lang.formats.named import FP8_BLOCK_128, INT4_GROUP_128

LAYERS, ROWS, WIDTH = 2, 4, 256


def with_nnx(weight: jax.Array, x: jax.Array) -> jax.Array:
    """flax nnx: the parameter's value is the quantised tensor."""
    from flax import nnx

    class Linear(nnx.Module):
        def __init__(self, weight: jax.Array) -> None:
            self.weight = nnx.Param(quantize(weight, FP8_BLOCK_128))

        def __call__(self, x: jax.Array) -> jax.Array:
            return linear(x, self.weight[...])

    module = Linear(weight)
    result: jax.Array = nnx.jit(lambda module, x: module(x))(module, x)
    return result


def with_equinox(weight: jax.Array, x: jax.Array) -> jax.Array:
    """equinox: a field of the module is the quantised tensor."""
    import equinox as eqx

    class Linear(eqx.Module):
        weight: QuantizedTensor
        bias: jax.Array

        def __call__(self, x: jax.Array) -> jax.Array:
            return linear(x, self.weight, self.bias)

    module = Linear(quantize(weight, INT4_GROUP_128), jnp.zeros(weight.shape[0]))
    result: jax.Array = eqx.filter_jit(lambda module, x: module(x))(module, x)
    return result


def with_scan(weights: jax.Array, x: jax.Array) -> jax.Array:
    """Layers one after the other, their weights stacked: [layers, N, K]."""
    stacked = quantize(weights, FP8_BLOCK_128)
    run = jax.jit(lambda x, stacked: jax.lax.scan(lambda x, w: (linear(x, w), None), x, stacked)[0])
    result: jax.Array = run(x, stacked)
    return result


def main() -> None:
    keys = jax.random.split(jax.random.key(0))
    weights = jax.random.normal(keys[0], (LAYERS, WIDTH, WIDTH), jnp.bfloat16) / 16
    x = jax.random.normal(keys[1], (ROWS, WIDTH), jnp.bfloat16)
    exact = x.astype(jnp.float32) @ weights[0].astype(jnp.float32).T
    for name, way in (("flax", with_nnx), ("equinox", with_equinox)):
        if find_spec(name) is None:
            print(f"{name}: not installed")
            continue
        error = jnp.abs(way(weights[0], x).astype(jnp.float32) - exact).max() / jnp.abs(exact).max()
        print(f"{name}: largest error {float(error):.1%} of the largest result")
    print(f"scan over {LAYERS} layers: {with_scan(weights, x).shape}")


if __name__ == "__main__":
    main()
