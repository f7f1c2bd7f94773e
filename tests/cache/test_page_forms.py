"""Caches as [pages, rows, bytes of a row]: operations and oracles take them as they take [pages, bytes]."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import specs
from parity.judge.expected import expectations
from parity.judge.inputs import Inputs, generate
from parity.judge.runner import run_inputs
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.declare.layouts import Pages
from specs.lang.declare.op import Case
from specs.lang.formats.paged import Paged
from tests.contract import suite


def paged() -> list[str]:
    """Operations with caches."""
    return [name for name in specs.names() if any(isinstance(a.layout, Pages) for a in specs.get(name).inputs)]


def both_forms(op: str) -> tuple[Case, Inputs, Inputs]:
    """A call with pages [pages, bytes] that have no padding, and as rows of which nothing else is said."""
    spec = specs.get(op)
    case = next(case for case in spec.cases if not case.large and all(size for _, size in case.sizes))
    inputs = generate(spec, case, "exact", 1)
    flat, arrays, attributes = dict(inputs.arrays), dict(inputs.arrays), dict(inputs.attributes)
    for array in spec.inputs:
        if isinstance(array.layout, Pages) and array.name in flat:
            layout, rows = (inputs.attributes[name] for name in (array.layout.layout, array.layout.block_size))
            assert isinstance(layout, Paged)
            assert isinstance(rows, int)
            flat[array.name] = np.ascontiguousarray(flat[array.name][:, : layout.page_bytes(rows)])
            arrays[array.name] = flat[array.name].reshape(-1, rows, layout.row_bytes)
            attributes[array.layout.block_size] = None
    return case, replace(inputs, arrays=flat), replace(inputs, arrays=arrays, attributes=attributes)


@pytest.mark.parametrize("op", paged())
def test_both_forms_of_a_cache_mean_the_same(op: str) -> None:
    case, flat, rows = both_forms(op)
    wanted, found = (expectations(inputs, inputs.layout.call()) for inputs in (flat, rows))
    for name, expected in wanted.items():
        given = found[name].reference.value
        assert given.shape == (rows.arrays[name].shape if name in rows.arrays else expected.reference.value.shape)
        np.testing.assert_array_equal(given.reshape(expected.reference.value.shape), expected.reference.value)
    (row,) = run_inputs(rows, case, "exact", implementations=("torch:eager",))
    assert row.status == "passed", row.reason


def test_gathered_keys_keep_the_code_of_every_nan() -> None:
    """0x7f and 0xff are both NaN of e4m3: codes are copied, and rows that nobody owns keep theirs."""
    op = specs.get("indexer_k_gather")
    inputs = suite.inputs_of(op, op.case("fp8"))
    codes = inputs.arrays["dst_k"].copy()
    codes[:, ::2], codes[:, 1::2] = 0xFF, 0x7F
    cache = inputs.arrays["cache"].copy()
    cache[:, :64] = 0xFF
    inputs = inputs.replaced(dst_k=codes, cache=cache)
    expected = expectations(inputs, inputs.layout.call())["dst_k"]
    value = np.asarray(expected.reference.value)
    untouched = ~(value != codes).any(axis=1)
    assert untouched.any()
    assert not untouched.all()
    rows = run_inputs(inputs, op.case("fp8"), "random", implementations=suite.available(op.name, "cpu"))
    for row in rows:
        assert row.status == "passed", f"{row.pair}: {row.reason}"
    spoiled = expected.raw.copy()
    spoiled[expected.raw == 0xFF] = 0x7F
    assert not expected.rule("random", FLOAT32).compare(spoiled).passed
