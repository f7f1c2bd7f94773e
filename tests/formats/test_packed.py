"""Packed blocks against gguf-py: every byte pattern decodes to its bits, and encoders that it has give its bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.lang.errors import SpecError, WrongFormat, WrongShape
from specs.lang.formats import ggml
from specs.lang.formats.elements import F16
from specs.lang.formats.packed import Codes, Encoder, Number, PackedBlock, plane
from specs.lang.formats.packed_encode import encode

gguf = pytest.importorskip("gguf")
quants = pytest.importorskip("gguf.quants")
ENCODED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4")
WITHOUT_ENCODER = tuple(form.name for form in ggml.BLOCKS if form.name not in ENCODED)
RMS = {"Q2_K": 0.40, "Q3_K": 0.25, "Q4_K": 0.10, "Q5_K": 0.05, "Q6_K": 0.025, "IQ4_NL": 0.10}
"""Largest relative root mean square error on normal data."""


def type_of(form: PackedBlock) -> Any:
    return gguf.GGMLQuantizationType(form.type_id)


@pytest.mark.parametrize("form", ggml.BLOCKS, ids=lambda form: form.name)
def test_sizes_and_numbers(form: PackedBlock) -> None:
    assert type_of(form).name == form.name
    assert gguf.GGML_QUANT_SIZES[type_of(form)] == (form.elements, form.bytes)


@pytest.mark.parametrize("form", ggml.BLOCKS, ids=lambda form: form.name)
def test_every_byte_pattern_decodes_bit_for_bit(form: PackedBlock, rng: np.random.Generator) -> None:
    rows = rng.integers(0, 256, (2048, form.bytes), dtype=np.uint8)
    # Scales that are zero, subnormal, infinite, NaN; exponents at both ends.
    for i, bits in enumerate((0x0000, 0x8000, 0x0001, 0x7C00, 0xFC00, 0x7E01, 0x7BFF)):
        rows[i, form.scale.byte : form.scale.byte + form.scale.width] = (
            np.uint16(bits).reshape(1).view(np.uint8)[: form.scale.width]
        )
    if form.scale.width == 1:
        rows[:256, 0] = np.arange(256)
    with np.errstate(all="ignore"):
        expected = quants.dequantize(rows, type_of(form))
    np.testing.assert_array_equal(form.decode(rows).view(np.uint32), expected.astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("name", ENCODED)
def test_encoders_give_the_bytes_of_gguf(name: str, rng: np.random.Generator) -> None:
    form = ggml.BY_NAME[name]
    for magnitude in (1e-30, 1e-3, 1.0, 3e3):
        x = (rng.standard_normal((512, form.elements)) * magnitude).astype(np.float32)
        x[0] = 0
        x[1] = np.abs(x[1])
        x[2, :8] = x[2].max()
        with np.errstate(all="ignore"):
            expected = quants.quantize(x, type_of(form))
        np.testing.assert_array_equal(encode(form, x), expected)


@pytest.mark.parametrize("name", WITHOUT_ENCODER)
def test_other_encoders_write_valid_blocks_near_the_values(name: str, rng: np.random.Generator) -> None:
    form = ggml.BY_NAME[name]
    x = rng.standard_normal((64, 2 * 256)).astype(np.float32)
    x[0] = 0
    rows = encode(form, x)
    assert rows.shape == (64, form.row_bytes(512))
    found = quants.dequantize(rows, type_of(form))
    assert not found[0].any()
    assert np.sqrt(((found - x) ** 2).mean() / (x**2).mean()) < RMS[name]


@pytest.mark.parametrize("form", ggml.BLOCKS, ids=lambda form: form.name)
def test_packing_inverts_reading(form: PackedBlock, rng: np.random.Generator) -> None:
    rows = encode(form, rng.standard_normal((32, form.elements)))
    given = [None if field is None else field.read(rows) for field in (form.sub_scales, form.sub_minima)]
    low = None if form.minimum is None else form.minimum.read(rows)
    again = form.pack(form.codes.read(rows), form.scale.read(rows), given[0], low, given[1])
    np.testing.assert_array_equal(again, rows)


def test_rows_that_are_no_blocks_are_refused() -> None:
    with pytest.raises(WrongShape, match="18 bytes each in Q4_0"):
        ggml.Q4_0.decode(np.zeros((2, 35), np.uint8))
    with pytest.raises(WrongFormat, match="int8"):
        ggml.Q4_0.decode(np.zeros((2, 36), np.int8))
    with pytest.raises(WrongShape, match="256 elements each in Q4_K"):
        encode(ggml.Q4_K, np.zeros((2, 128)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bytes": 17}, "not aligned|leaves"),
        ({"scale": Number(byte=2, element=F16)}, "share a bit"),
        ({"elements": 64}, "32 codes for 64"),
        ({"codes": Codes(planes=(plane(2, 4, 16, 32),), table=(1, 2))}, "table of 2"),
        ({"sub_minima": Codes(planes=(plane(0, 8, 2, 2),))}, "without a scale"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {
        "name": "wrong",
        "type_id": 999,
        "elements": 32,
        "bytes": 18,
        "codes": Codes(planes=(plane(2, 4, 16, 32),)),
        "scale": Number(byte=0, element=F16),
        "encoder": Encoder.EXTREME,
    }
    PackedBlock(**fields)
    with pytest.raises(SpecError, match=message):
        PackedBlock(**fields | changes)
