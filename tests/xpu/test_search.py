"""The search for tunables that spill least, on made-up compilers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

import specs
from parity.xpu.record import KernelRow, Rung, compiled, native
from parity.xpu.search import Candidate, candidate, descend, lightest, neighbours
from specs.lang.kernel import Kernel
from specs.tile.cases import case_launches, default_case


def start(name: str) -> tuple[Kernel, Mapping[str, int]]:
    """A kernel and its present configuration."""
    op = specs.get(name)
    launch = case_launches(op, default_case(op), config="xpu", strided=False)[0]
    return launch.step.kernel, launch.launch.tunables


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
    kernel, now = start("fp8_gemm")
    light = lightest(kernel, now)

    def spill(tuned: Mapping[str, int]) -> int:
        if tuned["num_warps"] == light["num_warps"] and tuned["BLOCK_M"] * tuned["BLOCK_N"] <= 1024:
            return 0
        return 100 if dict(tuned) == dict(now) else 200

    best = descend(kernel, now, compiler(spill))[-1]
    assert best.spill == 0
    assert best.tunables["BLOCK_M"] * best.tunables["BLOCK_N"] == 1024, "as large as spills nothing"


def test_refused_configuration_is_worse_than_any_spill() -> None:
    kernel, now = start("fp8_gemm")
    big = now["BLOCK_N"]
    best = descend(kernel, now, compiler(lambda tuned: None if tuned["BLOCK_N"] == big else 8))[-1]
    assert best.spill == 8


@pytest.mark.parametrize("name", specs.names())
def test_neighbours_are_configurations_that_the_kernel_declares(name: str) -> None:
    kernel, now = start(name)
    values = {tunable.name: tunable.values for tunable in kernel.tunables}
    for tuned in neighbours(kernel, now):
        changed = [name for name in now if tuned[name] != now[name]]
        assert len(changed) == 1
        assert tuned[changed[0]] in values[changed[0]]
        assert changed[0] != "num_stages"


def _row(**rungs: Rung) -> KernelRow:
    rows = tuple(rungs.values())
    return KernelRow(op="o", case="c", road="pallas", kernel="k", tunables={}, shared_memory=64, rungs=rows)


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
