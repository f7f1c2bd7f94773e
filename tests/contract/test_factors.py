"""Factors that users have: no power of two, and no round logarithm, as the named cases prefer for exact sums.

XLA compiles as it does for users, since what it does to factors it does with its optimisations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import jax
import pytest

import specs
from parity.judge.runner import run_case
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import default_case
from tests.contract.suite import SEED, available

VALUES = {
    "alpha": 1.702,
    "beta": 0.71,
    "eps": 0.0123,
    "head_scale": 128**-0.5,
    "limit": 1.37,
    "linear_beta": 0.33,
    "norm_eps": 0.0071,
    "post_mult": 1.9,
    "pre_eps": 0.0037,
    "rms_eps": 0.0123,
    "routed_scaling_factor": 2.3,
    "sinkhorn_eps": 0.0017,
    "sm_scale": 0.0947,
    "softcap": 2.7,
    "softmax_scale": 128**-0.5,
}
"""For every attribute that is a float, 0 left as it is where it switches something off."""
MORE = {
    "act_and_mul": ("swigluoai", "clamp", "swiglustep", "situ-linear"),
    "flash_attn_varlen": ("capped", "slopes", "fp8"),
}
"""Cases that multiply by other factors than the default one does."""


def with_factors(op: Op) -> list[Case]:
    """Small cases of an operation with these values; none where it has no such attribute."""
    names = {attribute.name for attribute in op.attributes if attribute.kind is float}
    found = [default_case(op), *map(op.case, MORE.get(op.name, ()))] if names else []
    changed: list[Case] = []
    for case in found:
        given = dict(case.attributes)
        off = {a.name for a in op.attributes if a.default == 0.0 and not given.get(a.name)}
        values = {**given, **{name: VALUES[name] for name in names - off}}
        changed.append(replace(case, attributes=tuple(values.items())))
    return changed


CASES = [
    pytest.param(op, case, id=f"{op.name}-{case.name}")
    for op in map(specs.get, specs.names())
    for case in with_factors(op)
]


@pytest.fixture(autouse=True)
def _optimised() -> Iterator[None]:
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.parametrize(("op", "case"), CASES)
def test_all_agree_on_factors_of_every_kind(op: Op, case: Case) -> None:
    results = run_case(op, case, "random", SEED, available(op.name, "cpu"))
    assert results
    assert {result.status for result in results} == {"passed"}, [result.reason for result in results]
