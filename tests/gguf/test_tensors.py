"""Tensors over the bytes of a GGUF file: no copies, and errors that name tensor, type and byte counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specs.gguf.tensors import byte_count, tensor
from specs.lang.errors import NotAChoice, WrongShape
from specs.lang.formats import ggml
from specs.lang.formats.packed_encode import encode

gguf = pytest.importorskip("gguf")
NAME = "blk.0.attn_q.weight"


def test_a_file_reads_as_gguf_reads_it(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.standard_normal((3, 512)).astype(np.float32)
    writer = gguf.GGUFWriter(tmp_path / "small.gguf", "llama")
    for form in ggml.BLOCKS:
        writer.add_tensor(form.name, encode(form, values), raw_dtype=gguf.GGMLQuantizationType(form.type_id))
    writer.add_tensor("half", values.astype(np.float16))
    writer.add_tensor("single", values)
    bf16 = (values.view(np.uint32) >> 16).astype(np.uint16)
    writer.add_tensor("brain", bf16.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = gguf.GGUFReader(tmp_path / "small.gguf").tensors
    assert len(found) == len(ggml.BLOCKS) + 3
    for each in found:
        shape = tuple(int(size) for size in each.shape[::-1])
        ours = tensor(each.name, int(each.tensor_type), shape, each.data)
        assert np.shares_memory(ours.data, each.data)
        assert byte_count(each.name, each.tensor_type.name, shape) == each.n_bytes
        np.testing.assert_array_equal(ours.decode(), gguf.quants.dequantize(each.data, each.tensor_type))
        assert ours.quant_type == (each.name if each.name in ggml.BY_NAME else None)


def test_truncated_tensor_is_refused() -> None:
    with pytest.raises(WrongShape, match=rf"'{NAME}'.*1152 bytes for Q4_K \[2, 1024\], got 1151 bytes"):
        tensor(NAME, 12, (2, 1024), bytes(1151))
    assert tensor(NAME, 12, (2, 1024), bytes(1160)).data.shape == (2, 576)


def test_unknown_type_is_refused() -> None:
    with pytest.raises(NotAChoice, match=rf"type of tensor '{NAME}'.*Q4_K \(12\).*got 16"):
        tensor(NAME, 16, (2, 1024), bytes(10))
    with pytest.raises(NotAChoice, match="got IQ2_XXS"):
        byte_count(NAME, "IQ2_XXS", (2, 1024))


def test_rows_of_broken_blocks_are_refused() -> None:
    with pytest.raises(WrongShape, match=r"whole Q6_K blocks, 256 elements \(210 bytes\) each, got \[4, 128\]"):
        byte_count(NAME, 14, (4, 128))
