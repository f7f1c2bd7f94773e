"""A failure can be made again: by the command that it prints, and by the files that it saves."""

from __future__ import annotations

import json
import runpy
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import specs
from parity.cli import app
from parity.commands import comparing
from parity.judge import frameworks
from parity.judge.frameworks import Results, registered
from parity.judge.inputs import Inputs
from parity.judge.runner import inputs_of, repeat_case, run_all
from parity.record.json import from_json
from parity.record.records import RunRecord
from parity.record.saving import save
from specs.cache.layouts import V4
from specs.lang.declare.op import Case
from tests.cache.problems import gather
from tests.cache.sixth import HALVES
from tests.contract import suite

OP, CASE = "fp8_gemm", "ragged-k"
FAILED, INTERRUPTED = 1, 130


def parity(*arguments: str) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch doubles the last element of what it returns."""
    honest = frameworks.FRAMEWORKS["torch"]

    def run(inputs: Inputs, implementation: str, device: str) -> Results:
        results = honest.run(inputs, implementation, device)
        for result in results.values():
            result.raw[(-1,) * result.raw.ndim] *= 2
        return results

    framework = replace(honest, run=run)
    monkeypatch.setitem(frameworks.FRAMEWORKS, "torch", framework)


def record(file: Path) -> RunRecord:
    return from_json(file.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("faulty")
def test_the_command_of_a_failure_makes_the_same_failure(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    page = tmp_path / "page.html"
    options = ["--implementations", "torch:eager,jax:xla", "--case", CASE, "--kind", "random", "--seed", "11"]
    said = parity("run", OP, *options, "--json", str(first), "--report", str(page))
    assert said.exit_code == FAILED
    failures = {row.pair: row for row in record(first).results if row.status == "failed"}
    assert set(failures) == {"torch:eager vs oracle", "torch:eager vs jax:xla"}
    for failure in failures.values():
        assert failure.seed == 11
        assert failure.repeat in said.stdout.replace("\n", " ")
        assert failure.repeat in page.read_text(encoding="utf-8")
    command = shlex.split(failures["torch:eager vs oracle"].repeat)
    assert command[:3] == ["python", "-m", "parity"]
    assert command[command.index("--implementations") + 1] == "torch:eager"
    assert parity(*command[3:], "--json", str(second)).exit_code == FAILED
    (again,) = record(second).results
    before = failures["torch:eager vs oracle"]
    assert (again.pictures, again.reason, again.max_ulp) == (before.pictures, before.reason, before.max_ulp)


def test_what_passed_has_no_command(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    parity("run", OP, "--implementations", "torch:eager", "--case", CASE, "--json", str(file))
    assert [row.repeat for row in record(file).results] == ["", ""]


def test_the_printed_seed_gives_the_same_inputs_however_much_is_run(tmp_path: Path) -> None:
    one, all_ = tmp_path / "one.json", tmp_path / "all.json"
    options = ["--implementations", "torch:eager", "--seed", "5"]
    parity("run", "mxfp8_quant", *options, "--json", str(all_))
    case = specs.get("mxfp8_quant").cases[1].name
    parity("run", "mxfp8_quant", *options, "--case", case, "--kind", "random", "--json", str(one))
    (row,) = record(one).results
    (same,) = [r for r in record(all_).results if (r.case, r.data) == (case, "random")]
    assert (row.seed, row.pictures.scale_map) == (5, same.pictures.scale_map)


def test_commands_name_the_device() -> None:
    op = specs.get(OP)
    text = repeat_case(op, op.case(CASE), "exact", 3, "cuda", ["torch:triton"])
    assert text == (
        f"python -m parity run {OP} --case {CASE} --kind exact --seed 3 --implementations torch:triton --device cuda"
    )


# -- saving --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("faulty")
def test_inputs_of_failures_are_saved_with_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--implementations", "torch:eager", "--kind", "exact", "--seed", "2"]
    parity("run", "mxfp8_quant", *options, "--save", str(tmp_path))
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders
    folder = tmp_path / folders[0]
    assert {path.name for path in folder.iterdir()} == {"arrays.npz", "call.json", "torch_eager.py"}
    facts = json.loads((folder / "call.json").read_text(encoding="utf-8"))
    assert facts["operation"] == "mxfp8_quant"
    assert "--seed 2" in facts["repeat"]
    runpy.run_path(str(folder / "torch_eager.py"))  # which calls the honest operation
    assert ": 0 of " in capsys.readouterr().out


@pytest.mark.usefixtures("faulty")
def test_scripts_say_where_the_oracle_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, op = suite.base_case(specs.get("mxfp8_quant")), specs.get("mxfp8_quant")
    inputs = inputs_of(op, case, "random", 0)
    save(inputs, tmp_path, implementations=["torch:eager"], device="cpu", title="t", repeat="")
    script = tmp_path / "torch_eager.py"
    # The call with another first argument: something else than what was saved has other results.
    script.write_text(script.read_text(encoding="utf-8").replace("ops.mxfp8_quant(x", "ops.mxfp8_quant(-x"))
    runpy.run_path(str(script))
    assert "q: 0 of" not in capsys.readouterr().out


CALLS: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("fp8_bmm", lambda case: not case.large),  # a format as an attribute
    ("quantize_and_insert_k", lambda case: dict(case.attributes).get("layout") not in (None, V4)),  # in place
    ("token_metadata", lambda case: case.name == "int64"),
    ("topk_rows_decode", lambda case: not case.large),
)


@pytest.mark.parametrize("implementation", ["torch:eager", "jax:xla"])
@pytest.mark.parametrize(("name", "wanted"), CALLS, ids=[name for name, _ in CALLS])
def test_scripts_make_the_call(
    name: str,
    wanted: Callable[[Case], bool],
    implementation: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    op = specs.get(name)
    case = next(case for case in op.cases if wanted(case))
    inputs = inputs_of(op, case, "exact", 0)
    save(inputs, tmp_path, implementations=[implementation], device="cpu", title="a call", repeat="again")
    runpy.run_path(str(tmp_path / f"{implementation.replace(':', '_')}.py"))
    said = capsys.readouterr().out
    results = [a.name for a in (*op.mutated, *op.outputs) if a.name in inputs.layout.call().shapes]
    assert results
    assert all(f"{result}: 0 of" in said for result in results)


def test_scripts_declare_layouts_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = gather(HALVES, 5, 3, 12, 2)
    save(inputs, tmp_path, implementations=["torch:eager"], device="cpu", title="a call", repeat="again")
    runpy.run_path(str(tmp_path / "torch_eager.py"))
    assert ": 0 of" in capsys.readouterr().out


# -- interrupts ----------------------------------------------------------------------------------------------------


def test_an_interrupted_run_reports_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.json"
    calls: list[int] = []

    def interrupted(*arguments: object, progress: Callable[..., None], **named: object) -> object:
        def after(*told: object) -> None:
            progress(*told)
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt

        return run_all(*arguments, progress=after, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "run_all", interrupted)
    said = parity("run", "mxfp8_quant", "--implementations", "torch:eager", "--json", str(file))
    assert said.exit_code == INTERRUPTED
    assert "interrupted after 2 comparisons" in said.stderr
    found = record(file)
    assert found.interrupted
    assert [row.status for row in found.results] == ["passed", "passed"]


def test_every_implementation_has_a_script_of_its_own() -> None:
    assert len({name.replace(":", "_") for name in registered()}) == len(registered())
