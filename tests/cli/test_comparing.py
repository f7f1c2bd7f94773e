"""`run` and `job` hand over what the runner finds: printed, as files, and as exit status."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import specs
from parity.cli import app
from parity.commands import comparing
from parity.commands.beside import beside
from parity.models.decoder import job as decoder
from parity.models.minilm import assets
from parity.models.minilm import job as minilm
from parity.models.minilm.outcomes import JobResult, LinearOutcome
from parity.record.json import from_json
from parity.record.records import CaseResult, ModelSection, RunRecord, Status
from parity.xpu.record import LadderRecord, to_json
from specs.export import content_hash
from specs.lang.errors import Unsupported

OK, FAILED, WRONG_USAGE, NOT_RUN = 0, 1, 2, 3
ASKED: dict[str, Any] = {}


def parity(*arguments: str) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(app, list(arguments))


def case_result(op: str, status: Status) -> CaseResult:
    """A result as the runner makes them."""
    return CaseResult(
        op=op, case="a", pair="p vs oracle", shape="M=1", formats="f32", data="random", status=status, reason="because"
    )


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[CaseResult]:
    """What the runner will find; what it was asked for is left in ASKED."""
    results: list[CaseResult] = []

    def run_all(names: Sequence[str], *, progress: Any = None, **asked: Any) -> tuple[CaseResult, ...]:
        ASKED.update(names=[*ASKED.get("names", ()), *names], **asked)
        for name in names:
            case = specs.get(name).cases[0]
            if progress is not None:
                progress(1, 1, name, case, "exact", ())
        return tuple(result for result in results if result.op in names)

    ASKED.clear()
    monkeypatch.setattr(comparing, "run_all", run_all)
    monkeypatch.setattr(comparing, "beside", partial(beside, cores=1))  # another process has its own runner
    return results


@pytest.mark.parametrize(
    ("statuses", "exit_code"),
    [
        (["passed"], OK),
        (["passed", "unsupported", "not run"], OK),
        (["passed", "failed"], FAILED),
        (["failed", "not run"], FAILED),
        (["unsupported", "not run"], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_status_of_a_run(found: list[CaseResult], statuses: list[Status], exit_code: int) -> None:
    found += [case_result("fp8_gemm", status) for status in statuses]
    assert parity("run", "fp8_gemm").exit_code == exit_code


def test_run_passes_on_what_was_asked_for(found: list[CaseResult]) -> None:
    parity("run", "fp8_bmm", "fp8_gemm", "--seed", "5", "--implementations", "interpret,jax:xla", "--kind", "exact")
    assert ASKED == {
        "names": ["fp8_bmm", "fp8_gemm"],
        "seed": 5,
        "implementations": ("torch:interpret", "jax:interpret", "jax:xla"),
        "kinds": ("exact",),
        "cases": (),
        "device": "cpu",
    }


def test_run_of_everything_is_the_default(found: list[CaseResult]) -> None:
    parity("run")
    assert tuple(ASKED["names"]) == specs.names()
    assert ASKED["kinds"] == ("exact", "random")


def read(file: Path) -> RunRecord:
    return from_json(file.read_text(encoding="utf-8"))


def test_run_writes_record_and_report(found: list[CaseResult], tmp_path: Path) -> None:
    found.append(case_result("fp8_gemm", "passed"))
    json_file, report = tmp_path / "new" / "run.json", tmp_path / "run.html"
    said = parity("run", "fp8_gemm", "--seed", "3", "--json", str(json_file), "--report", str(report))
    assert said.exit_code == OK
    record = read(json_file)
    assert record.results == tuple(found)
    assert record.seed == 3
    assert record.spec_hashes == {"fp8_gemm": content_hash(specs.get("fp8_gemm"))}
    assert {device.name: device.status for device in record.devices}["cpu"] == "ran"
    assert {device.status for device in record.devices if device.name != "cpu"} == {"not run"}
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Intel ladder: not run" in report.read_text(encoding="utf-8")
    assert str(json_file) in said.stdout


def test_report_holds_the_walk_that_it_is_given(found: list[CaseResult], tmp_path: Path) -> None:
    found.append(case_result("fp8_gemm", "passed"))
    ladder, report = tmp_path / "parity-xpu.json", tmp_path / "run.html"
    said = parity("run", "fp8_gemm", "--xpu", str(ladder), "--report", str(report))
    assert said.exit_code == WRONG_USAGE, "there is no such file"
    walked = LadderRecord(
        started="", command="", seed=0, seconds=0.0, environment={}, versions={}, rungs=("lowered", "real card")
    )
    ladder.write_text(to_json(walked), encoding="utf-8")
    assert parity("run", "fp8_gemm", "--xpu", str(ladder)).exit_code == WRONG_USAGE, "there is no report to put it in"
    assert parity("run", "fp8_gemm", "--xpu", str(ladder), "--report", str(report)).exit_code == OK
    page = report.read_text(encoding="utf-8")
    assert "Real card: not run" in page
    assert "Intel ladder: not run" not in page


def outcome(status: Status) -> LinearOutcome:
    """One linear of the model."""
    reason = "" if status == "passed" else "because of the layer"
    facts: dict[str, Any] = {
        "scheme": "s",
        "layer": 4,
        "linear": "query",
        "shape": "M=1",
        "pair": "torch:eager vs jax:xla",
    }
    return LinearOutcome(**facts, status=status, bound_share=0.5, reason=reason)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> list[Status]:
    """Statuses of the model's linears, the first, and of the operations of the whole encoder, the others."""
    statuses: list[Status] = []

    def run(**asked: Any) -> JobResult:
        ASKED["schemes"] = len(asked["schemes"])
        found = tuple(outcome(status) for status in statuses)
        return JobResult(
            sentences=(),
            tokens=7,
            layers=6,
            linears=found[:1],
            steps=found[1:],
            similarities=(),
            cosines=(),
            drifts=(),
            seconds=1.0,
        )

    def language(**asked: Any) -> ModelSection:
        ASKED["language schemes"] = len(asked["schemes"])
        return ModelSection(name="a language model")

    monkeypatch.setattr(minilm, "run", run)
    monkeypatch.setattr(decoder, "run", language)
    monkeypatch.setattr(assets, "folder", Path)  # where the models are not installed too
    monkeypatch.setattr(decoder, "check_installed", lambda: None)
    return statuses


def test_job_is_the_model_and_every_case(found: list[CaseResult], model: list[Status], tmp_path: Path) -> None:
    found.append(case_result("fp8_gemm", "passed"))
    model.append("passed")
    json_file = tmp_path / "job.json"
    assert parity("job", "--json", str(json_file)).exit_code == OK
    record = read(json_file)
    own = {"per_token_group_quant_fp8", "mxfp4_quant", "fp8_gemm", "fp8_gemm_w8a16", "int4_gemm_w4a16", "fp4_gemm"}
    assert set(ASKED["names"]) == own
    assert ASKED["implementations"] == ("torch:eager", "jax:xla")
    assert len(record.results) == 1
    assert [one.name for one in record.models] == ["all-MiniLM-L6-v2", "a language model"]
    assert set(record.spec_hashes) >= own


def test_quick_job_is_one_scheme_and_no_cases(found: list[CaseResult], model: list[Status], tmp_path: Path) -> None:
    found.append(case_result("fp8_gemm", "failed"))
    model.append("passed")
    json_file = tmp_path / "job.json"
    assert parity("job", "--quick", "--json", str(json_file)).exit_code == OK
    assert ASKED["schemes"] == ASKED["language schemes"] == 1
    assert read(json_file).results == ()


@pytest.mark.parametrize("statuses", [["failed", "passed"], ["passed", "failed"]], ids=["linear", "operation"])
def test_what_failed_in_the_model_fails_the_job(
    statuses: list[Status], found: list[CaseResult], model: list[Status]
) -> None:
    model += statuses
    said = parity("job")
    assert (said.exit_code, said.exception.__class__) == (FAILED, SystemExit)
    assert "because of the layer" in said.stdout


def test_a_job_whose_layers_did_not_run_has_not_passed(found: list[CaseResult], model: list[Status]) -> None:
    model.append("unsupported")
    said = parity("job", "--quick")
    assert said.exit_code == NOT_RUN
    assert "jax:xla: because of the layer" in said.stderr


def test_a_failed_case_fails_the_job(found: list[CaseResult], model: list[Status]) -> None:
    found.append(case_result("fp8_gemm", "failed"))
    model.append("passed")
    said = parity("job")
    assert (said.exit_code, said.exception.__class__) == (FAILED, SystemExit)
    assert "✕ fp8_gemm, " in said.stdout


def test_a_job_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(**_asked: Any) -> JobResult:
        raise Unsupported("the model", "its files are not installed")

    monkeypatch.setattr(minilm, "run", run)
    monkeypatch.setattr(comparing, "beside", partial(beside, cores=1))
    monkeypatch.setattr(assets, "folder", Path)
    monkeypatch.setattr(decoder, "check_installed", lambda: None)
    said = parity("job", "--quick")
    assert said.exit_code == NOT_RUN
    assert "not run" in said.output
    assert "its files are not installed" in said.output
