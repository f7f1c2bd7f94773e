"""The block of multi-token prediction, and a step without caches."""

from __future__ import annotations

import copy
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

import jax_impl.layers.linear as jax_linear
import jax_impl.layers.step as jax_options
import jax_impl.layers.v4.block as jax_block
import jax_impl.layers.v4.caches as jax_caches
import jax_impl.layers.v4.mtp as jax_mtp
import jax_impl.layers.v4.step as jax_step
import torch_impl.layers.linear as torch_linear
import torch_impl.layers.step as torch_options
import torch_impl.layers.v4.block as torch_block
import torch_impl.layers.v4.caches as torch_caches
import torch_impl.layers.v4.mtp as torch_mtp
import torch_impl.layers.v4.step as torch_step
from specs.decoder.groups import GroupedRequest
from specs.decoder.v4.batch import V4StepBatch, step_batch
from specs.decoder.v4.weights import model_weights, mtp_weights
from tests.decoder.v4.frameworks import Array, jax_weights, torch_weights
from tests.decoder.v4.models import FIELDS, checkpoint
from tests.decoder.v4.reference import rows_in_fp8
from tests.decoder.v4.runs import rms

T, HIDDEN, EPS = 66, 128, FIELDS["rms_norm_eps"]
RNG = np.random.default_rng(8)
NEXT = RNG.integers(0, 96, T).astype(np.int32)
STREAMS = torch.from_numpy(RNG.normal(size=(T, 4, HIDDEN))).bfloat16()


def tensors() -> dict[str, Any]:
    """Weights of the model with one layer, named as a block, and random ones of its entry."""
    found = checkpoint(draft=True).dense
    block = {name.replace("layers.0.", "mtp.0.", 1): array for name, array in found.items() if "layers.0." in name}
    block |= {f"mtp.0.{name}": array for name, array in found.items() if name.startswith(("hc_head", "norm."))}
    for name, shape in (
        ("enorm", (HIDDEN,)),
        ("hnorm", (HIDDEN,)),
        ("e_proj", (HIDDEN,) * 2),
        ("h_proj", (HIDDEN,) * 2),
    ):
        values = 1 + RNG.normal(size=shape) / 8 if len(shape) == 1 else RNG.normal(size=shape) * HIDDEN**-0.5
        block[f"mtp.0.{name}.weight"] = torch.from_numpy(values).bfloat16().float().numpy()
    return block


TENSORS = tensors()
TABLE = mtp_weights(checkpoint(draft=True).config)
HOST = {key: weight.assemble(TENSORS) for key, weight in TABLE.items()}


def logits_of_transformers(dtype: torch.dtype) -> Array:
    """The layer of transformers between what enters the block and its head."""
    model = copy.deepcopy(checkpoint(draft=True).model).to(dtype)
    weight = {name: torch.from_numpy(TENSORS[f"mtp.0.{name}.weight"]).to(dtype) for name in ("enorm", "hnorm")}
    proj = {name: torch.from_numpy(TENSORS[f"mtp.0.{name}.weight"]).to(dtype) for name in ("e_proj", "h_proj")}

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        wide = x.double()
        return (wide / (wide.square().mean(-1, keepdim=True) + EPS).sqrt() * weight[name].double()).to(dtype)

    ids = torch.from_numpy(NEXT).long()
    e = norm(model.model.embed_tokens(ids), "enorm") @ proj["e_proj"].T
    entered = norm(STREAMS.to(dtype), "hnorm") @ proj["h_proj"].T + e[:, None]

    def enter(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (entered[None], *arguments[1:]), named

    model.model.layers[0].register_forward_pre_hook(enter, with_kwargs=True)
    found: Array = model(ids[None], use_cache=False).logits[0].double().numpy()
    return found


def batch() -> V4StepBatch:
    request = GroupedRequest(computed=0, tokens=NEXT.tolist(), pages={"window": [1, 2]})
    return step_batch([request], (0,))


def test_a_draft_is_as_near_to_float64_as_the_layer_of_transformers() -> None:
    with torch.no_grad():
        exact = logits_of_transformers(torch.float64)
        with rows_in_fp8():
            bound = 2 * rms(logits_of_transformers(torch.bfloat16) - exact)
    assert rms(jax_logits() - exact) <= bound
    assert rms(torch_logits() - exact) <= bound


def jax_logits() -> Array:
    config, options = checkpoint(draft=True).config, jax_options.Options()
    arrays = jax_step.Batch.of(batch())
    rope = jax_step.rotations(config.rope, config.max_positions)
    step = jax_step.Step(
        batch=arrays,
        metadata=jax_step.metadata(config, arrays, options),
        cos_sin=rope,
        compress_cos_sin=rope,
        config=config,
        options=options,
    )
    declared = model_weights(config)
    model = jax_weights(declared, {k: w.assemble(checkpoint(draft=True).dense) for k, w in declared.items()})
    cache = jax_caches.LayerCache.empty(0, {"window": 3})
    streams = jnp.asarray(STREAMS.float().numpy(), jnp.bfloat16)
    hidden, _, _ = jax_mtp.draft(step, model["embedding"], jax_weights(TABLE, HOST), jnp.asarray(NEXT), streams, cache)
    return np.asarray(jax_linear.linear(hidden, model["head"], options=options, out_dtype=jnp.float32), np.float64)


def torch_logits() -> Array:
    config, options = checkpoint(draft=True).config, torch_options.Options()
    arrays = torch_step.Batch.of(batch())
    rope = torch_step.rotations(config.rope, config.max_positions)
    step = torch_step.Step(
        batch=arrays,
        metadata=torch_step.metadata(config, arrays, options),
        cos_sin=rope,
        compress_cos_sin=rope,
        config=config,
        options=options,
    )
    declared = model_weights(config)
    model = torch_weights(declared, {k: w.assemble(checkpoint(draft=True).dense) for k, w in declared.items()})
    cache = torch_caches.LayerCache.empty(0, {"window": 3})
    hidden, _ = torch_mtp.draft(
        step, model["embedding"], torch_weights(TABLE, HOST), torch.from_numpy(NEXT), STREAMS.clone(), cache
    )
    found: Array = torch_linear.linear(hidden, model["head"], options=options, out_dtype=torch.float32).double().numpy()
    return found


def test_a_step_without_metadata_runs_and_writes_nothing() -> None:
    config = checkpoint(draft=True).config
    rope = torch_step.rotations(config.rope, config.max_positions)
    cache = torch_caches.LayerCache.empty(0, {"window": 3})
    step = torch_step.Step(
        batch=torch_step.Batch.of(batch()),
        metadata=None,
        cos_sin=rope,
        compress_cos_sin=rope,
        config=config,
        options=torch_options.Options(),
    )
    streams = torch_block.Streams(residual=STREAMS.clone())
    found = torch_block.block(step, 0, torch_weights(TABLE, HOST), streams, cache).complete(step)
    assert found.shape == STREAMS.shape
    assert found.isfinite().all()
    assert not cache.window.any()
    other = jax_step.Step(
        batch=jax_step.Batch.of(batch()),
        metadata=None,
        cos_sin=jnp.asarray(rope.numpy()),
        compress_cos_sin=jnp.asarray(rope.numpy()),
        config=config,
        options=jax_options.Options(),
    )
    entered = jax_block.Streams(residual=jnp.asarray(STREAMS.float().numpy(), jnp.bfloat16))
    empty = jax_caches.LayerCache.empty(0, {"window": 3})
    result, written = jax_block.block(other, 0, jax_weights(TABLE, HOST), entered, empty)
    assert written is empty
    own = np.asarray(result.complete(other), np.float64)
    assert rms(own - found.double().numpy()) <= rms(own) * 2**-8
