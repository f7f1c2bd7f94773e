"""64-bit slots, positions and indices, which JAX has where they are switched on."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest

import specs
from jax_impl import ahead
from parity.judge.runner import run_case, seed_of
from specs.lang.declare.op import Op
from specs.lang.formats.elements import INT64
from tests.contract.suite import SEED, available

WIDE = [
    pytest.param(op, case.name, id=f"{op.name}-{case.name}")
    for op in map(specs.get, specs.names())
    for case in op.cases
    if INT64 in dict(case.formats).values()
]


@pytest.fixture(autouse=True)
def _x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_every_argument_of_64_bits_has_a_case() -> None:
    for op in map(specs.get, specs.names()):
        accepted = {array.name for array in op.inputs if not isinstance(array.formats, str) and INT64 in array.formats}
        passed = {name for case in op.cases for name, form in case.formats if form == INT64 and not case.large}
        assert accepted == passed, op.name


@pytest.mark.parametrize(("op", "case"), WIDE)
def test_results(op: Op, case: str) -> None:
    names = [name for name in available(op.name, "cpu") if name.startswith("jax:")]
    results = run_case(op, op.case(case), "random", seed_of(SEED, op.name, case, "random"), names)
    assert {result.status for result in results} == {"passed"}, [result.reason for result in results]


@pytest.mark.parametrize(("op", "case"), WIDE)
def test_kernels_are_lowered_for_nvidia_gpus(op: Op, case: str) -> None:
    for kernel in ahead.lower(op.name, case, "pallas", platform="cuda"):
        assert "tt.func" in kernel.ir
