"""The real SmolLM2 in its GGUF file, and files that are damaged."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from checkpoints.chat import ChatTemplate, ChatTemplateError
from checkpoints.checkpoint import Checkpoint
from checkpoints.gguf import unpermute
from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from specs.decoder.host import PackedWeight
from specs.decoder.weights import CheckpointError


@pytest.fixture(scope="module")
def smollm2() -> Checkpoint:
    return open_checkpoint(model_path("smollm2"))


def test_weights_are_the_bytes_of_the_file(smollm2: Checkpoint) -> None:
    assert smollm2.quantisation == "Q4_1, Q8_0"
    down = smollm2.layer(7)["down"]
    reader = gguf.GGUFReader(model_path("smollm2"))
    stored = next(tensor for tensor in reader.tensors if tensor.name == "blk.7.ffn_down.weight")
    assert isinstance(down, PackedWeight)
    assert np.array_equal(down.data, stored.data)
    assert np.array_equal(down.decode(), gguf.quants.dequantize(stored.data, stored.tensor_type))


def test_query_rows_are_moved_back_to_halves(smollm2: Checkpoint) -> None:
    qkv, head = smollm2.layer(0)["qkv"], smollm2.config.head_dim
    assert isinstance(qkv, PackedWeight)
    reader = gguf.GGUFReader(model_path("smollm2"))
    stored = next(tensor.data for tensor in reader.tensors if tensor.name == "blk.0.attn_q.weight")
    for row in (0, 1, head // 2, head - 1, 3 * head + 5):
        pair, half = row % head % (head // 2), row % head // (head // 2)
        assert np.array_equal(qkv.data[row], stored[row // head * head + 2 * pair + half])


def test_moving_rows_is_the_inverse_of_what_llama_cpp_does() -> None:
    rows = np.arange(2 * 8 * 3).reshape(16, 3)
    permuted = rows.reshape(2, 2, 4, 3).swapaxes(1, 2).reshape(16, 3)
    assert np.array_equal(np.asarray(unpermute(permuted, 2)), rows)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("The capital of France is Paris.", [504, 3575, 282, 4649, 314, 7042, 30]),
        ("\n\n  12345", [39892, 33, 34, 35, 36, 37]),
        ("<|im_start|>user\n", [1, 4093, 198]),
    ],
)
def test_text_is_split_as_llama_cpp_does(smollm2: Checkpoint, text: str, ids: list[int]) -> None:
    assert smollm2.tokenizer.encode(text) == ids
    assert smollm2.tokenizer.decode(ids, special=True) == text


def test_messages_take_the_form_of_the_template(smollm2: Checkpoint) -> None:
    assert smollm2.chat is not None
    text = smollm2.chat.render([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_cannot_reach_the_machine() -> None:
    evil = ChatTemplate(source="{{ messages.__class__.__mro__ }}", tokens={})
    with pytest.raises(ChatTemplateError):
        evil.render([{"role": "user", "content": "x"}])


def test_no_messages_and_refused_ones_are_errors() -> None:
    template = ChatTemplate(source="{{ raise_exception('roles must alternate') }}", tokens={})
    with pytest.raises(ChatTemplateError, match="expected at least one; got none"):
        template.render([])
    with pytest.raises(ChatTemplateError, match="roles must alternate"):
        template.render([{"role": "user", "content": "x"}])


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    whole = model_path("smollm2").read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"cut\.gguf: expected a whole GGUF file"):
        open_checkpoint(path)


def test_other_architectures_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(CheckpointError, match="expected one of llama, qwen2, qwen3; got 'mamba'"):
        open_checkpoint(path)


def test_a_path_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected a \.gguf file or a folder"):
        open_checkpoint(tmp_path / "none.gguf")
