"""Formats on devices: every code decodes, and every value on a rounding boundary encodes, as the format declares.

Both are exhaustive. Encoding takes every bfloat16 value, and for every two neighbouring codes of the goal the value
half way between them with the float32 numbers below and above it: where these round correctly, everything between them
does, since rounding is monotonic.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from specs.lang.axes import Axis, Ref, cdiv
from specs.lang.elements import BF16, E2M1, E4M3, E5M2, E8M0, F16, F32, INT4, INT8, UINT4, UINT8, ElementFormat
from specs.lang.op import Op
from specs.tile.language import arange, load, program_id, store
from specs.tile.library import codec
from tests.tile.kernels import Raw, coded, implementations, run, tiny

GOALS = (E4M3, E5M2, E2M1, E8M0, INT8, UINT8, INT4, UINT4, F16, BF16)
N = Axis(name="N")
# Interpreters take time per statement and none per element: few, large tiles.
BLOCK = {"interpret": 1 << 18, "cpu": 1 << 18, "cuda": 1024, "xpu": 1024}

each_implementation = pytest.mark.parametrize("implementation", implementations())


def boundaries(form: ElementFormat) -> Raw:
    """Midpoints of neighbouring values, and their float32 neighbours; float32."""
    values = np.unique(form.decode(np.arange(1 << form.bits, dtype=np.uint32)))
    values = values[np.isfinite(values)]
    beyond = [2 * values[-1] - values[-2], 2 * values[0] - values[1]]
    values = np.sort(np.concatenate([values, beyond]))
    with np.errstate(over="ignore"):
        middle, values = ((values[:-1] + values[1:]) / 2).astype(np.float32), values.astype(np.float32)
    down, up = np.nextafter(middle, np.float32(-np.inf)), np.nextafter(middle, np.float32(np.inf))
    return np.concatenate([middle, down, up, values])


@cache
def encoder_inputs() -> Raw:
    """Every bfloat16 value, NaN with either sign, and the boundaries of every goal."""
    every = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    return np.concatenate([every, *(boundaries(form) for form in GOALS)])


def encode_all(p: Any) -> None:
    """One value in every format."""
    at = program_id(0) * p.BLOCK + arange(p.BLOCK)
    inside = at < p.N
    x = load(p.x, (at,), inside)
    for form in GOALS:
        store(getattr(p, form.name), (at,), x.to(form), inside)


def decode_all(p: Any) -> None:
    """All codes of all formats, as values and through the arithmetic that targets without the format use."""
    at = program_id(0) * p.BLOCK + arange(p.BLOCK)
    for form in GOALS:
        inside = at < (1 << form.bits)
        codes = at & ((1 << form.bits) - 1)
        store(getattr(p, f"{form.name}_arithmetic"), (at,), codec.decode(codes, form), inside)
        if form.bits == form.storage_bits:
            values = load(getattr(p, form.name), (at,), inside)
            store(getattr(p, f"{form.name}_values"), (at,), values.to(F32), inside)


@cache
def encoder() -> Op:
    outputs: Any = {form.name: ((N,), form) for form in GOALS}
    return tiny(encode_all, {"x": ((N,), F32)}, outputs, axes=(N,), grid=(cdiv(N, Ref("BLOCK")),), block=BLOCK)


@cache
def decoder() -> Op:
    whole = [form for form in GOALS if form.bits == form.storage_bits]
    inputs: Any = {form.name: ((1 << form.bits,), form) for form in whole}
    outputs: Any = {f"{form.name}_values": ((1 << form.bits,), F32) for form in whole}
    outputs |= {f"{form.name}_arithmetic": ((1 << form.bits,), F32) for form in GOALS}
    block = {"interpret": 1 << 16, "cuda": 1024, "xpu": 1024}
    return tiny(decode_all, inputs, outputs, grid=(cdiv(1 << 16, Ref("BLOCK")),), block=block)


@cache
def encoded(implementation: str) -> dict[str, Raw]:
    return run(encoder(), {"x": encoder_inputs()}, implementation)


@cache
def decoded(implementation: str) -> dict[str, Raw]:
    codes = {
        form.name: coded(np.arange(1 << form.bits, dtype=form.storage_dtype), form)
        for form in GOALS
        if form.bits == form.storage_bits
    }
    return run(decoder(), codes, implementation)


def test_boundaries_are_boundaries() -> None:
    """The inputs hold, for every goal, numbers on both sides of every change of code."""
    for form in GOALS:
        values = np.sort(boundaries(form).astype(np.float64))
        codes = np.unique(form.encode(values))
        finite = np.isfinite(form.decode(np.arange(1 << form.bits)))
        assert len(codes) >= finite.sum() - 1, form.name  # minus zero and zero are one value


@each_implementation
@pytest.mark.parametrize("form", GOALS, ids=lambda form: form.name)
def test_encode(form: ElementFormat, implementation: str) -> None:
    x = encoder_inputs()
    with np.errstate(invalid="ignore"):  # signalling NaN
        got, want = encoded(implementation)[form.name], form.encode(x)
    if form.bits == 16:  # formats wide enough to compute in: a NaN stays one, its payload and sign are not stated
        nan = np.isnan(x)
        assert np.isnan(form.decode(got[nan])).all()
        got, want, x = got[~nan], want[~nan], x[~nan]
    wrong = np.flatnonzero(got != want)
    assert not wrong.size, [(float(x[i]), hex(got[i]), hex(want[i])) for i in wrong[:8]]


@each_implementation
@pytest.mark.parametrize("way", ["values", "arithmetic"])
@pytest.mark.parametrize("form", GOALS, ids=lambda form: form.name)
def test_decode(form: ElementFormat, way: str, implementation: str) -> None:
    if way == "values" and form.bits != form.storage_bits:
        pytest.skip("codes of this format share bytes in memory: they are taken apart by arithmetic")
    got = F32.decode(decoded(implementation)[f"{form.name}_{way}"])
    want = form.decode(np.arange(1 << form.bits, dtype=np.uint32))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    real = ~np.isnan(want)
    np.testing.assert_array_equal(got[real], want[real])
    np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(want[real]))
