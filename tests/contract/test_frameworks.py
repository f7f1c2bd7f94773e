"""Bytes in, the same bytes out; and what is watched while an operation runs is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.judge.frameworks import (
    OutOfBoundsWrite,
    Result,
    from_jax,
    from_torch,
    jax_missing,
    run_torch,
    to_jax,
    to_torch,
    torch_missing,
)
from parity.judge.guard import bit_view
from parity.judge.inputs import Raw, raw_dtype
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, F64, INT8, INT32, INT64, UINT8, ElementFormat
from tests.contract import suite

SHARED = (F32, F16, BF16, E4M3, E5M2, E8M0, UINT8, INT8, INT32)
"""Formats that both frameworks have a dtype for."""

WAYS: dict[str, Callable[[Raw, ElementFormat], Result]] = {
    "torch": lambda raw, form: from_torch(to_torch(raw, form)),
    "jax": lambda raw, form: from_jax(to_jax(raw, form)),
}


def bytes_of(form: ElementFormat, shape: tuple[int, ...], rng: np.random.Generator) -> Raw:
    """Arbitrary bytes: every value there is, NaN of any payload included."""
    raw = rng.bytes(int(np.prod(shape, dtype=np.int64)) * form.storage_bits // 8)
    return np.frombuffer(raw, raw_dtype(form)).reshape(shape)


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (64, 64), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("form", SHARED, ids=lambda form: form.name)
@pytest.mark.parametrize("way", WAYS)
def test_bytes_survive(way: str, form: ElementFormat, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    raw = bytes_of(form, shape, rng)
    result = WAYS[way](raw, form)
    assert result.form == form
    assert (result.raw.shape, result.raw.dtype) == (raw.shape, raw.dtype)
    np.testing.assert_array_equal(bit_view(result.raw), bit_view(raw))


@pytest.mark.parametrize("way", WAYS)
def test_strided_arrays_survive(way: str, rng: np.random.Generator) -> None:
    raw = bytes_of(F32, (6, 8), rng)[::2, ::-1].T
    np.testing.assert_array_equal(bit_view(WAYS[way](raw, F32).raw), bit_view(raw))


@pytest.mark.parametrize("form", [F64, INT64], ids=lambda form: form.name)
def test_jax_does_not_narrow_in_silence(form: ElementFormat) -> None:
    raw = np.zeros(3, raw_dtype(form))
    with pytest.raises(Unsupported, match="64-bit"):
        to_jax(raw, form)
    assert from_torch(to_torch(raw, form)).raw.dtype == raw.dtype


def test_a_device_that_is_not_there() -> None:
    for missing in (torch_missing, jax_missing):
        assert missing("cpu") is None
        assert "no quantum device" in str(missing("quantum"))


Operation = Callable[..., Any]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Operation], None]:
    """Puts a function in the place of a public operation of torch."""
    from torch_impl import ops

    return lambda function: monkeypatch.setattr(ops, "fp8_gemm", function)


def call() -> dict[str, Result]:
    spec = specs.get("fp8_gemm")
    return run_torch(suite.inputs_of(spec, suite.base_case(spec)), "eager", "cpu")


@pytest.mark.parametrize(("offset", "words"), [(-1, "guard bytes around 'a'"), (0, "'a' is only read")])
def test_stray_writes_are_seen(planted: Callable[[Operation], None], offset: int, words: str) -> None:
    def stray(a: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        code = a.view(torch.uint8).as_strided((1,), (1,), a.storage_offset() + offset)
        code.copy_(code ^ 1)
        return torch.zeros(a.shape[0], 1, dtype=torch.bfloat16)

    planted(stray)
    with pytest.raises(OutOfBoundsWrite, match=words):
        call()


def test_an_element_that_is_not_written_is_not_zero(planted: Callable[[Operation], None]) -> None:
    planted(lambda a, *_, **__: torch.empty(a.shape[0], 16, dtype=torch.bfloat16))
    values = call()["c"].raw.astype(np.float64)
    assert np.isnan(values).all()
    assert not torch.are_deterministic_algorithms_enabled(), "the switch is put back"
