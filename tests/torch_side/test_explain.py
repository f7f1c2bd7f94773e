"""`explain` and `why`: what runs on which device, by the names that users of either framework have for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

import specs
from specs.lang.declare.readiness import DEVICE_NAMES, READY
from specs.lang.errors import NotAChoice, Unsupported
from tests.torch_side.calls import public, small_call
from torch_impl import ops
from torch_impl.backends import BACKENDS
from torch_impl.platforms import environment

OP = "fp8_gemm"


@pytest.mark.parametrize("op", specs.names())
def test_what_is_ready_runs_and_the_rest_says_why_not(op: str) -> None:
    answers = ops.explain(op, "cpu")
    assert sorted(answers) == sorted(BACKENDS)
    product = specs.get(op).framework_product is not None
    assert (next(iter(answers)) == "dequant") == product  # what a call on a CPU gets
    assert ("matrix product" in ops.why(op, "cpu")) == product
    assert answers["eager"] == READY == "ready"
    assert "cuda" in answers["triton"]
    tensors, attributes = small_call(op)
    for name, answer in answers.items():
        if answer != READY:
            with pytest.raises(Unsupported, match=answer):
                public(op)(*tensors, **attributes, implementation=name)


@pytest.mark.parametrize(("name", "own"), [("gpu", "cuda"), ("oneapi", "xpu"), ("sycl", "xpu"), ("gpu:1", "cuda:1")])
def test_devices_go_by_the_words_of_both_frameworks(name: str, own: str) -> None:
    assert ops.explain(OP, name) == ops.explain(OP, own) == ops.explain(OP, torch.device(own))
    assert ops.explain(OP, name)["triton"] == READY
    assert own.partition(":")[0] in ops.explain(OP, name)["interpret"]


@pytest.mark.parametrize("ask", [ops.explain, ops.why], ids=["explain", "why"])
@pytest.mark.parametrize("name", ["tpu", "meta", "", "CPU", "cuda:first"])
def test_devices_that_there_are_not_are_refused(name: str, ask: Callable[..., object]) -> None:
    with pytest.raises(NotAChoice, match="device.*" + ", ".join(DEVICE_NAMES)):
        ask(OP, name)


def test_an_operation_that_there_is_not_is_refused() -> None:
    for ask in (ops.explain, ops.why):
        with pytest.raises(KeyError, match="fp9_gemm"):
            ask("fp9_gemm")


def test_left_out_the_device_is_the_gpu_or_that_of_new_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "gpu_available", lambda: False)
    assert ops.explain(OP) == ops.explain(OP, torch.empty(0).device)
    monkeypatch.setattr(environment, "gpu_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
    assert ops.explain(OP) == ops.explain(OP, "xpu")
    assert ops.explain(OP)["triton"] == READY
    with torch.device("meta"), pytest.raises(NotAChoice, match="'meta'"):
        ops.explain(OP)


def test_why_gives_a_reason() -> None:
    assert ops.why(OP, "gpu") == ops.why("mxfp8_quant", "cpu") == "it is the first that can run"


ASKED = """
from torch_impl import ops
print(ops.explain("fp8_gemm", "cpu")["interpret"])
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="Triton compiles where there is a GPU")
def test_a_process_that_compiles_is_told_why(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    def asked(**changes: str) -> str:
        environment = subprocess_environment(**changes)
        done = subprocess.run(
            [sys.executable, "-c", ASKED], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert "TRITON_INTERPRET=0" in asked(TRITON_INTERPRET="0")
    assert asked(TRITON_INTERPRET="1") == READY
