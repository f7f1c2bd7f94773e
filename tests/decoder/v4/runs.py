"""The tiny DeepSeek-V4 run by transformers, by JAX and by torch: logits, and the residual streams after every layer.

The measure of an error is that of transformers in bfloat16, with the rows that the caches keep in FP8 rounded to FP8.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from transformers.models.deepseek_v4 import modeling_deepseek_v4 as modeling

import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_options
import jax_impl.layers.v4.block as jax_block
import jax_impl.layers.v4.caches as jax_caches
import jax_impl.layers.v4.step as jax_step
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_options
import torch_impl.layers.v4.block as torch_block
import torch_impl.layers.v4.caches as torch_caches
import torch_impl.layers.v4.step as torch_step
from specs.cache.layouts import V4
from specs.decoder.v4.batch import NO_PAGE, PAGE_TOKENS, V4Request, V4StepBatch, groups, step_batch
from specs.decoder.v4.config import HEAD_DIM, INDEX_DIM, STREAMS, V4Config
from specs.decoder.v4.weights import FORMATS, layer_weights, model_weights
from specs.decoder.weights import Weights
from specs.indexer.layouts import INDEXER_FP8
from tests.decoder.v4.models import checkpoint

Array = np.ndarray[Any, Any]
LONGEST = 192
WINDOWS = {"window": 128, "c4_state": 8, "indexer_state": 8, "c128_state": 128}
"""Tokens, the next one included, whose rows a group has to keep."""
Plan = Sequence[Sequence[tuple[int, int]]]
"""Steps, each a list of (request, number of its tokens)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Of every request: logits [T, vocab], and streams after the embedding and after every layer, [T, 4, hidden].

    caches: of every layer, after the last step.
    """

    logits: tuple[Array, ...]
    layers: tuple[tuple[Array, ...], ...]
    caches: tuple[Any, ...] = ()


@contextmanager
def rows_in_fp8() -> Iterator[None]:
    """Keys of the model of transformers rounded as the caches store them, after their rotation."""
    rotate = modeling.apply_rotary_pos_emb

    def rounded(x: torch.Tensor, *arguments: Any, **settings: Any) -> torch.Tensor:
        y = rotate(x, *arguments, **settings)
        layout = {HEAD_DIM: V4, INDEX_DIM: INDEXER_FP8}[y.shape[-1]]
        one_key = y.shape[1] == 1 and y.ndim == 4
        if not one_key and layout is V4:
            return y
        rows = y.float().numpy().reshape(-1, y.shape[-1])
        back = layout.decode(layout.encode(rows), len(rows)) if len(rows) else rows
        return torch.from_numpy(np.array(back)).reshape(y.shape).to(y.dtype)

    modeling.apply_rotary_pos_emb = rounded
    try:
        yield
    finally:
        modeling.apply_rotary_pos_emb = rotate


@cache
def transformers_run(prompts: tuple[tuple[int, ...], ...], *, exact: bool) -> Run:
    """Whole prompts: in float64, or in bfloat16 with rows in FP8."""
    model = copy.deepcopy(checkpoint().model).to(torch.float64 if exact else torch.bfloat16)
    logits, layers = [], []
    for ids in prompts:
        seen: list[Array] = []

        def note(_: Any, __: Any, out: Any, seen: list[Array] = seen) -> None:
            seen.append((out[0] if isinstance(out, tuple) else out)[0].double().numpy())

        hooks = [layer.register_forward_hook(note) for layer in model.model.layers]
        with torch.no_grad():
            if exact:
                found = model(torch.tensor([list(ids)]), use_cache=False)
            else:
                with rows_in_fp8():
                    found = model(torch.tensor([list(ids)]), use_cache=False)
            first = model.model.embed_tokens(torch.tensor(list(ids))).double().numpy()
        for hook in hooks:
            hook.remove()
        logits.append(found.logits[0].double().numpy())
        layers.append((np.repeat(first[:, None], STREAMS, 1), *seen))
    return Run(logits=tuple(logits), layers=tuple(layers))


def batches(prompts: Sequence[Sequence[int]], plan: Plan, tokens: int) -> list[V4StepBatch]:
    """The arrays of every step, on pages in no order; pages of window groups are let go when no token needs them.

    tokens: what steps with parts of prompts are padded to; the others get one token of padding.
    """
    ratios, computed, found = checkpoint().config.ratios, [0] * len(prompts), []
    rng = np.random.default_rng(1)
    owned = {group: rng.permutation(pages()[group]).reshape(len(prompts), -1) for group in groups(ratios)}
    for step in plan:
        requests = []
        for request, count in step:
            start = computed[request]
            mine = {group: owned[group][request].tolist() for group in owned}
            for group, window in WINDOWS.items():
                gone = max(start - window + 1, 0) // PAGE_TOKENS[group]
                if group in mine:
                    mine[group][:gone] = [NO_PAGE] * gone
            requests.append(V4Request(computed=start, tokens=prompts[request][start : start + count], pages=mine))
            computed[request] += count
        total = tokens if any(count > 1 for _, count in step) else len(step) + 1
        found.append(step_batch(requests, ratios, tokens=total, longest=LONGEST, longest_chunk=tokens))
    return found


def pages(requests: int = 2) -> dict[str, int]:
    """Pages of every group, for requests of `LONGEST` tokens."""
    return {group: requests * -(-LONGEST // size) for group, size in PAGE_TOKENS.items()}


def tables(config: V4Config) -> list[tuple[Weights, dict[str, Any]]]:
    """(declarations, host arrays) of the model's weights and of every layer's."""
    declared = [model_weights(config), *(layer_weights(config, i) for i in range(config.layers))]
    return [
        (table, {key: weight.assemble(checkpoint().tensors) for key, weight in table.items()}) for table in declared
    ]


def collect(prompts: Sequence[Sequence[int]], plan: Plan, rows: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Rows of steps (per step: arrays with a row per token) by request: [request][array]."""
    found: list[list[list[Array]]] = [[[] for _ in rows[0]] for _ in prompts]
    for step, arrays in zip(plan, rows, strict=True):
        start = 0
        for request, count in step:
            for index, array in enumerate(arrays):
                found[request][index].append(array[start : start + count])
            start += count
    return [[np.concatenate(parts) for parts in request] for request in found]


def jax_weights(table: Weights, host: dict[str, Any]) -> dict[str, Any]:
    return {
        key: jax_linear.put(host[key], jnp.bfloat16)
        if weight.linear
        else jnp.asarray(host[key], FORMATS.get(key, jnp.bfloat16))
        for key, weight in table.items()
    }


def torch_weights(table: Weights, host: dict[str, Any]) -> dict[str, Any]:
    kinds = {np.float32: torch.float32, np.int32: torch.int32, None: torch.bfloat16}
    return {
        key: torch_linear.put(host[key], torch.bfloat16)
        if weight.linear
        else torch.from_numpy(np.array(host[key])).to(kinds[FORMATS.get(key)])  # type: ignore[index]
        for key, weight in table.items()
    }


def jax_run(prompts: Sequence[Sequence[int]], plan: Plan, tokens: int) -> Run:
    """The layers of JAX in bfloat16."""
    config, options = checkpoint().config, jax_options.Options()
    model, *layers = (jax_weights(*one) for one in tables(config))
    caches = [jax_caches.LayerCache.empty(ratio, pages()) for ratio in config.ratios]
    ropes = [jax_step.rotations(rope, config.max_positions) for rope in (config.rope, config.compress_rope)]
    rows = []
    for arrays in batches(prompts, plan, tokens):
        batch = jax_step.Batch.of(arrays)
        step = jax_step.Step(
            batch=batch,
            metadata=jax_step.metadata(config, batch, options),
            cos_sin=ropes[0],
            compress_cos_sin=ropes[1],
            config=config,
            options=options,
        )
        x = jax_linear.embed(model["embedding"], batch.token_ids, options=options)
        streams, seen = jax_block.Streams(residual=jnp.repeat(x[:, None], STREAMS, 1)), []
        seen.append(streams.residual)
        for layer, ratio in enumerate(config.ratios):
            streams, caches[layer] = jax_block.block(step, ratio, layers[layer], streams, caches[layer])
            seen.append(streams.complete(step))
        hidden = jax_block.head(step, model, seen[-1])
        seen.append(jax_linear.linear(hidden, model["head"], options=options, out_dtype=jnp.float32))
        rows.append([np.asarray(one, np.float64) for one in seen])
    return _run(prompts, plan, rows, [{f.name: getattr(one, f.name) for f in fields(one)} for one in caches])


def torch_run(prompts: Sequence[Sequence[int]], plan: Plan, tokens: int) -> Run:
    """The layers of torch in bfloat16."""
    config, options = checkpoint().config, torch_options.Options()
    model, *layers = (torch_weights(*one) for one in tables(config))
    caches = [torch_caches.LayerCache.empty(ratio, pages()) for ratio in config.ratios]
    ropes = [torch_step.rotations(rope, config.max_positions) for rope in (config.rope, config.compress_rope)]
    rows = []
    for arrays in batches(prompts, plan, tokens):
        batch = torch_step.Batch.of(arrays)
        step = torch_step.Step(
            batch=batch,
            metadata=torch_step.metadata(config, batch, options),
            cos_sin=ropes[0],
            compress_cos_sin=ropes[1],
            config=config,
            options=options,
        )
        x = torch_linear.embed(model["embedding"], batch.token_ids, options=options)
        streams, seen = torch_block.Streams(residual=x[:, None].repeat(1, STREAMS, 1)), []
        seen.append(streams.residual.clone())
        for layer, ratio in enumerate(config.ratios):
            streams = torch_block.block(step, ratio, layers[layer], streams, caches[layer])
            seen.append(streams.complete(step))
        hidden = torch_block.head(step, model, seen[-1])
        seen.append(torch_linear.linear(hidden, model["head"], options=options, out_dtype=torch.float32))
        rows.append([one.double().numpy() for one in seen])
    return _run(prompts, plan, rows, [{f.name: getattr(one, f.name) for f in fields(one)} for one in caches])


def _run(
    prompts: Sequence[Sequence[int]], plan: Plan, rows: Sequence[Sequence[Array]], caches: Sequence[dict[str, Any]]
) -> Run:
    found = collect(prompts, plan, rows)
    return Run(
        logits=tuple(request[-1] for request in found),
        layers=tuple(tuple(request[:-1]) for request in found),
        caches=tuple({k: np.asarray(v) for k, v in one.items() if v is not None} for one in caches),
    )
