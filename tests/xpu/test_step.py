"""Whole steps: rungs from what the compiler says, and steps with a mistake through Intel's compilers where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parity.commands.status import FAILED, NOT_RUN, OK
from parity.xpu import command, tools
from parity.xpu.record import COMPILED, NATIVE
from parity.xpu.step import Attempt, attempts, compile_steps, matrix_units_of, row
from parity.xpu.step_record import COPIES, IN_PLACE, LARGE, OWN, STEP_RUNGS, XLA, StepKernel, from_json, to_json
from parity.xpu.step_table import page
from parity.xpu.tools import Tools
from tests.xpu import steps

NOTHING = Tools(python=None, libraries=None, offline={}, problems=(tools.NO_PLUGIN,))
HERE = tools.find()
ATTEMPT = Attempt(step="module:function", implementation=None, card="B580")
POOL = steps.POOL.size * 4

REPLY: dict[str, Any] = {
    "caches": POOL,
    "aliased": POOL,
    "temporaries": 64,
    "launches": {"own": 1, "xla": 2, "library": 0, "copies": 0},
    "copies": [],
    "matrix_units": "on",
    "spirv": [],
    "seconds": 1.0,
}


def answers(reply: dict[str, Any]) -> dict[str, str]:
    found = row(ATTEMPT, reply, NOTHING, Path())
    return {rung.name: rung.answer for rung in found.rungs}


def test_every_implementation_is_compiled_for_every_card() -> None:
    found = attempts(["a:b"], [None, "pallas"])
    assert [(one.implementation, one.card) for one in found] == [
        (None, "B580"),
        (None, "PVC"),
        ("pallas", "B580"),
        ("pallas", "PVC"),
    ]


def test_rungs_of_a_reply() -> None:
    copy = {"name": "copy.1", "type": "f32[512,1024]{1,0}", "bytes": POOL, "times": 1}
    assert answers(REPLY) == {COMPILED: "yes", IN_PLACE: "yes", COPIES: "yes", NATIVE: "not run"}
    assert answers(REPLY | {"aliased": 0})[IN_PLACE] == "no"
    assert answers(REPLY | {"copies": [copy]})[COPIES] == "no"
    assert answers({"crash": "crashed with SIGABRT"}) == {COMPILED: "no"}
    assert answers({"failed": "there is no such step", "missing": True}) == {COMPILED: "not run"}


def test_our_dots_need_the_matrix_units_and_those_of_xla_do_not() -> None:
    own, other = (StepKernel(name=source, source=source, dots=1) for source in (OWN, XLA))
    units = StepKernel(name="units", source=OWN, dots=1, dpas=8)
    assert matrix_units_of([units, other], "on").answer == "yes"
    assert matrix_units_of([units, own], "on").answer == "no"
    assert matrix_units_of([own], "off").answer == "not run"
    assert matrix_units_of([other], "on").answer == "not run"


def test_without_tools_nothing_is_run_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = command.steps(["tests.xpu.steps:right"], [None], tools=NOTHING)
    assert not record.ran
    assert not record.failed
    file, report = tmp_path / "steps.json", tmp_path / "steps.html"
    assert command.deliver_steps(record, file, report) == NOT_RUN
    assert "make xpu" in capsys.readouterr().out
    assert from_json(file.read_text()) == record
    assert "make xpu" in report.read_text()


@pytest.fixture(scope="module")
def compiled() -> Any:
    """Rows of the tests' steps by name, for B580, and the record."""
    if HERE.problems:
        pytest.skip("; ".join(HERE.problems))
    names = ("right", "not_donated", "aborts", "copied")
    record = command.steps([f"tests.xpu.steps:{name}" for name in names], [None], tools=HERE)
    return {row.step.partition(":")[2]: row for row in record.rows if row.card == "B580"}, record


def test_a_step_that_writes_its_cache_where_it_lies(compiled: Any) -> None:
    (found, _) = compiled
    right = found["right"]
    assert (right.rung(IN_PLACE).answer, right.rung(COPIES).answer) == ("yes", "yes")
    assert right.caches == right.aliased == POOL
    if "B580" in HERE.offline:
        assert right.kernels
        assert right.rung(NATIVE).answer == "yes"


def test_a_cache_that_is_not_donated_fails(compiled: Any) -> None:
    (found, _) = compiled
    forgot = found["not_donated"]
    assert forgot.rung(COMPILED).answer == "yes"
    assert (forgot.aliased, forgot.rung(IN_PLACE).answer) == (0, "no")


def test_a_cache_that_is_copied_fails(compiled: Any) -> None:
    (found, _) = compiled
    copied = found["copied"]
    assert copied.rung(COPIES).answer == "no"
    assert {one.bytes for one in copied.copies} == {POOL}
    assert "f32[512,1024]" in copied.rung(COPIES).reason


def test_a_compiler_that_aborts_takes_nothing_with_it(compiled: Any) -> None:
    (found, record) = compiled
    assert found["aborts"].rung(COMPILED).reason == "crashed with SIGABRT"
    # The one after it was compiled.
    assert found["copied"].rung(COMPILED).answer == "yes"
    assert record.failed


def test_the_exit_status_and_the_page_tell(compiled: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (_, record) = compiled
    assert command.deliver_steps(record, None, None) == FAILED
    said = capsys.readouterr().out
    assert all(name in said for name in ("not_donated", "aliased", "crashed with SIGABRT"))
    assert all(rung in page(record) for rung in (STEP_RUNGS[0].capitalize(), "copied"))
    assert from_json(to_json(record)) == record


def test_the_example_comes_up_every_rung() -> None:
    if HERE.problems:
        pytest.skip("; ".join(HERE.problems))
    record = command.steps(["examples.decoder_layer_jax:step"], ["pallas"], tools=HERE)
    for found in record.rows:
        assert {rung.name: rung.answer for rung in found.rungs if rung.answer == "no"} == {}
        assert found.aliased == found.caches > LARGE
        assert found.launches.own == 10  # four quantisers, four products, the parts of one, attention
    assert command.deliver_steps(record, None, None) == OK


def test_a_step_of_deepseek_v4_comes_up_every_rung() -> None:
    if HERE.problems:
        pytest.skip("; ".join(HERE.problems))
    attempt = Attempt(step="examples.v4_step_jax:quantised", implementation="pallas", card="B580")
    (found,) = compile_steps([attempt], HERE, matrix_units="on", progress=lambda _: None)
    assert {rung.name: rung.answer for rung in found.rungs if rung.answer == "no"} == {}
    assert found.aliased == found.caches > LARGE
    assert found.launches.own == 158
    if "B580" in HERE.offline:
        assert {one.name for one in found.kernels if one.source == OWN and one.dots and not one.dpas} == set()
