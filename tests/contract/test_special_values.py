"""NaN and infinities: where the oracle has them, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

import specs
from parity.judge.expected import expectations
from parity.judge.inputs import Inputs, decode, encode, is_exact, layout_of
from parity.judge.runner import run_inputs
from specs.lang.declare.kernel import Role
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from tests.contract import suite

VALUES = {"NaN": np.nan, "infinity": np.inf}


def holds(form: ElementFormat, value: float) -> bool:
    """Whether a format has the special value."""
    return form.nan_code is not None if np.isnan(value) else form.has_inf


def spoiled(inputs: Inputs, name: str, value: float, quarter: int = 2) -> Inputs:
    """The same inputs with one special value in the middle of an array, or at another quarter of it.

    With an infinity a quarter before it the negative one, where the array may have negative values.
    """
    raw = inputs.arrays[name].copy()
    form = inputs.formats[name]
    code = form.nan_code if np.isnan(value) else form.max_code + 1
    assert code is not None
    special = np.array(code, form.storage_dtype).view(raw.dtype)
    if np.isinf(value) and inputs.op.array(name).role is not Role.SCALE:
        raw.reshape(-1)[raw.size * (quarter - 1) // 4] = encode(-decode(special, form), form)
    raw.reshape(-1)[raw.size * quarter // 4] = special
    return inputs.replaced(**{name: raw})


FACTORED = (("gguf_gemm", "a"),)
"""Arrays whose infinities meet factors of sums, as infinite scales do."""


def _is_infinite_scale(op: Op, name: str, value: float) -> bool:
    return (op.array(name).role is Role.SCALE or (op.name, name) in FACTORED) and bool(np.isinf(value))


def places(infinite_scale: bool) -> list[tuple[str, str, str]]:
    """(operation, array, name of a value): for every float array of the base cases, or for infinite scales.

    Scales of operations whose bytes are the oracle's are like any other array.
    """
    return [
        (op, name, text)
        for op in specs.names()
        for name, form in layout_of(specs.get(op), suite.base_case(specs.get(op))).formats.items()
        for text, value in VALUES.items()
        if form.is_float and holds(form, value)
        if infinite_scale == (not is_exact(specs.get(op)) and _is_infinite_scale(specs.get(op), name, value))
    ]


@pytest.mark.parametrize(("op", "name", "text"), places(infinite_scale=False))
def test_special_values_stand_where_the_oracle_has_them(op: str, name: str, text: str) -> None:
    spec = specs.get(op)
    case = suite.base_case(spec)
    inputs = spoiled(suite.inputs_of(spec, case), name, VALUES[text])
    assert not np.isfinite(decode(inputs.arrays[name], inputs.formats[name])).all()
    names = suite.available(op, "cpu")
    if text != "NaN":  # interpreters are slow, and compute with numpy what the same programs say of either
        names = tuple(name for name in names if name not in suite.INTERPRETERS)
    for row in run_inputs(inputs, case, "random", implementations=names):
        assert row.status == "passed", f"{row.pair}: {row.reason}"


@pytest.mark.parametrize(("op", "name", "text"), places(infinite_scale=True))
def test_an_infinite_scale_leaves_the_same_results_finite(op: str, name: str, text: str) -> None:
    """Infinity times a sum is infinite or NaN, and so is the sum of terms times infinity, not always alike."""
    spec = specs.get(op)
    inputs = spoiled(suite.inputs_of(spec, suite.base_case(spec)), name, VALUES[text])
    expected = expectations(inputs, inputs.layout.call())
    for implementation in suite.available(op, "cpu"):
        for result, raw in suite.run(inputs, implementation, "cpu").items():
            finite = np.isfinite(decode(raw, expected[result].form))
            np.testing.assert_array_equal(finite, np.isfinite(expected[result].reference.value))
            assert finite.any()


NO_NAN = ("moe_route", "logprobs", "compress_norm_rope_insert")
"""Operations that take a NaN for the smallest number, or whose results are bytes."""


def with_nan(op: Op) -> bool:
    """Whether an argument of the base case may be NaN."""
    return any(form.nan_code is not None for form in layout_of(op, suite.base_case(op)).formats.values())


@pytest.mark.parametrize(
    "op", [n for n in specs.names() if not is_exact(specs.get(n)) and n not in NO_NAN and with_nan(specs.get(n))]
)
def test_a_nan_reaches_some_results_and_not_all(op: str) -> None:
    spec = specs.get(op)
    case = suite.base_case(spec)
    name = next(n for n, f in suite.inputs_of(spec, case).formats.items() if f.nan_code is not None)
    reached: dict[str, bool] = {}
    apart = {array.name for array in spec.mutated} - {name}  # queries and keys do not meet in a rotation
    for quarter in (1, 2, 3):  # a token may have nothing to attend to
        inputs = spoiled(suite.inputs_of(spec, case), name, np.nan, quarter)
        for result, expected in expectations(inputs, inputs.layout.call()).items():
            if expected.form.is_float:
                nan = np.isnan(expected.reference.value)
                reached[result] = reached.get(result, result in apart) or bool(nan.any())
                assert not nan.all()
    assert reached
    assert all(reached.values()), reached
