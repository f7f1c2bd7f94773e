"""Folders of DeepSeek-V4, as `examples.random_v4` writes them with the names of the published checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.deepseek_v4 import V4Checkpoint
from checkpoints.opening import open_model
from checkpoints.tensors import open_tensors, write_tensors
from examples.random_v4 import write
from specs.decoder.host import BlockWeight
from specs.decoder.v4.weights import PUBLISHED, tables
from specs.decoder.weights import CheckpointError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model."""
    path = tmp_path_factory.mktemp("v4")
    write(path)
    return path


def test_a_folder_has_every_weight_in_its_format(folder: Path) -> None:
    found = open_model(folder)
    assert isinstance(found, V4Checkpoint)
    assert (found.config.ratios, found.config.hashed, found.config.mtp) == ((0, 4, 128), (True, False, False), 1)
    assert found.tokenizer.decode(found.tokenizer.encode("A b")) == "A b"
    assert found.quantisation == "mxfp4, fp8_block_128_e4m3_e8m0, bfloat16, float32, int32"
    for table in tables(found.config):
        for name, weight in table.items():
            host = weight.assemble(found.tensors)
            assert host.shape == weight.shape
            assert isinstance(host, BlockWeight) == (name in PUBLISHED), name
            if isinstance(host, BlockWeight):
                assert host.form == PUBLISHED[name]
    model, layers = found.placed(lambda name, declared, _: (name, declared.shape))
    declared = [{name: (name, weight.shape) for name, weight in table.items()} for table in tables(found.config)]
    assert [model, *layers] == declared[:-1]


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected a \.gguf file or a folder"):
        open_model(Path("nowhere"))


def test_tensors_that_do_not_fit_are_named(folder: Path, tmp_path: Path) -> None:
    tensors = open_tensors(folder / "model.safetensors")
    tensors.pop("layers.1.attn.attn_sink")
    tensors["layers.0.ffn.gate.tid2eid"] = tensors["layers.0.ffn.gate.tid2eid"].astype(np.float32)
    tensors["layers.9.norm.weight"] = np.zeros(3, np.float32)
    tensors["norm.weight"] = tensors["norm.weight"][:5]
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_tensors(tmp_path / "model.safetensors", tensors)
    with pytest.raises(CheckpointError) as error:
        open_model(tmp_path)
    assert sorted(str(error.value).splitlines()[1:]) == [
        "  missing: layers.1.attn.attn_sink [4], float32, float16, bfloat16",
        "  shape: norm.weight, expected [128]; got bfloat16 [5]",
        "  type: layers.0.ffn.gate.tid2eid, expected int64, int32; got float32 [96, 2]",
        "  unknown: layers.9.norm.weight, float32 [3]",
    ]


def test_files_hold_the_bytes_that_were_written(folder: Path, tmp_path: Path) -> None:
    tensors = open_tensors(folder / "model.safetensors")
    write_tensors(tmp_path / "again", tensors)
    again = open_tensors(tmp_path / "again")
    assert list(again) == list(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype
        assert again[name].tobytes() == tensor.tobytes(), name


def test_a_type_that_files_do_not_have_is_named(tmp_path: Path) -> None:
    tensor: Any = np.zeros(2, np.complex64)
    with pytest.raises(ValueError, match=r"x: expected one of the types F64, .*; got complex64"):
        write_tensors(tmp_path / "file", {"x": tensor})
