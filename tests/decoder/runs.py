"""A tiny model run by transformers, by JAX and by torch: logits of every token, and the residual stream of every layer.

The measure of an error is transformers' own: its run in the same 16-bit format against its run in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

import jax_impl.layers.attention as jax_attention
import jax_impl.layers.decoder as jax_decoder
import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_step
import torch_impl.layers.attention as torch_attention
import torch_impl.layers.decoder as torch_decoder
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_step
from specs.decoder.batch import Request, StepBatch, step_batch
from specs.decoder.weights import Weights, layer_weights, model_weights
from tests.decoder.models import checkpoint

PAGE = 4
PAGES = 24
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """logits: [T, vocab]. layers: the residual stream after the embedding and after every layer, [T, hidden] each."""

    logits: Array
    layers: tuple[Array, ...]


@cache
def transformers_run(name: str, ids: tuple[int, ...], dtype: torch.dtype) -> Run:
    """The model of transformers in a format; its last entry of `layers` is before the last norm."""
    model = copy.deepcopy(checkpoint(name).model).to(dtype)
    seen: list[Array] = []
    hooks = [
        layer.register_forward_hook(
            lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out)[0].double().numpy())
        )
        for layer in model.model.layers
    ]
    with torch.no_grad():
        found = model(torch.tensor([list(ids)]), output_hidden_states=True)
    for hook in hooks:
        hook.remove()
    first = found.hidden_states[0][0].double().numpy()
    return Run(logits=found.logits[0].double().numpy(), layers=(first, *(one.reshape(first.shape) for one in seen)))


def steps(ids: Sequence[int], chunks: Sequence[int]) -> list[StepBatch]:
    """The prompt in chunks, one step each, on pages in no order; logits of every token."""
    pages = np.random.default_rng(0).permutation(PAGES).tolist()
    found, start = [], 0
    for count in chunks:
        request = Request(computed=start, tokens=ids[start : start + count], pages=pages)
        batch = step_batch([request], page_size=PAGE)
        found.append(replace(batch, logits_indices=np.arange(count, dtype=np.int32)))
        start += count
    return found


def tables(name: str) -> list[tuple[Weights, Any]]:
    """(declarations, host arrays) of the model's weights and of every layer's."""
    found = checkpoint(name)
    declared = [model_weights(found.config), *(layer_weights(found.config, i) for i in range(found.config.layers))]
    return [(table, {key: weight.assemble(found.tensors) for key, weight in table.items()}) for table in declared]


def jax_run(name: str, ids: Sequence[int], chunks: Sequence[int], *, invariant: bool = False) -> Run:
    """The layers of JAX in bfloat16."""
    found = checkpoint(name)
    options = jax_step.Options(dtype=jnp.bfloat16, invariant=invariant)
    trees = [
        {
            key: jax_linear.put(host[key], options.dtype) if weight.linear else jnp.asarray(host[key], options.dtype)
            for key, weight in table.items()
        }
        for table, host in tables(name)
    ]
    weights = jax_decoder.DecoderWeights(model=trees[0], layers=tuple(trees[1:]))
    shape = (PAGES, PAGE, found.config.kv_heads, found.config.head_dim)
    caches = [
        jax_attention.KVCache(keys=jnp.zeros(shape, jnp.bfloat16), values=jnp.zeros(shape, jnp.bfloat16))
        for _ in range(found.config.layers)
    ]
    logits, layers = [], []
    cos_sin = jax_step.rotations(found.config)
    for batch in steps(ids, chunks):
        step = jax_step.Step(batch=jax_step.Batch.of(batch), cos_sin=cos_sin, config=found.config, options=options)
        x: Any = jax_linear.embed(weights.model["embedding"], step.batch.token_ids, options=options)
        residual, seen = None, [x]
        for layer, own in enumerate(weights.layers):
            x, residual, caches[layer] = jax_decoder.decoder_layer(step, layer, own, x, residual, caches[layer])
            seen.append(x.astype(jnp.float32) + residual.astype(jnp.float32))
        hidden, _ = jax_decoder.norm(step, weights.model["norm"], x, residual)
        found_logits = jax_decoder.logits(step, weights, hidden)
        assert found_logits.dtype == jnp.float32  # bfloat16 ones would tie
        logits.append(np.asarray(found_logits, np.float64))
        layers.append([np.asarray(one, np.float64) for one in seen])
    return Run(logits=np.concatenate(logits), layers=tuple(map(np.concatenate, zip(*layers, strict=True))))


def torch_run(name: str, ids: Sequence[int], chunks: Sequence[int], *, invariant: bool = False, **planted: Any) -> Run:
    """The layers of torch in bfloat16. planted: fields of the configuration that are made wrong."""
    found = checkpoint(name)
    config = replace(found.config, **planted)
    options = torch_step.Options(dtype=torch.bfloat16, invariant=invariant)
    trees = [
        {
            key: torch_linear.put(host[key], options.dtype)
            if weight.linear
            else torch.from_numpy(np.array(host[key])).to(options.dtype)
            for key, weight in table.items()
        }
        for table, host in tables(name)
    ]
    weights = torch_decoder.DecoderWeights(model=trees[0], layers=tuple(trees[1:]))
    shape = (PAGES, PAGE, config.kv_heads, config.head_dim)
    caches = [
        torch_attention.KVCache(
            keys=torch.zeros(shape, dtype=torch.bfloat16), values=torch.zeros(shape, dtype=torch.bfloat16)
        )
        for _ in range(config.layers)
    ]
    logits, layers = [], []
    cos_sin = torch_step.rotations(config)
    for batch in steps(ids, chunks):
        step = torch_step.Step(config=config, options=options, batch=torch_step.Batch.of(batch), cos_sin=cos_sin)
        x: Any = torch_linear.embed(weights.model["embedding"], step.batch.token_ids, options=options)
        residual, seen = None, [x.clone()]
        for layer, own in enumerate(weights.layers):
            x, residual = torch_decoder.decoder_layer(step, layer, own, x, residual, caches[layer])
            seen.append(x.float() + residual.float())
        hidden, _ = torch_decoder.norm(step, weights.model["norm"], x, residual)
        found_logits = torch_decoder.logits(step, weights, hidden)
        assert found_logits.dtype == torch.float32  # bfloat16 ones would tie
        logits.append(found_logits.double().numpy())
        layers.append([one.double().numpy() for one in seen])
    return Run(logits=np.concatenate(logits), layers=tuple(map(np.concatenate, zip(*layers, strict=True))))
