"""The tests that packages get for their operations notice faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import specs
from parity.fuzz.calls import draw
from parity.judge import frameworks
from parity.judge.frameworks import Results
from parity.judge.inputs import Inputs
from parity.testing import Contract, contract_suite
from parity.write.emitting import write_below
from parity.write.sources import golden_sources
from specs.lang.errors import SpecError

OP = specs.get("mxfp8_quant")
CASE = OP.cases[0].name


@pytest.fixture
def tests() -> Contract:
    return contract_suite(OP, calls=3)()


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch returns another last element; JAX, whose compiler takes long, is left out."""
    jax = frameworks.FRAMEWORKS["jax"]
    monkeypatch.setitem(frameworks.FRAMEWORKS, "jax", replace(jax, missing=lambda _: "left out"))
    honest = frameworks.FRAMEWORKS["torch"]

    def run(inputs: Inputs, implementation: str, device: str) -> Results:
        results = honest.run(inputs, implementation, device)
        for result in results.values():
            if result.raw.size:
                result.raw[(-1,) * result.raw.ndim] ^= 1
        return results

    monkeypatch.setitem(frameworks.FRAMEWORKS, "torch", replace(honest, run=run))


def test_a_wrong_result_fails_with_the_command_that_repeats_it(tests: Contract, faulty: None) -> None:
    with pytest.raises(AssertionError, match=rf"python -m parity run {OP.name} --case {CASE} .*torch:eager"):
        tests.test_case(CASE, "exact")
    seed = next(seed for seed in range(1, 8) if all(raw.size for raw in draw(OP, seed).inputs.arrays.values()))
    with pytest.raises(AssertionError, match=f"python -m parity fuzz {OP.name} --seed {seed} "):
        tests.test_drawn_call(seed)


def test_a_right_one_passes(tests: Contract) -> None:
    tests.test_drawn_call(1)
    tests.test_declaration(CASE)
    tests.test_shapes_in_jax()
    tests.test_sources()


def test_nothing_compared_is_no_success(tests: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = frameworks.FRAMEWORKS["torch"]
    for name, known in frameworks.FRAMEWORKS.items():
        monkeypatch.setitem(frameworks.FRAMEWORKS, name, replace(known, missing=lambda _: "no device"))
    assert honest.missing("cpu") is None
    with pytest.raises(AssertionError, match="nothing was compared: no device"):
        tests.test_case(CASE, "exact")


def test_checked_in_sources_have_to_be_the_generated_ones(tmp_path: Path) -> None:
    tests = contract_suite(OP, sources=tmp_path)()
    with pytest.raises(AssertionError, match=rf"is missing.*\n.*parity emit {OP.name} --out"):
        tests.test_sources()
    write_below(golden_sources(OP), tmp_path)
    tests.test_sources()


def test_an_operation_without_a_name_has_no_suite() -> None:
    with pytest.raises(SpecError, match="no name"):
        contract_suite(replace(OP, name="two words"))
