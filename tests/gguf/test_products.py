"""Products and rows of GGUF weights against the values that gguf-py decodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import specs
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.errors import ArgumentError, ConstraintViolated
from specs.lang.formats import ggml
from specs.lang.formats.elements import F32
from specs.lang.formats.packed import PackedBlock
from specs.lang.formats.packed_encode import encode
from torch_impl import ops as torch_ops

quants = pytest.importorskip("gguf.quants")
gguf = pytest.importorskip("gguf")
ops: Any = torch_ops
"""Called with block types by name."""
IMPLEMENTATIONS = ("eager", "dequant")


@pytest.mark.parametrize("form", ggml.BLOCKS, ids=lambda form: form.name)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_identity_gives_the_decoded_weight(form: PackedBlock, implementation: str, rng: np.random.Generator) -> None:
    """Rows of the identity pick single weights: nothing but their own rounding is left."""
    k = form.elements
    rows = encode(form, rng.standard_normal((5, k)).astype(np.float32))
    found = ops.gguf_gemm(
        torch.eye(k),
        torch.from_numpy(rows),
        quant_type=form.name,
        out_dtype=torch.float32,
        implementation=implementation,
    )
    want = quants.dequantize(rows, gguf.GGMLQuantizationType(form.type_id)).T
    product, low = form.terms(rows)
    magnitude = (np.abs(product) + np.abs(low)).T
    bound = specs.get("gguf_gemm").accuracy_of("c").bound(want, magnitude, 1, F32, FLOAT32)
    assert (np.abs(found.numpy() - want) <= bound).all()


@pytest.mark.parametrize("form", ggml.BLOCKS, ids=lambda form: form.name)
def test_rows_by_token_are_the_decoded_rows(form: PackedBlock, rng: np.random.Generator) -> None:
    rows = encode(form, rng.standard_normal((7, 2 * form.elements)).astype(np.float32))
    ids = torch.tensor([6, -1, 0, 7, 3])
    found = ops.gguf_embedding(
        ids, torch.from_numpy(rows), quant_type=form.name, out_dtype=torch.float32, implementation="eager"
    )
    want = quants.dequantize(rows, gguf.GGMLQuantizationType(form.type_id))
    np.testing.assert_array_equal(found[[0, 2, 4]].numpy(), want[[6, 0, 3]])  # one operation at a time, as there
    for row in (found[1], found[3]):  # not -0 either
        assert not row.view(torch.int32).any()


def test_an_infinite_scale_reaches_its_own_rows_only(rng: np.random.Generator) -> None:
    rows = encode(ggml.Q4_0, rng.standard_normal((3, 64)).astype(np.float32))
    rows[1, :2] = np.array([np.inf], np.float16).view(np.uint8)
    c = ops.gguf_gemm(torch.ones(2, 64), torch.from_numpy(rows), quant_type="Q4_0")
    assert torch.isfinite(c[:, [0, 2]]).all()
    assert not torch.isfinite(c[:, 1]).any()


def test_bytes_that_do_not_fit_are_refused() -> None:
    a, weight = torch.ones(2, 256), torch.zeros(3, 144, dtype=torch.uint8)
    with pytest.raises(ArgumentError, match=r"'b'.*144"):
        ops.gguf_gemm(a, weight[:, :143].contiguous(), quant_type="Q4_K")
    with pytest.raises(ConstraintViolated, match="not whole Q4_K blocks"):
        ops.gguf_gemm(torch.ones(2, 128), weight[:, :0].contiguous(), quant_type="Q4_K")
    with pytest.raises(ArgumentError, match="quant_type"):
        ops.gguf_gemm(a, weight, quant_type="IQ2_XXS")
    with pytest.raises(ConstraintViolated, match="143 bytes are not whole Q4_K blocks"):
        ops.gguf_embedding(torch.zeros(1, dtype=torch.int32), weight[:, :143].contiguous(), quant_type="Q4_K")
    store = torch.zeros(3 * 144 + 1, dtype=torch.uint8)
    with pytest.raises(ArgumentError, match="multiple of 4 bytes"):
        ops.gguf_gemm(a, store[1:].view(3, 144), quant_type="Q4_K")
