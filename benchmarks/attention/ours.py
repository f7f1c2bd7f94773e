"""How our attention operations are called: the one place that knows their keywords and which arguments they replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.attention.pages import BLOCK
from benchmarks.attention.problems import EPSILON, SCALE
from benchmarks.harness.environment import prepare
from benchmarks.harness.variants import generated

ATTRIBUTES: Mapping[str, Mapping[str, object]] = {
    "qnorm_rope_kv_insert": {"eps": EPSILON, "block_size": BLOCK},
    "quantize_and_insert_k": {"block_size": BLOCK},
    "dequant_gather_k": {"block_size": BLOCK, "offset": 0},
    "sparse_mla_prefill": {"sm_scale": SCALE},
    "sparse_mla_decode_fp8": {"sm_scale": SCALE, "block_size": BLOCK, "comp_block_size": BLOCK},
}
# Positions of the arguments that a call replaces: torch writes into them, JAX returns new ones in this order.
REPLACED: Mapping[str, tuple[int, ...]] = {
    "qnorm_rope_kv_insert": (0, 2),
    "quantize_and_insert_k": (1,),
    "dequant_gather_k": (0,),
    "kv_insert": (2, 3),
}


def torch_function(op: str, device: str, own: Mapping[str, object]) -> Callable[..., Any]:
    """Our operation on torch tensors in signature order, keywords and implementation bound; own: keywords of the case.

    Returns the tensors that it wrote into, where it does.
    """
    import torch_impl.ops

    implementation = generated("torch_impl", device)
    function = partial(getattr(torch_impl.ops, op), **_keywords(op, own), implementation=implementation)
    if op not in REPLACED:
        return function

    def call(*tensors: Any) -> tuple[Any, ...]:
        function(*tensors)
        return tuple(tensors[i] for i in REPLACED[op])

    return call


def jax_function(op: str, own: Mapping[str, object], implementation: str) -> Callable[..., Any]:
    """Our operation on JAX arrays in signature order; own: keywords of the case."""
    prepare()
    import jax_impl.ops

    return partial(getattr(jax_impl.ops, op), **_keywords(op, own), implementation=implementation)


def _keywords(op: str, own: Mapping[str, object]) -> dict[str, object]:
    return {**ATTRIBUTES.get(op, {}), **own}
