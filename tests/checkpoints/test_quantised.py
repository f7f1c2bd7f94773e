"""Folders with FP8, GPTQ, AWQ, compressed-tensors and MXFP4 weights: their values, the step that they make, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from checkpoints.opening import open_checkpoint
from checkpoints.quantisation import scheme_of
from jax_impl.layers.decoder import decode
from jax_impl.layers.linear import Fp8Block, linear, put
from jax_impl.layers.moe import grouped
from jax_impl.layers.step import Batch, Options, Step
from jax_impl.serving.model import load
from specs.decoder.batch import Request, step_batch
from specs.decoder.host import BlockWeight, stack_experts, values
from specs.decoder.int4 import Int4Groups
from specs.decoder.weights import CheckpointError
from specs.gemm.int4_weights import unpack
from specs.lang.formats.named import FP8_BLOCK_128
from tests.checkpoints.quantised import FORMATS, RNG, Array, pair

IDS = RNG.integers(0, 96, 24).tolist()
CASES = [("llama", form) for form in FORMATS if form != "mxfp4"]
CASES += [("gpt_oss", "mxfp4"), ("qwen3_moe", "fp8"), ("qwen3_moe", "awq"), ("qwen3_moe", "gptq act-order")]


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_weights_are_the_values_that_were_packed(kind: str, form: str) -> None:
    found, plain = open_checkpoint(pair(kind, form).folder), open_checkpoint(pair(kind, form).plain)
    for name, expected in pair(kind, form).values.items():
        own = values(found.tensors[name])
        assert np.array_equal(own, expected.swapaxes(1, 2) if form == "mxfp4" else expected), name
    # Put together as layers have them, rows and experts in their order.
    for layer in range(found.config.layers):
        for name, weight in found.layer(layer).items():
            assert np.array_equal(values(weight), values(plain.layer(layer)[name])), name


def test_integers_are_those_that_were_packed() -> None:
    weight = open_checkpoint(pair("llama", "awq").folder).tensors["model.layers.0.mlp.down_proj.weight"]
    stored = load_file(pair("llama", "awq").folder / "model.safetensors")["model.layers.0.mlp.down_proj.qweight"]
    assert isinstance(weight, Int4Groups)
    place = (0, 4, 1, 5, 2, 6, 3, 7)  # nibble of an AWQ word that has column 0, 1, ..
    wide = stored.view(np.uint32)[..., None] >> (4 * np.array(place, np.uint32)) & 15
    assert np.array_equal(unpack(weight.weight.b, 1), wide.reshape(stored.shape[0], -1).T)


def test_projections_of_one_format_are_one_array_where_they_can_be() -> None:
    kinds = {
        form: type(open_checkpoint(pair("llama", form).folder).layer(0)["qkv"]).__name__ for form in ("awq", "fp8")
    }
    # 64 rows end within an FP8 block, whose scale is none of the next part's.
    assert kinds == {"awq": "Int4Groups", "fp8": "RowParts"}


def run(folder: Path, dtype: Any, *, decode_weights: bool) -> Array:
    """Logits of every token of `IDS`, one step."""
    options = Options(dtype=dtype)
    model = load(open_checkpoint(folder), options, cache_dtype=dtype, decode=decode_weights)
    batch = step_batch([Request(computed=0, tokens=IDS, pages=[2, 0, 1])], page_size=8)
    every = replace(batch, logits_indices=np.arange(len(IDS), dtype=np.int32))
    step = Step(batch=Batch.of(every), cos_sin=model.cos_sin, config=model.config, options=options)
    return np.asarray(jax.jit(decode)(step, model.weights, model.caches(3, 8))[0], np.float64)


def test_a_step_on_decoded_weights_is_that_of_the_plain_folder() -> None:
    both = pair("llama", "gptq act-order")
    own = run(both.folder, jnp.bfloat16, decode_weights=True)
    assert np.array_equal(own, run(both.plain, jnp.bfloat16, decode_weights=False))


def reference(folder: Path, dtype: torch.dtype, *, fp8: bool) -> Array:
    """Logits of transformers in a format; fp8: with the inputs of linears rounded to FP8 in groups of 128."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager"
    ).eval()

    def rounded(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        x = inputs[0].double()
        groups = x.reshape(-1, x.shape[-1] // 128, 128)
        scale = groups.abs().amax(-1, keepdim=True) / 448
        return (((groups / scale).to(torch.float8_e4m3fn).double() * scale).reshape(x.shape).to(dtype),)

    if fp8:
        for module in model.model.layers.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(rounded)
    with torch.no_grad():
        return np.asarray(model(torch.tensor([IDS])).logits[0].double().numpy())


DEVICE = [("llama", "fp8"), ("llama", "gptq act-order"), ("llama", "compressed-tensors"), ("gpt_oss", "mxfp4")]
DEVICE += [("qwen3_moe", "awq")]


@pytest.mark.parametrize(("kind", "form"), DEVICE)
def test_a_step_on_quantised_weights_is_as_near_to_float64_as_transformers(kind: str, form: str) -> None:
    exact = reference(pair(kind, form).plain, torch.float64, fp8=False)
    theirs = reference(pair(kind, form).plain, torch.bfloat16, fp8=form == "fp8")
    own = run(pair(kind, form).folder, jnp.bfloat16, decode_weights=False)
    assert np.abs(own - exact).max() <= 2 * np.abs(theirs - exact).max()


def test_fp8_experts_are_as_many_linears() -> None:
    """Sums of integers, exact: activations are powers of two, scales too."""
    x = np.exp2(RNG.integers(0, 3, (6, 128))).astype(ml_dtypes.bfloat16)
    codes = RNG.integers(-4, 5, (2, 256, 128)).astype(ml_dtypes.float8_e4m3fn)
    scales = np.exp2(RNG.integers(-2, 3, (2, 2, 1))).astype(np.float32)
    each = [
        BlockWeight(form=FP8_BLOCK_128, data=one.view(np.uint8), scale=scale)
        for one, scale in zip(codes, scales, strict=True)
    ]
    options, weight = Options(dtype=jnp.bfloat16), put(stack_experts(each), jnp.bfloat16)
    assert isinstance(weight, Fp8Block)
    found = grouped(jnp.asarray(x), weight, jnp.array([0, 2, 6], jnp.int32), None, None, topk=1, options=options)
    rows = (x[:2], x[2:])
    expected = [linear(jnp.asarray(r), put(w, jnp.bfloat16), options=options) for r, w in zip(rows, each, strict=True)]
    assert np.array_equal(np.asarray(found), np.concatenate([np.asarray(one) for one in expected]))


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str, Callable[[dict[str, Array]], None]], str]:
    """Opens a folder after a change of its tensors; the message of the error."""

    def opened(form: str, change: Callable[[dict[str, Array]], None]) -> str:
        shutil.copytree(pair("llama", form).folder, tmp_path, dirs_exist_ok=True)
        tensors = load_file(tmp_path / "model.safetensors")
        change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        with pytest.raises(CheckpointError) as error:
            open_checkpoint(tmp_path)
        return str(error.value)

    return opened


def test_one_error_lists_what_is_missing_surplus_and_misshaped(damaged: Any) -> None:
    up, down = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"

    def change(tensors: dict[str, Array]) -> None:
        del tensors[f"{up}.scales"]
        tensors[f"{down}.scales"] = tensors[f"{down}.scales"][:, :8]
        tensors["model.norm.weight"] = np.ones(256, np.int32)
        tensors["model.layers.0.extra"] = np.ones(3, np.float16)
        tensors["model.layers.0.self_attn.q_proj.qzeros"] = np.ones((8, 32), np.int64)

    parts = ".g_idx int32 [384], .qweight int32 [48, 256], .qzeros int32 [12, 32], .scales float16 [12, 8]"
    shape = "from_gptq: argument 'scales' has the wrong shape: expected [any, 256], got [12, 8]"
    assert sorted(damaged("gptq", change).splitlines()[1:]) == [
        f"  missing: {up}.scales, float32, float16, bfloat16, of a GPTQ weight",
        f"  shape: {down}, a GPTQ weight of {parts}: {shape}",
        "  type: model.layers.0.self_attn.q_proj.qzeros, expected int32, uint32; got int64 [8, 32]",
        "  type: model.norm.weight, expected float32, float16, bfloat16; got int32 [256]",
        "  unknown: model.layers.0.extra, float16 [3]",
    ]


def test_codes_without_scales_are_no_weight(tmp_path: Path) -> None:
    shutil.copytree(pair("llama", "fp8").folder, tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["quantization_config"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(
        CheckpointError, match=r"type: model\.layers\.0\.mlp\.up_proj\.weight, expected float32.*float8_e4m3fn"
    ):
        open_checkpoint(tmp_path)


def test_biases_of_zeros_and_frequencies_are_left_out(tmp_path: Path) -> None:
    shutil.copytree(pair("llama", "gptq").folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(32, np.float32)
    tensors["model.layers.0.mlp.up_proj.bias"] = np.zeros(384, np.float16)
    save_file(tensors, tmp_path / "model.safetensors")
    assert "model.layers.0.mlp.up_proj.bias" not in open_checkpoint(tmp_path).tensors
    tensors["model.layers.0.mlp.up_proj.bias"][7] = 1.0
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"unknown: model\.layers\.0\.mlp\.up_proj\.bias, float16 \[384\]"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quant_method": "bitsandbytes"}, r"quant_method: expected 'fp8' or 'gptq' .*; got 'bitsandbytes'"),
        ({"quant_method": "fp8"}, r"weight_block_size: expected \[128, 128\]; got None"),
        ({"quant_method": "gptq", "bits": 8}, r"bits: expected 4; got 8"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, r"version: expected 'gemm'; got 'gemv'"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, r"format: expected 'pack-quantized'"),
    ],
)
def test_methods_that_are_not_supported_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=r"quantization_config\." + message):
        scheme_of(settings)
