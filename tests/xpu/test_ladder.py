"""The walk: without the tools it says that nothing was run; with them, kernels climb every rung."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

import specs
from parity.xpu import ladder as ladder_module
from parity.xpu import tools
from parity.xpu.command import run
from parity.xpu.ladder import CARDS, RUNGS, Attempt, Ladder, attempts, covering_cases
from parity.xpu.record import EXECUTED, LOWERED, REAL, KernelRow, Rung, compiled, native
from parity.xpu.tools import Tools
from specs.tile.launch.cases import case_launches

NOTHING = Tools(python=None, libraries=None, offline={}, problems=(tools.NO_PLUGIN,))
HERE = tools.find()


@pytest.mark.parametrize("name", specs.names())
def test_cases_launch_every_kernel_of_an_operation(name: str) -> None:
    op = specs.get(name)

    steps: dict[str, set[int]] = {}
    for case in op.cases:
        if not case.large:
            found = case_launches(op, case, "xpu", strided=False)
            steps[case.name] = {one.index for one in found if prod(one.grid)}
    chosen = [case.name for case in covering_cases(op)]
    every = set().union(*steps.values())
    assert set().union(*(steps[name] for name in chosen)) == every
    for left_out in chosen:
        rest = set().union(*(steps[name] for name in chosen[: chosen.index(left_out)]))
        assert rest != rest | steps[left_out], "a case that adds nothing"


def test_both_sources_of_every_operation_are_tried() -> None:
    todo = attempts([specs.get(name) for name in specs.names()])
    assert {(one.op.name, one.backend) for one in todo} == {(n, r) for n in specs.names() for r in ("pallas", "triton")}


def test_without_tools_nothing_is_run_and_that_is_said() -> None:
    record = run(attempts([specs.get("global_topk")]), seed=0, rungs=RUNGS, tools=NOTHING)
    assert record.rows
    for rung in RUNGS:
        assert record.counts(rung)["not run"] == len(record.rows)
    assert all("make xpu" in row.rung(LOWERED).reason for row in record.rows)
    assert "make xpu" in record.environment["oneAPI plugin"]
    assert not record.failed


class Scripted:
    """In the place of a child: gives replies that were prepared."""

    def __init__(self, *replies: Mapping[str, Any]) -> None:
        self.replies = list(replies)

    def ask(self, _request: Mapping[str, Any], _seconds: float) -> dict[str, Any]:
        return dict(self.replies.pop(0))

    def close(self) -> None:
        self.replies.clear()


def climbed(monkeypatch: pytest.MonkeyPatch, *replies: Mapping[str, Any], device: Any = None) -> list[KernelRow]:
    monkeypatch.setattr(Ladder, "_compiler", lambda *_: Scripted(*replies))
    monkeypatch.setattr(Ladder, "_executor", lambda *_: device)
    op = specs.get("global_topk")
    (attempt, _) = attempts([op])
    with Ladder(NOTHING) as ladder:
        return list(ladder.climb(attempt, RUNGS if device else (LOWERED,)))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"crash": "crashed with SIGSEGV"}, "SIGSEGV"),
        ({"unsupported": "a version"}, "a version"),
        ({"failed": "KeyError: 'x'"}, "KeyError"),
    ],
)
def test_case_that_is_not_lowered_says_why(monkeypatch: pytest.MonkeyPatch, reply: dict[str, str], reason: str) -> None:
    (row,) = climbed(monkeypatch, reply)
    assert row.rung(LOWERED).answer == "no"
    assert reason in row.rung(LOWERED).reason
    assert row.rung(compiled("B580")).answer == "not run"


def _launch(**changes: Any) -> dict[str, Any]:
    refused = dict.fromkeys(CARDS, "XlaRuntimeError: no")
    launch = {"kernel": "k", "grid": [1, 1, 1], "ir_lines": 3, "tunables": {}, "spirv": {}, "refused": refused}
    return {"launches": [{**launch, "seconds": {}, **changes}]}


def test_refusal_of_the_compiler_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = climbed(monkeypatch, _launch())
    assert [row.rung(compiled(card)).answer for card in CARDS] == ["no", "no"]
    assert row.rung(compiled("PVC")).reason == "XlaRuntimeError: no"


@pytest.mark.parametrize(
    ("reply", "answer", "reason"),
    [
        ({"status": "failed", "reason": "'q': 3 of 4"}, "no", "exact data: 'q': 3 of 4"),
        ({"failed": "ValueError: wrote behind"}, "no", "wrote behind"),
        ({"crash": "no answer after 240 s"}, "not run", "no answer"),
        ({"obstacle": "needs a block read"}, "not run", "block read"),
    ],
)
def test_execution_says_why_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: dict[str, str], answer: str, reason: str
) -> None:
    file = tmp_path / "k.spv"
    monkeypatch.setattr(ladder_module, "_compiled", lambda _launch, card: Rung(name=compiled(card), answer="yes"))
    made = _launch(spirv=dict.fromkeys(CARDS, str(file)), refused={})
    (row,) = climbed(monkeypatch, made, device=Scripted(reply))
    assert row.rung(EXECUTED).answer == answer
    assert reason in row.rung(EXECUTED).reason


NEEDS_PLUGIN = pytest.mark.skipif(
    HERE.python is None or bool(HERE.problems) or HERE.runtime is None,
    reason=f"not run: {'; '.join(HERE.problems) or tools.NO_RUNTIME}",
)


@NEEDS_PLUGIN
@pytest.mark.parametrize("backend", ["pallas", "triton"])
def test_kernel_climbs_every_rung(backend: Any) -> None:
    op = specs.get("prefill_gather_lens")
    (case,) = covering_cases(op)
    with Ladder(HERE) as ladder:
        (row,) = ladder.climb(Attempt(op=op, case=case, backend=backend, tuned={}))
    for rung in (LOWERED, *map(compiled, CARDS), EXECUTED, *(native(card) for card in CARDS if card in HERE.offline)):
        assert row.rung(rung).answer == "yes", f"{rung}: {row.rung(rung).reason}"
    assert row.rung(EXECUTED).note == "same bytes"
    assert row.rung(REAL).answer == "not run"


@NEEDS_PLUGIN
@pytest.mark.parametrize("backend", ["pallas", "triton"])
def test_64_bit_arrays_are_switched_on_where_a_case_has_them(backend: Any) -> None:
    op = specs.get("compressed_slot_mapping")
    with Ladder(HERE) as ladder:
        (row,) = ladder.climb(Attempt(op=op, case=op.case("c4a-int64"), backend=backend, tuned={}), (LOWERED, EXECUTED))
    assert (row.rung(EXECUTED).answer, row.rung(EXECUTED).note) == ("yes", "same bytes"), row.rungs
