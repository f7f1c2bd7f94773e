"""Safetensors files of quantised tensors: equal from both frameworks, each reads the other's, other tools' names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from safetensors import safe_open

from checkpoints.quantized import read_weights
from jax_impl import quantized as jax_quantized
from jax_impl import quantized_files as jax_files
from specs.decoder.int4 import Int4Groups
from specs.decoder.weights import CheckpointError
from specs.gemm.repack import from_gptq
from specs.lang.errors import Unsupported
from specs.lang.formats import ggml, named
from specs.quantized.arrays import Form
from tests.quantized.weights import K, N, values
from torch_impl import quantized as torch_quantized
from torch_impl import quantized_files as torch_files
from torch_impl.formats import to_numpy

NAMES: dict[str, tuple[Form, tuple[str, ...]]] = {
    "a.weight": (named.FP8_BLOCK_128, ("a.weight", "a.weight_scale_inv")),
    "b.weight": (named.FP8_BLOCK_128_E8M0, ("b.weight", "b.weight_scale_inv")),
    "c.weight": (named.INT4_GROUP_128, ("c.weight_packed", "c.weight_scale", "c.weight_shape")),
    "d.weight": (
        named.INT4_GROUP_128_ASYMMETRIC,
        ("d.weight_packed", "d.weight_scale", "d.weight_shape", "d.weight_zero_point"),
    ),
    "e": (named.MXFP4, ("e_blocks", "e_scales")),
}


def in_jax() -> dict[str, Any]:
    quantised = {name: jax_quantized.quantize(jnp.asarray(values()), form) for name, (form, _) in NAMES.items()}
    stacked = jax_quantized.quantize(jnp.asarray(values(2)), named.MXFP4)
    return {**quantised, "experts": stacked, "bias": jnp.arange(4, dtype=jnp.bfloat16)}


def in_torch() -> dict[str, Any]:
    quantised = {name: torch_quantized.quantize(torch.from_numpy(values()), form) for name, (form, _) in NAMES.items()}
    stacked = torch_quantized.quantize(torch.from_numpy(values(2)), named.MXFP4)
    return {**quantised, "experts": stacked, "bias": torch.arange(4, dtype=torch.bfloat16)}


def test_equal_files_and_each_reads_the_others(tmp_path: Path) -> None:
    one, other = tmp_path / "jax.safetensors", tmp_path / "torch.safetensors"
    written, also = in_jax(), in_torch()
    jax_files.save(one, written)
    torch_files.save(other, also)
    assert one.read_bytes() == other.read_bytes()
    found, back = jax_files.load(other), torch_files.load(one)
    assert found.keys() == back.keys() == written.keys()
    for name in (*NAMES, "experts"):
        tensor, again = found[name], back[name]
        assert isinstance(tensor, jax_quantized.QuantizedTensor)
        assert isinstance(again, torch_quantized.QuantizedTensor)
        assert tensor.format == again.format == written[name].format
        for array, own in written[name].arrays().items():
            assert np.asarray(tensor.arrays()[array]).tobytes() == to_numpy(again.arrays()[array]).tobytes()
            assert np.asarray(own).tobytes() == np.asarray(tensor.arrays()[array]).tobytes()
            assert own.dtype == tensor.arrays()[array].dtype
    assert torch.equal(back["bias"], also["bias"])


def test_names_are_those_of_other_tools(tmp_path: Path) -> None:
    jax_files.save(tmp_path / "one", in_jax())
    with safe_open(tmp_path / "one", framework="numpy") as file:
        found = set(file.keys())
    assert found == {part for _, parts in NAMES.values() for part in parts} | {
        "experts_blocks",
        "experts_scales",
        "bias",
    }


def test_act_order_and_settings_of_a_folder(tmp_path: Path) -> None:
    """GPTQ's weight goes through compressed-tensors' names; GPTQ's own names need the folder's settings."""
    rng = np.random.default_rng(0)
    words: dict[str, Any] = {
        "qweight": rng.integers(0, 2**31, (K // 8, N)).astype(np.int32),
        "qzeros": (rng.integers(0, 2**31, (2, N // 8)) & 0x77777777).astype(np.int32),
        "scales": rng.random((2, N)).astype(np.float16),
        "g_idx": rng.permutation(np.repeat(np.arange(2), K // 2)).astype(np.int32),
    }
    weight = Int4Groups(weight=from_gptq(**words))
    tensor = torch_files.from_host(weight)
    torch_files.save(tmp_path / "one", {"q.weight": tensor})
    again = torch_files.load(tmp_path / "one")["q.weight"]
    assert isinstance(again, torch_quantized.QuantizedTensor)
    assert np.array_equal(to_numpy(again.dequantize()), to_numpy(tensor.dequantize()))
    assert np.array_equal(to_numpy(again.dequantize()), weight.decode().astype(to_numpy(again.dequantize()).dtype))
    assert torch.equal(again.arrays()["g_idx"], tensor.arrays()["g_idx"])
    torch_files.save(tmp_path / "own", {f"q.{name}": torch.from_numpy(array) for name, array in words.items()})
    settings = {"quant_method": "gptq", "bits": 4}
    loaded = torch_files.load(tmp_path / "own", settings)["q.weight"]
    assert isinstance(loaded, torch_quantized.QuantizedTensor)
    assert torch.equal(loaded.codes, tensor.codes)


def test_a_module_is_saved_and_loaded(tmp_path: Path) -> None:
    module, other = (torch.nn.Sequential(torch.nn.Linear(K, N)) for _ in range(2))
    weight = torch_quantized.quantize(torch.from_numpy(values()), named.FP8_BLOCK_128)
    module[0].weight = torch.nn.Parameter(weight, requires_grad=False)
    torch_files.save(tmp_path / "one", module.state_dict())
    other.load_state_dict(torch_files.load(tmp_path / "one", dtype=torch.float32), assign=True)
    with torch.no_grad():
        assert torch.equal(other(torch.ones(2, K)), module(torch.ones(2, K)))


WRONG: dict[str, tuple[type[Exception], str, str, Form]] = {
    "a name": (CheckpointError, "wq: expected a name that ends in '.weight' for fp8", "wq", named.FP8_BLOCK_128),
    "blocks of GGUF": (Unsupported, "q.weight, Q8_0.*GGUF has its own", "q.weight", ggml.Q8_0),
    "another format": (Unsupported, "q.weight, mxfp8.*safetensors files have names for", "q.weight", named.MXFP8),
    "a second level": (Unsupported, "checkpoint's weight of nvfp4", "q.weight", named.NVFP4),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_files_have_no_names_for_is_refused(name: str, tmp_path: Path) -> None:
    kind, words, key, form = WRONG[name]
    with pytest.raises(kind, match=words):
        jax_files.save(tmp_path / "one", {key: jax_quantized.quantize(jnp.asarray(values()), form)})
    assert not (tmp_path / "one").exists()


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    torch_files.save(tmp_path / "one", {"q.weight_scale_inv": torch.ones(1, 2)})
    with pytest.raises(CheckpointError, match=r"missing: q\.weight, float8_e4m3fn, of a FP8 weight"):
        read_weights(tmp_path / "one")
