"""What a call launches: its active steps, in order, as often as they repeat."""

from __future__ import annotations

from dataclasses import replace

import pytest

import specs
from specs.tile.launch.cases import case_call, case_launches
from specs.tile.launch.launches import launches
from specs.tile.passes.legalise import legalise
from specs.tile.targets import EXECUTOR

COMPOSITE = specs.get("sparse_attn_indexer")


def test_steps_that_repeat_take_turns_and_advance() -> None:
    case = COMPOSITE.case("mixed")
    chunked = replace(case, attributes=tuple({**dict(case.attributes), "logits_bytes": 700}.items()))
    call = case_call(COMPOSITE, chunked, strided=True)
    found = case_launches(COMPOSITE, chunked, "cpu", strided=True)
    assert [launch.step for launch in found] == COMPOSITE.active_steps(call.env)
    assert [launch.kernel for launch in found] == [COMPOSITE.steps[launch.index].kernel for launch in found]
    paged = [launch for launch in found if launch.kernel.name == "paged_mqa_logits"]
    assert len(paged) == 2
    assert paged[0].index == paged[1].index
    assert paged[0].sizes != paged[1].sizes
    assert paged[0].program == paged[1].program
    assert not any(launch.alone for launch in found)


@pytest.mark.parametrize("name", ["fp8_gemm", "int4_gemm_w4a16"])
def test_programs_are_the_targets(name: str) -> None:
    op = specs.get(name)
    traced = case_launches(op, op.cases[0], EXECUTOR.config, strided=True)
    ready = case_launches(op, op.cases[0], EXECUTOR, strided=True)
    assert [launch.program for launch in ready] == [legalise(launch.program, EXECUTOR) for launch in traced]
    assert ready[0].program != traced[0].program


def test_tunables_that_a_kernel_lacks_are_left_out() -> None:
    op = specs.get("int4_gemm_w4a16")
    call = case_call(op, op.case("splits"), strided=True)
    default = [launch.tunables for launch in launches(call, "cuda", strides={})]
    found = [launch.tunables for launch in launches(call, "cuda", strides={}, tuned={"BLOCK_N": 128, "UNKNOWN": 1})]
    assert [tunables.keys() for tunables in found] == [tunables.keys() for tunables in default]
    assert found[0]["BLOCK_N"] == 128
