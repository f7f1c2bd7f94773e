"""The search for tunables that spill least, on made-up compilers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

import specs
from parity.xpu.command import put
from parity.xpu.record import KERNEL_BACKENDS, KernelRow, MachineCode, Rung, compiled, native
from parity.xpu.search import Candidate, Found, candidate, descend, groups, lightest, neighbours, settle
from specs import tuned
from specs.lang.declare.kernel import Config, Kernel
from specs.lang.declare.op import Case, Op
from specs.lang.errors import SpecError
from specs.tile.launch.cases import case_call, case_launches, default_case
from specs.tile.launch.plan import Launch, plan


def start(name: str) -> tuple[Kernel, Mapping[str, int]]:
    """A kernel and its present configuration."""
    op = specs.get(name)
    launch = case_launches(op, default_case(op), "xpu", strided=False)[0]
    return launch.step.kernel, launch.tunables


def compiler(spill: Callable[[Mapping[str, int]], int | None]) -> Callable[[Mapping[str, int]], Candidate]:
    def attempt(tuned: Mapping[str, int]) -> Candidate:
        return Candidate(case="c", kernel="k", tunables=tuned, spill=spill(tuned), shared_memory=0, reason="")

    return attempt


def test_configuration_that_spills_nothing_is_left_alone() -> None:
    kernel, now = start("fp8_gemm")
    (only,) = descend(kernel, now, compiler(lambda _: 0))
    assert only.tunables == now


def test_tiles_shrink_until_nothing_spills() -> None:
    kernel, now = start("fp8_gemm")

    def spill(tuned: Mapping[str, int]) -> int:
        return max(0, tuned["BLOCK_M"] * tuned["BLOCK_N"] // tuned["num_warps"] - 256)

    tried = descend(kernel, {**now, "BLOCK_M": 64, "BLOCK_N": 64, "num_warps": 4}, compiler(spill))
    best = tried[-1]
    assert best.spill == 0
    assert best.tunables["BLOCK_M"] * best.tunables["BLOCK_N"] // best.tunables["num_warps"] <= 256
    assert len({tuple(sorted(one.tunables.items())) for one in tried}) == len(tried), "nothing is tried twice"


def test_least_spill_is_taken_where_some_stays() -> None:
    kernel, now = start("fp8_gemm")
    best = descend(kernel, now, compiler(lambda tuned: 100 + tuned["BLOCK_K"]))[-1]
    smallest = min(next(t.values for t in kernel.tunables if t.name == "BLOCK_K"))
    assert best.spill == 100 + smallest


def test_valley_that_is_none_is_left() -> None:
    """Neighbours of the present configuration all spill more, and the lightest ones spill nothing."""
    kernel, default = start("fp8_gemm")
    now = {**default, "num_warps": 4}
    light = lightest(kernel, now)

    def spill(tuned: Mapping[str, int]) -> int:
        if tuned["num_warps"] == light["num_warps"] and tuned["BLOCK_M"] * tuned["BLOCK_N"] <= 1024:
            return 0
        return 100 if dict(tuned) == dict(now) else 200

    best = descend(kernel, now, compiler(spill))[-1]
    assert best.spill == 0
    assert best.tunables["BLOCK_M"] * best.tunables["BLOCK_N"] == 1024, "as large as spills nothing"


def test_matrix_units_are_used_as_far_as_nothing_spills() -> None:
    """Warps that compute the same lower the share; of equal shares, the larger tile is taken."""
    kernel, default = start("fp8_gemm")
    now = {**default, "BLOCK_M": 16, "BLOCK_N": 16, "BLOCK_K": 32, "num_warps": 16}

    def attempt(tuned: Mapping[str, int]) -> Candidate:
        tile = tuned["BLOCK_M"] * tuned["BLOCK_N"]
        spill = 64 if tile // tuned["num_warps"] > 512 or tuned["BLOCK_K"] > 32 else 0
        share = min(1.0, tile / (128 * tuned["num_warps"])) / 2
        return Candidate(case="c", kernel="k", tunables=tuned, spill=spill, shared_memory=0, reason="", share=share)

    best = descend(kernel, now, attempt)[-1]
    assert (best.spill, best.share) == (0, 0.5)
    assert best.work > 16 * 16 * 32


def test_candidate_takes_the_number_of_registers_with_which_it_spills_least() -> None:
    code = MachineCode(
        card="B580", registers=128, lanes=32, instructions=9, dpas=1, blocks=0, spill=64, cycles=9, dpas_share=0.5
    )
    more = (
        replace(code, registers=256, spill=0, dpas_share=0.4),
        replace(code, registers=256, spill=0, dpas_share=0.2),
    )
    row = _row(a=Rung(name=native("B580"), answer="yes", spill=64))
    found = candidate("c", "k", {}, replace(row, code=(code, *more)))
    assert (found.spill, found.registers, found.share) == (0, 256, 0.2)
    fits = candidate("c", "k", {}, replace(row, code=(replace(code, spill=0), *more)))
    assert (fits.spill, fits.registers, fits.share) == (0, 128, 0.5)


def test_refused_configuration_is_worse_than_any_spill() -> None:
    kernel, now = start("fp8_gemm")
    big = now["BLOCK_N"]
    best = descend(kernel, now, compiler(lambda tuned: None if tuned["BLOCK_N"] == big else 8))[-1]
    assert best.spill == 8


@pytest.mark.parametrize("name", specs.names())
def test_neighbours_are_configurations_that_the_kernel_declares(name: str) -> None:
    kernel, now = start(name)
    values = {tunable.name: tunable.values for tunable in kernel.tunables}
    for other in neighbours(kernel, now):
        changed = [name for name in now if other[name] != now[name]]
        assert len(changed) == 1
        assert other[changed[0]] in values[changed[0]]
        assert changed[0] != "num_stages"


def _row(**rungs: Rung) -> KernelRow:
    rows = tuple(rungs.values())
    return KernelRow(op="o", case="c", backend="pallas", kernel="k", tunables={}, shared_memory=64, rungs=rows)


def test_candidate_takes_the_card_where_most_spills() -> None:
    rows = {card: Rung(name=native(card), answer="yes", spill=spill) for card, spill in (("B580", 64), ("PVC", 128))}
    assert candidate("c", "k", {}, _row(**rows)).spill == 128


def test_candidate_that_one_card_refuses_has_no_spill() -> None:
    built = Rung(name=native("B580"), answer="yes", spill=0)
    refused = Rung(name=compiled("PVC"), answer="no", reason="too large")
    found = candidate("c", "k", {}, _row(a=built, b=refused))
    assert (found.spill, found.reason) == (None, "too large")


def test_candidate_that_was_not_built_has_no_spill() -> None:
    row = _row(a=Rung(name=native("B580"), answer="not run", reason="no compiler"))
    assert candidate("c", "k", {}, row).spill is None


def test_what_is_found_holds_for_every_case_and_both_sources() -> None:
    kernel, now = start("fp8_gemm")
    op = specs.get("fp8_gemm")
    easy, hard = op.cases[:2]

    def attempt(tuned: Mapping[str, int], case: Case, backend: str) -> Candidate:
        room = 64 if (case, backend) == (hard, "triton") else 512
        spill = max(0, tuned["BLOCK_M"] * tuned["BLOCK_N"] // tuned["num_warps"] - room)
        return Candidate(case=case.name, kernel="k", tunables=tuned, spill=spill, shared_memory=0, reason="")

    pairs: list[tuple[Case, str]] = [(case, backend) for case in (easy, hard) for backend in KERNEL_BACKENDS]
    heavy = {**now, "BLOCK_M": 64, "BLOCK_N": 64, "num_warps": 4}
    best = settle(kernel, heavy, pairs, attempt)[-1]
    assert best.spill == 0
    assert attempt(best.tunables, hard, "triton").spill == 0
    assert attempt(settle(kernel, heavy, pairs[:1], attempt)[-1].tunables, hard, "triton").spill != 0


@pytest.mark.parametrize("name", specs.names())
def test_every_default_that_a_case_takes_is_searched_once(name: str) -> None:
    op = specs.get(name)
    found = groups(op)
    keys = [(group.kernel.name, group.row) for group in found]
    assert all(keys.count(key) == 1 for key in keys)
    taken = {(one.step.kernel.name, case.name) for case in op.cases for one in launched(op, case)}
    assert {(group.kernel.name, case.name) for group in found for case in group.cases} == taken


def launched(op: Op, case: Case) -> list[Launch]:
    """Launches of a case that have programs to run."""
    return [one for one in case_launches(op, case, "xpu", strided=False) if prod(one.grid)]


def found(name: str, tunables: Mapping[str, int] | None = None) -> Found:
    """A search that ends with these tunables, or with the default ones."""
    group = groups(specs.get(name))[0]
    best = tunables or dict(group.row.values)
    return Found(group=group, tried=[compiler(lambda _: 0)(best)])


def test_what_is_found_is_written_where_the_defaults_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "xpu.json"
    file.write_bytes((tuned.FOLDER / "xpu.json").read_bytes())
    before = file.read_text()
    monkeypatch.setattr(tuned, "FOLDER", tmp_path)
    kept, named = found("fp8_gemm"), found("fp8_gemm").group
    assert put([kept]) == 0
    assert file.read_text() == before, "nothing has changed"
    better = found("fp8_gemm", {**dict(named.row.values), "BLOCK_N": 256})
    assert put([better]) == 0
    pairs = zip(before.splitlines(), file.read_text().splitlines(), strict=True)
    (changed,) = [new for old, new in pairs if old != new]
    assert '"BLOCK_N": 256' in changed
    fixed = found("global_topk", {"num_warps": 4})
    own = replace(fixed.group, row=replace(fixed.group.row, table="", name=""))
    assert put([replace(fixed, group=own)]) == 1
    assert "global_topk" in capsys.readouterr().err
    tuned.table.cache_clear()


@pytest.mark.parametrize("target", [file.stem for file in sorted(tuned.FOLDER.glob("*.json"))])
def test_table_is_written_as_it_is_read_and_every_row_has_its_kernel(target: str) -> None:
    assert (tuned.FOLDER / f"{target}.json").read_text(encoding="utf-8") == tuned.text(tuned.table(target))
    kernels = {step.kernel.name: step.kernel for name in specs.names() for step in specs.get(name).steps}
    for name, classes in tuned.table(target).items():
        users = [kernel for kernel in kernels.values() if name in {row.table for row in rows_of(kernel, target)}]
        assert users
        for kernel in users:
            rows = rows_of(kernel, target)
            assert [row.name for row in rows] == list(classes), "in the order in which they are tried"
            allowed = {tunable.name: tunable.values for tunable in kernel.tunables}
            for row in rows:
                assert set(dict(row.values)) == set(allowed)
                assert all(value in allowed[tunable] for tunable, value in row.values)


def rows_of(kernel: Kernel, target: str) -> list[Config]:
    """Configurations of a kernel for a target alone."""
    return [row for row in kernel.configs if row.target == target]


def test_every_configuration_is_a_row_of_a_table() -> None:
    kernels = [step.kernel for name in specs.names() for step in specs.get(name).steps]
    assert [kernel.name for kernel in kernels for row in kernel.configs if not row.name] == []


def test_class_without_a_row_and_target_without_a_table_are_the_authors_mistake() -> None:
    with pytest.raises(SpecError, match="few_rows"):
        tuned.tuned("xpu", "fp4_gemm", few_rows=None, surprise=None)
    with pytest.raises(SpecError, match="nowhere"):
        tuned.tuned("nowhere", "fp4_gemm", rest=None)


@pytest.mark.parametrize(
    ("op", "case"), [("fp8_gemm", "mx"), ("fp8_gemm", "group-64"), ("fp8_bmm", "mx"), ("int4_gemm_w4a16", "group-32")]
)
def test_step_that_spans_several_groups_is_refused_and_never_found(op: str, case: str) -> None:
    spec = specs.get(op)
    chosen = next(one for one in spec.cases if one.name == case)
    step = next(one.step for one in case_launches(spec, chosen, "xpu", strided=False))
    with pytest.raises(SpecError, match="more than a group"):
        plan(case_call(spec, chosen, strided=False), step, config="xpu", strides={}, tuned={"BLOCK_K": 256})
