"""Status 3: what was asked for by name and did not run is named, and never passes."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parity.cli import app
from parity.commands.status import FAILED, INTERRUPTED, NOT_RUN, OK, USAGE, Asked, exit_status, not_run
from parity.record.records import CaseResult, LinearResult, ModelSection, RunRecord, Status

OP, CASE = "token_metadata", "decode"


def parity(*arguments: str) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(app, list(arguments))


def row(pair: str, status: Status, reason: str = "", op: str = "a", case: str = "c") -> CaseResult:
    """A comparison."""
    return CaseResult(
        op=op, case=case, pair=pair, shape="", formats="", data="exact", status=status, reason=reason, repeat=""
    )


def record(*rows: CaseResult, models: tuple[ModelSection, ...] = ()) -> RunRecord:
    """What a run left behind."""
    return RunRecord(
        started="",
        command="",
        seed=0,
        seconds=0.0,
        environment={},
        versions={},
        spec_hashes={},
        results=rows,
        models=models,
    )


EAGER, XLA = row("torch:eager vs oracle", "passed"), row("jax:xla vs oracle", "passed")
NO_CUDA = row("torch:triton vs oracle", "unsupported", "the arrays are on cpu")


@pytest.mark.parametrize("named", [["--device", "cuda"], ["--device", "xpu"], ["--implementations", "torch:triton"]])
def test_what_was_named_and_cannot_run_here(named: list[str]) -> None:
    said = parity("run", OP, *named)
    assert said.exit_code == NOT_RUN
    assert f"asked for and not run: torch{':triton' if 'triton' in named[1] else ' on'}" in said.stderr
    assert OP in said.stderr


def test_one_of_several_names_is_enough() -> None:
    said = parity("run", OP, "--implementations", "torch:eager,jax:pallas")
    assert said.exit_code == NOT_RUN
    assert "jax:pallas" in said.stderr
    assert "torch:eager" not in said.stderr


def test_a_framework_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "jax" else find(name, *more))
    said = parity("run", OP, "--implementations", "torch:eager,jax:xla")
    assert said.exit_code == NOT_RUN
    assert f"jax:xla ({OP}): jax is not installed: pip install" in said.stderr


def test_a_large_case_on_a_cpu() -> None:
    said = parity("run", "fp8_gemm", "--case", "prefill", "--implementations", "eager")
    assert said.exit_code == NOT_RUN
    assert "too large for a CPU" in said.stderr


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_job_needs_both_frameworks(framework: str) -> None:
    said = parity("job", "--quick", "--implementations", {"torch": "jax:xla", "jax": "torch:eager"}[framework])
    assert said.exit_code == USAGE
    assert f"none of {framework}" in said.stderr


def test_no_card_for_intel_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parity("xpu", OP, "--real").exit_code == NOT_RUN


def test_a_folder_in_place_of_a_file_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for option in ("--json", "--report"):
        assert parity("run", OP, option, str(tmp_path)).exit_code == USAGE


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        ((EAGER, NO_CUDA), Asked(), []),
        ((NO_CUDA,), Asked(), ["nothing was compared: the arrays are on cpu"]),
        ((), Asked(), ["nothing was compared"]),
        ((EAGER, NO_CUDA), Asked(implementations=("torch:eager",)), []),
        ((EAGER, NO_CUDA), Asked(implementations=("torch:triton",)), ["torch:triton: the arrays are on cpu"]),
        ((EAGER,), Asked(implementations=("jax:xla",)), ["jax:xla"]),
        ((EAGER, NO_CUDA), Asked(device="cuda"), []),
        ((EAGER, replace(XLA, status="not run", reason="no")), Asked(device="cuda"), ["jax on cuda: no"]),
        ((EAGER, replace(EAGER, op="b", status="not run", reason="no")), Asked(implementations=("torch:eager",)), []),
        (
            (EAGER, replace(EAGER, op="b", status="not run", reason="no")),
            Asked(implementations=("torch:eager",), ops=("a", "b")),
            ["torch:eager (b): no"],
        ),
        ((EAGER, replace(EAGER, case="d", status="not run", reason="no")), Asked(cases=("c", "d")), ["a, case d: no"]),
    ],
)
def test_names_are_looked_for_in_what_ran(rows: tuple[CaseResult, ...], asked: Asked, said: list[str]) -> None:
    found = record(*rows)
    assert list(not_run(found, asked)) == said
    assert exit_status(found, said) == (NOT_RUN if said else OK)


def test_a_failure_counts_for_more() -> None:
    found = record(replace(EAGER, status="failed"), NO_CUDA)
    asked = Asked(implementations=("torch:eager", "torch:triton"))
    assert exit_status(found, not_run(found, asked)) == FAILED


def test_an_interrupted_run_has_passed_nothing() -> None:
    found = replace(record(EAGER), interrupted=True)
    assert exit_status(found, not_run(found, Asked(implementations=("jax:xla",)))) == INTERRUPTED


@pytest.mark.parametrize(("status", "expected"), [("passed", []), ("unsupported", ["torch:eager: because"])])
def test_layers_of_a_model_count(status: Status, expected: list[str]) -> None:
    linear = LinearResult(
        scheme="s", layer=0, linear="q", shape="", pair="torch:eager vs oracle", status=status, reason="because"
    )
    found = record(models=(ModelSection(name="m", linears=(linear,)),))
    assert list(not_run(found, Asked(implementations=("torch:eager",)))) == expected


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["run", "fp8_gem"], "fp8_gemm"),
        (["show", "flash_attn_varlan"], "flash_attn_varlen"),
        (["emit", "mxfp8quant"], "mxfp8_quant"),
        (["xpu", "topk_row"], "topk_rows"),
        (["run", "fp8_gemm", "--case", "one_row"], "one-row"),
        (["run", "--case", "one_row"], "one-row"),
        (["run", "--implementations", "torch:eeger"], "torch:eager"),
    ],
)
def test_the_name_that_was_meant(arguments: list[str], meant: str) -> None:
    said = parity(*arguments)
    assert said.exit_code == USAGE
    assert f"did you mean {meant!r}?" in said.output


def test_statuses_are_in_the_help() -> None:
    text = " ".join(parity("--help").stdout.split())
    for words in ("0 passed", "1 something failed", "2 wrong usage", "3 what was asked for by name did not run"):
        assert words in text
