"""Folders of Hugging Face."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tokenizers
from safetensors.numpy import load_file, save_file

from checkpoints.opening import open_checkpoint
from specs.decoder.weights import CheckpointError
from tests.decoder.models import checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny Llama with a tokenizer of letters."""
    shutil.copytree(checkpoint("llama3").folder, tmp_path, dirs_exist_ok=True)
    vocabulary = {chr(ord("a") + index): index for index in range(26)} | {"<end>": 26}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="a"))  # noqa: S106 - no password
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<end>"}}))
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}{{ eos_token }}")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [26, 25]}))
    return tmp_path


def test_a_folder_is_opened(folder: Path) -> None:
    found = open_checkpoint(folder)
    assert found.config == checkpoint("llama3").config
    assert found.tokenizer.eos == {25, 26}
    assert found.chat is not None
    assert found.chat.render([{"role": "user", "content": "abc"}]) == "abc<end>"
    assert found.model()["norm"] is found.tensors["model.norm.weight"]


def test_tensors_in_several_files_are_one_model(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {name: f"model-{index % 2}.safetensors" for index, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in names if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert sorted(open_checkpoint(folder).tensors) == names
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model-1\.safetensors: expected the tensors"):
        open_checkpoint(folder)


def test_a_damaged_file_is_an_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: expected a whole safetensors file"):
        open_checkpoint(folder)
