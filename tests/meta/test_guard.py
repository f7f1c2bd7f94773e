"""Poison and guards: what stays unwritten, or is written outside, is seen, in numpy and in torch memory."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from parity.judge.compare import Bounded, Exact
from parity.judge.guard import ALIGNMENT, guarded, is_poison, poison, poison_pattern
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, INT8, INT32, ElementFormat

KINDS: dict[ElementFormat, Any] = {element: element.numpy_dtype for element in (BF16, F16, F32, E4M3, INT8, INT32)}
kinds = pytest.mark.parametrize("element", KINDS, ids=lambda element: element.name)
paddings = pytest.mark.parametrize("row_padding", [0, 3])


@kinds
@paddings
def test_writing_inside_leaves_the_guards_alone(element: ElementFormat, row_padding: int) -> None:
    output = guarded((4, 3, 5), KINDS[element], element, row_padding=row_padding)
    assert is_poison(output.data, element).all()
    output.data[...] = 1
    assert output.breach() is None
    assert not is_poison(output.data, element).any()


@kinds
@pytest.mark.parametrize(("where", "count"), [(-1, 1), (0, 1), (0, 40), (-512, 512)])
def test_writing_outside_is_a_breach(element: ElementFormat, where: int, count: int) -> None:
    output = guarded((7, 5), KINDS[element], element)
    start = output.offset + where + (output.data.nbytes if where >= 0 else 0)
    output.buffer[start : start + count] = 0
    breach = output.breach()
    assert breach is not None
    # One guard byte in 256 is a zero already.
    assert breach.count == count - int((output.untouched[start : start + count] == 0).sum())
    assert breach.first_offset == start - output.offset


def test_writing_into_the_padding_of_a_row_is_a_breach() -> None:
    output = guarded((3, 4), np.float32, F32, row_padding=2)
    row = np.lib.stride_tricks.as_strided(output.data[1], shape=(5,), strides=(4,))
    row[:] = 0.5
    breach = output.breach()
    assert breach is not None
    assert breach.first_offset == (6 + 4) * 4


@pytest.mark.parametrize(("strides", "between"), [((1, 3), 0), ((10, 2), 1), ((7, 1), 4), ((1, 0), None)])
def test_any_strides(strides: tuple[int, ...], between: int | None) -> None:
    """Elements lie where the strides say; what lies between them is guarded."""
    found = guarded((3, 4), np.uint16, BF16, strides=strides)
    assert found.data.strides == tuple(2 * step for step in strides)
    found.data[...] = np.arange(3)[:, None] if 0 in strides else np.arange(12).reshape(3, 4)
    assert found.breach() is None
    if between is not None and strides != (1, 3):
        found.buffer[found.offset + 2 * between] ^= 1
        breach = found.breach()
        assert breach is not None
        assert (breach.count, breach.first_offset) == (1, 2 * between)


@pytest.mark.parametrize("shift", [1, 4, ALIGNMENT])
def test_a_copy_shifted_by_some_bytes_is_a_breach(shift: int) -> None:
    output = guarded((64,), np.uint8, E4M3)
    end = output.offset + 64
    output.buffer[end : end + 8] = output.buffer[end + shift : end + shift + 8].copy()
    assert output.breach() is not None


def test_data_is_aligned_and_may_be_empty() -> None:
    for size in range(5):
        output = guarded((size, 3), np.float32, F32)
        assert output.data.shape == (size, 3)
        assert (output.buffer.ctypes.data + output.offset) % ALIGNMENT == 0
        assert output.breach() is None


@kinds
def test_unwritten_elements_are_counted_by_the_exact_comparison(element: ElementFormat) -> None:
    expected = np.ones((6, 6), KINDS[element])
    actual = expected.copy()
    poison(actual[4:], element)
    verdict = Exact(expected=expected, element=element).compare(actual)
    assert (verdict.status, verdict.unwritten) == ("failed", 12)
    assert "12 never written" in verdict.message


@pytest.mark.parametrize("element", [BF16, F16, F32], ids=lambda element: element.name)
def test_poison_is_not_mistaken_for_a_wanted_nan(element: ElementFormat) -> None:
    dtype = np.dtype(KINDS[element])
    reference = np.array([1.0, np.nan, np.nan])
    actual = reference.astype(dtype)
    wanted = Bounded(reference=reference, bound=np.zeros(3), dtype=dtype, element=element)
    free = Exact(expected=actual.copy(), element=element, nan_payload_free=True)
    assert wanted.compare(actual).passed
    poison(actual[2:], element)
    for comparison in (wanted, free):
        verdict = comparison.compare(actual)
        assert (verdict.status, verdict.unwritten) == ("failed", 1)


@pytest.mark.parametrize("element", [BF16, F16, F32, E4M3, E5M2, E8M0], ids=lambda element: element.name)
def test_poison_of_a_float_format_is_nan(element: ElementFormat) -> None:
    pattern = np.array([poison_pattern(element)]).astype(element.storage_dtype)
    assert np.isnan(element.decode(pattern)).all()


def test_torch_memory_is_guarded_through_a_view() -> None:
    torch = pytest.importorskip("torch")
    output = guarded((4, 6), ml_dtypes.bfloat16, BF16)
    tensor = torch.frombuffer(output.buffer, dtype=torch.bfloat16, offset=output.offset, count=24).view(4, 6)
    assert torch.isnan(tensor).all()
    tensor.fill_(2.0)
    assert (output.data.astype(np.float32) == 2).all()
    assert output.breach() is None
    beyond = torch.frombuffer(output.buffer, dtype=torch.bfloat16, offset=output.offset, count=25)
    beyond[24] = 2.0
    breach = output.breach()
    assert breach is not None
    assert breach.first_offset == 48
