"""The server's step of SmolLM2 in several of its sizes, as `parity xpu --step` compiles them.

    python -m parity xpu --step examples.serving_step_jax:decode         16 requests that generate, all greedy
    python -m parity xpu --step examples.serving_step_jax:to_logits      the same for requests that draw: to logits
    python -m parity xpu --step examples.serving_step_jax:one            one request
    python -m parity xpu --step examples.serving_step_jax:prompt         256 tokens of prompts among 16 requests

Weights are Q4_1 and Q8_0 as in the GGUF file; there are as many layers as in `examples.llama_step_jax`.
"""

from __future__ import annotations

from typing import Final

import jax.numpy as jnp

from examples.llama_step_jax import PAGE, gguf
from jax_impl.layers.step import Implementation
from jax_impl.serving.buckets import Bucket, Buckets
from jax_impl.serving.model import Model
from jax_impl.serving.programs import Programs
from parity.xpu.step import Step

BUCKETS: Final = Buckets(tokens=256, requests=16, pages=128)
"""As `python -m jax_impl.serving` has them."""


def decode(implementation: Implementation | None = None) -> Step:
    """16 requests that generate one token each, the most likely one."""
    return _step(Bucket(tokens=16, requests=16, pages=64, general=False), implementation)


def to_logits(implementation: Implementation | None = None) -> Step:
    """The same to logits, from which a program of its own draws."""
    return _step(Bucket(tokens=16, requests=16, pages=64, general=True), implementation)


def one(implementation: Implementation | None = None) -> Step:
    """One request that generates one token."""
    return _step(Bucket(tokens=1, requests=1, pages=16, general=False), implementation)


def prompt(implementation: Implementation | None = None) -> Step:
    """Parts of prompts, 256 tokens."""
    return _step(Bucket(tokens=256, requests=16, pages=64, general=False), implementation)


def _step(bucket: Bucket, implementation: Implementation | None) -> Step:
    assert bucket in set(BUCKETS.all())
    shapes, weights, caches = gguf(implementation).arguments
    model = Model(
        config=shapes.config,
        options=shapes.options,
        weights=weights,
        cos_sin=shapes.cos_sin,
        cache_dtype=jnp.bfloat16,
    )
    function, arguments = Programs(model, model.groups(PAGE), caches, BUCKETS).function(bucket)
    return Step(function=function, arguments=arguments, caches=(1,))
