"""Float attributes that are small: refused with the least value that is taken, or right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.inputs import Inputs, encode, generate
from parity.judge.runner import run_inputs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.op import Case
from specs.lang.errors import ArgumentError, SpecError
from specs.lang.formats.elements import E4M3, E5M2, E8M0, F32, ElementFormat
from specs.lang.formats.named import least_floor, token_group
from tests.contract import suite

GROUP = "per_token_group_quant_fp8"
LEAST = {E4M3: least_floor(E4M3), E5M2: least_floor(E5M2)}


def quantised(x: Any, **attributes: Any) -> Inputs:
    """A call of the quantiser."""
    op = specs.get(GROUP)
    attributes = check_attributes(op, attributes)
    return Inputs(op=op, arrays={"x": encode(x, F32)}, formats={"x": F32}, attributes=attributes)


@pytest.mark.parametrize("element", LEAST, ids=lambda form: form.name)
def test_an_eps_whose_scale_is_subnormal_is_refused(element: ElementFormat) -> None:
    least = LEAST[element]
    assert np.float32(least) * np.float32(1 / element.max_finite) == np.float32(2.0**-126)
    for eps in (0.0, 1e-45, least / 2, np.nextafter(least, 0)):
        with pytest.raises(ArgumentError, match=f"'eps'.*{LEAST[E4M3] if eps < LEAST[E4M3] else least}"):
            quantised(np.zeros((1, 128)), eps=float(eps), element=element).layout.call()
    for eps in (0.0, 1e-45, least / 2):
        with pytest.raises(SpecError, match="amax_floor"):
            token_group(128, F32, element, floor=eps)


@pytest.mark.parametrize("element", LEAST, ids=lambda form: form.name)
@pytest.mark.parametrize("scale", [F32, E8M0], ids=lambda form: form.name)
@pytest.mark.parametrize("power", [False, True])
def test_the_least_eps_is_right(element: ElementFormat, scale: ElementFormat, power: bool) -> None:
    least = LEAST[element]
    rows = np.array([0.0, -0.0, least, least * 1.5, 1.0])
    x = np.repeat(rows[:, None], 128, axis=1) * np.linspace(-1, -0.01, 128)
    inputs = quantised(x, eps=least, element=element, scale_format=scale, ue8m0=power)
    case = Case(name="least", sizes=(("M", len(rows)), ("N", 128)))
    for row in run_inputs(inputs, case, "random", implementations=suite.available(GROUP, "cpu")):
        assert row.status == "passed", f"{row.pair}: {row.reason}"


def floats() -> list[tuple[str, str]]:
    """(operation, attribute) of every number that programs compute with."""
    return [(name, a.name) for name in specs.names() for a in specs.get(name).attributes if a.kind is float]


@pytest.mark.parametrize(("op", "name"), floats())
def test_numbers_beyond_float32_are_refused(op: str, name: str) -> None:
    spec = specs.get(op)
    inputs = generate(spec, suite.base_case(spec), "random", 0)
    with pytest.raises(ArgumentError, match=f"'{name}'"):
        replace(inputs, attributes={**inputs.attributes, name: 2 * F32.max_finite}).layout.call()


@pytest.mark.parametrize("eps", [0.0, 1e-40])
def test_norms_refuse_an_eps_beside_which_lost_squares_count(eps: float) -> None:
    spec = specs.get("qnorm_rope_kv_insert")
    inputs = generate(spec, suite.base_case(spec), "random", 0)
    with pytest.raises(ArgumentError, match=f"'eps'.*{2.0**-102}"):
        replace(inputs, attributes={**inputs.attributes, "eps": eps}).layout.call()
