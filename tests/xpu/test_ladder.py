"""The walk: without the tools it says that nothing was run; with them, kernels climb every rung."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

import specs
from parity.xpu import ladder as ladder_module
from parity.xpu import matrices, spirv, tools
from parity.xpu.command import run
from parity.xpu.execute_worker import emulated
from parity.xpu.ladder import CARDS, RUNGS, Attempt, Ladder, attempts, covering_cases, matrix_units
from parity.xpu.record import EXECUTED, LOWERED, MATRIX, REAL, KernelRow, MachineCode, Rung, compiled, native
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


def code(card: str, dpas: int) -> MachineCode:
    return MachineCode(
        card=card, registers=128, lanes=32, instructions=9, dpas=dpas, blocks=0, spill=0, cycles=1, dpas_share=0.0
    )


@pytest.mark.parametrize(
    ("dots", "dpas", "launch", "answer", "reason"),
    [
        (0, (0, 0), {}, "not run", ""),
        (2, (4, 4), {}, "yes", ""),
        (2, (4, 0), {}, "no", "no DPAS on PVC"),
        (2, (0, 0), {"without_matrix_units": ["f32 x f32 (ieee)"]}, "no", "f32 x f32"),
        (2, (0, 0), {"matrix_units": "off"}, "not run", "turned off"),
        (2, (), {}, "not run", "no machine code"),
    ],
)
def test_dots_without_instructions_of_the_matrix_units_fail(
    dots: int, dpas: tuple[int, ...], launch: dict[str, Any], answer: str, reason: str
) -> None:
    made = tuple(code(card, count) for card, count in zip(CARDS, dpas, strict=False))
    row = KernelRow(op="o", case="c", backend="pallas", kernel="k", tunables={}, dots=dots, code=made)
    rung = matrix_units(row, launch)
    assert (rung.name, rung.answer) == (MATRIX, answer)
    assert reason in rung.reason


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


@pytest.mark.parametrize(("products", "answer"), [(2, "no"), (3, "not run")])
def test_dots_that_the_compiler_leaves_out_are_no_failure(tmp_path: Path, products: int, answer: str) -> None:
    multiply, fused = spirv.Instruction(133, (1, 2, 3, 4)), spirv.Instruction(12, (1, 5, 9, 26, 2, 3, 4))
    other = spirv.Instruction(12, (1, 6, 9, 27, 2, 3))
    module = spirv.Module(header=(spirv.MAGIC, 0x10400, 0, 9, 0), instructions=(multiply, fused, other))
    file = tmp_path / "k.spv"
    file.write_bytes(module.to_bytes())
    launch = {"spirv": dict.fromkeys(CARDS, str(file)), "products": products}
    row = KernelRow(
        op="o", case="c", backend="pallas", kernel="k", tunables={}, dots=1, code=tuple(code(card, 0) for card in CARDS)
    )
    assert matrix_units(row, launch).answer == answer
    assert matrix_units(row, {**launch, "without_matrix_units": ["f32 x f32"]}).answer == "no"


def launched(ladder: Ladder, attempt: Attempt) -> list[dict[str, Any]]:
    assert ladder._gpu is not None
    reply = ladder._gpu.ask(ladder._request(attempt, CARDS[:1]), 240)
    return [{**one, "file": one["spirv"][CARDS[0]]} for one in reply["launches"]]


PRODUCTS = [("fp8_gemm", "ragged-k"), ("int4_gemm_w4a16", "kn-f16"), ("flash_attn_varlen", "parts")]


@NEEDS_PLUGIN
@pytest.mark.parametrize("backend", ["pallas", "triton"])
@pytest.mark.parametrize(("name", "case"), PRODUCTS)
def test_products_of_matrix_units_are_executed(name: str, case: str, backend: Any) -> None:
    op = specs.get(name)
    with Ladder(HERE) as ladder:
        rows = list(ladder.climb(Attempt(op=op, case=op.case(case), backend=backend, tuned={})))
    for row in rows:
        assert row.rung(EXECUTED).answer == "yes", row.rung(EXECUTED).reason
        assert row.rung(MATRIX).answer == ("yes" if row.dots else "not run"), row.rung(MATRIX).reason
        for made in row.code:
            assert (made.lanes, made.registers in (128, 256)) == (32, True)
    assert any(row.dots for row in rows)


@NEEDS_PLUGIN
@pytest.mark.parametrize("setting", ["lts", "off"])
def test_other_settings_are_executed_too(setting: str) -> None:
    op = specs.get("fp8_gemm")
    with Ladder(HERE, matrix_units=setting) as ladder:
        (row,) = ladder.climb(Attempt(op=op, case=op.case("ragged-n"), backend="pallas", tuned={}))
    assert row.rung(EXECUTED).answer == "yes", row.rung(EXECUTED).reason
    assert row.rung(MATRIX).answer == ("not run" if setting == "off" else "yes")


@NEEDS_PLUGIN
def test_rows_in_the_wrong_threads_give_wrong_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels' own results notice where the emulation puts an accumulator's rows, on both kinds of data."""
    op = specs.get("fp8_gemm")
    attempt = Attempt(op=op, case=op.case("ragged-k"), backend="pallas", tuned={})
    own = matrices._Writer._row
    with Ladder(HERE) as ladder:
        assert ladder._device is not None
        (launch,) = launched(ladder, attempt)
        right = spirv.parse(Path(launch["file"]).read_bytes())
        assert any(one.opcode == matrices.MULTIPLY for one in right.instructions)
        monkeypatch.setattr(matrices._Writer, "_row", lambda self, code, thread, i: own(self, code, thread, i ^ 1))
        swapped = Path(launch["file"]).with_suffix(".swapped")
        swapped.write_bytes(emulated(right).to_bytes())
        for file, status in ((launch["file"], "passed"), (str(swapped), "failed")):
            for kind in ("exact", "random"):
                request = {**ladder._request(attempt, ()), "launches": [{**launch, "file": file}], "kind": kind}
                assert ladder._device.ask({**request, "seed": 1}, 120)["status"] == status
