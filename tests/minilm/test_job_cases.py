"""Cases in another process give what they give here."""

from __future__ import annotations

from dataclasses import replace

import specs
from parity.commands.job_cases import beside
from parity.judge.inputs import KINDS
from parity.judge.runner import run_all
from parity.record.records import CaseResult

OPS = ("per_token_quant_fp8", "per_tensor_quant_fp8")
EAGER = ("torch:eager",)


def untimed(results: tuple[CaseResult, ...]) -> tuple[CaseResult, ...]:
    return tuple(replace(result, seconds=None) for result in results)


def test_the_same_results_in_the_same_order() -> None:
    expected = untimed(run_all(OPS, seed=3, implementations=EAGER, kinds=KINDS))
    ops = [specs.get(name) for name in OPS]
    for cores in (1, 2):
        with beside(ops, seed=3, implementations=EAGER, device="cpu", cores=cores) as cases:
            found = cases.results()
        assert untimed(found) == expected, cores


def test_nothing_to_do() -> None:
    with beside((), seed=0, implementations=EAGER, device="cpu") as cases:
        assert cases.results() == ()
