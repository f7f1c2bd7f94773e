"""Every operation and case, exact and random data, every implementation that runs here.

Against the oracle: the same bytes on exact data (but for a logarithm, which no data makes exact) and under exact
contracts, inside the derived bound otherwise.
torch against JAX: the same bytes in the same cases, inside the sum of both bounds otherwise.
"""

from __future__ import annotations

import pytest

import specs
from parity.judge.frameworks import FRAMEWORKS, registered
from parity.judge.inputs import Kind
from parity.judge.runner import ORACLE, run_case
from tests.contract import suite


@pytest.mark.parametrize(("op", "case", "kind", "device", "pair"), suite.comparisons())
def test_case(op: str, case: str, kind: Kind, device: str, pair: str) -> None:
    result = suite.rows(op, case, kind, device)[pair]
    assert result.status == "passed", result.reason
    if suite.same_bytes(op, case, kind):
        assert result.bound == "same bytes"
        assert result.max_ulp == 0.0
        assert result.bit_identical == ("identical" if kind == "exact" else "not applicable")
    else:
        assert result.bound != "same bytes"
        assert result.derivation


@pytest.mark.parametrize("op", {specs.get(name).family: name for name in specs.names()}.values())
def test_nothing_is_left_out_silently(op: str) -> None:
    """What does not run here has a result that says so, and why."""
    spec = specs.get(op)
    case = suite.base_case(spec)
    results = {row.pair: row for row in run_case(spec, case, "exact", 0)}
    torch, jax = ([name for name in registered() if name.startswith(f"{f}:")] for f in FRAMEWORKS)
    wanted = [f"{name} vs {ORACLE}" for name in registered()]
    wanted += [f"{one} vs {other}" for one in torch for other in jax]
    assert list(results) == wanted
    here = set(suite.available(op, "cpu"))
    for pair, row in results.items():
        ran = set(pair.split(" vs ")) <= here | {ORACLE}
        assert ran == (row.status in ("passed", "failed")), pair
        assert row.status == "passed" or row.reason, pair


@pytest.mark.parametrize(
    ("op", "case"), [(op, case.name) for op in specs.names() for case in specs.get(op).cases if case.large]
)
def test_large_cases_do_not_run_on_a_cpu(op: str, case: str) -> None:
    spec = specs.get(op)
    rows = run_case(spec, spec.case(case), "random", 0)
    assert {(row.status, row.max_ulp, row.seconds) for row in rows} == {("not run", None, None)}
    assert all("too large" in row.reason for row in rows)
