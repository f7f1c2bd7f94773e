"""The command line: what it prints, what it refuses and with which status."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import specs
from parity.cli import app
from parity.write import emitting
from parity.write.sources import Files
from specs.export import to_json
from specs.extras import hint
from specs.tile.launch.cases import default_case
from tests.rules.source import ROOT

OK, FAILED, USAGE = 0, 1, 2
NAMES = specs.names()


def parity(*arguments: str) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(app, list(arguments))


def test_list_names_every_operation() -> None:
    found = parity("list")
    assert found.exit_code == OK
    assert [line.split()[0] for line in found.stdout.splitlines()] == ["operation", *NAMES]


def test_output_is_plain_text_without_a_terminal() -> None:
    for arguments in (["list"], ["show", NAMES[0]], ["show", "nope"], ["--help"]):
        text = parity(*arguments).output
        assert "\x1b" not in text
        assert not set(text) & set("╭─│┌┃"), arguments


@pytest.mark.parametrize("name", NAMES)
def test_show_says_everything_a_caller_needs(name: str) -> None:
    found, op = parity("show", name), specs.get(name)
    assert found.exit_code == OK
    for text in (op.doc, *(a.doc for a in op.arrays), *(a.name for a in op.attributes), *(c.name for c in op.cases)):
        assert text in found.stdout
    assert all(constraint.message in found.stdout for constraint in op.constraints)
    assert f"Cost of {default_case(op).name}" in found.stdout


def test_show_prints_the_cost_of_the_case_that_was_asked_for() -> None:
    case = specs.get("fp8_gemm").cases[1].name
    assert f"Cost of {case}" in parity("show", "fp8_gemm", "--case", case).stdout


def test_show_json_is_the_export() -> None:
    for name in NAMES:
        assert parity("show", name, "--json").stdout == to_json(specs.get(name))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nope"], list(NAMES)),
        (["show", "fp8_gemm", "--case", "nope"], [case.name for case in specs.get("fp8_gemm").cases]),
        (["emit", "nope"], list(NAMES)),
        (["emit", "fp8_gemm", "--target", "nope"], ["torch", "pallas"]),
        (["emit", "fp8_gemm", "--device", "nope"], ["cuda", "xpu", "interpret"]),
        (["emit", "fp8_gemm", "--case", "nope"], ["one-row"]),
        (["emit"], ["--all"]),
        (["emit", "fp8_gemm", "--all"], ["--all"]),
        (["emit", "fp8_gemm", "--case", "mx", "--write"], ["golden case"]),
        (["emit", "--all", "--device", "xpu"], ["golden case"]),
        (["emit", "--all", "--write", "--diff"], ["exclude"]),
        (["run", "nope"], list(NAMES)),
        (["run", "--implementations", "nope"], ["torch:eager", "jax:xla"]),
        (["run", "--kind", "nope"], ["exact", "random"]),
        (["run", "--device", "nope"], ["cpu", "cuda", "xpu"]),
        (["job", "--device", "nope"], ["cpu", "cuda", "xpu"]),
        (["xpu", "--step", "fp8_gemm"], ["MODULE:FUNCTION", "fp8_gemm"]),
        (["xpu", "--step", "--real"], ["exclude"]),
        (["xpu", "--backend", "nope"], ["pallas", "triton", "torch"]),
        (["xpu", "--step", "--backend", "torch"], ["'torch'", "pallas", "triton"]),
        (["xpu", "--search", "fp8_gemm", "--backend", "torch"], ["'torch'", "pallas", "triton"]),
        (["nope"], ["nope"]),
        (["list", "--nope"], ["--nope"]),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], said: list[str]) -> None:
    found = parity(*arguments)
    assert found.exit_code == USAGE
    assert all(text in found.output for text in said)


# -- emit ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the repository."""
    check = emitting.check

    def elsewhere(files: Files, *, renew: bool, show_diff: bool, whole: bool) -> int:
        return check(files, renew=renew, show_diff=show_diff, whole=whole, root=tmp_path)

    monkeypatch.setattr(emitting, "check", elsewhere)
    return tmp_path


def test_emit_prints_both_sources_or_one() -> None:
    targets: tuple[list[str], ...] = ([], ["--target=torch"], ["--target=pallas"])
    both, torch, pallas = (parity("emit", "fp8_gemm", *target).stdout for target in targets)
    assert "@triton.jit" in torch
    assert "pallas" not in torch
    assert "import pallas" in pallas
    assert both == f"{torch}\n{pallas}"
    compile(torch, "torch", "exec")


def test_emit_takes_another_case_or_device() -> None:
    assert 'case "mx"' in parity("emit", "fp8_gemm", "--case", "mx").stdout
    xpu = parity("emit", "fp8_gemm", "--target", "torch", "--device", "xpu").stdout
    assert "target triton-xpu" in xpu
    assert "float8" not in xpu, "XPU has no FP8 type of its own"


def test_emit_writes_below_a_folder(tmp_path: Path) -> None:
    found = parity("emit", "fp8_bmm", "--out", str(tmp_path))
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py"))
    assert files == ["jax_impl/generated/fp8_bmm.py", "torch_impl/generated/fp8_bmm.py"]
    assert sorted(found.stdout.splitlines()) == [str(tmp_path / file) for file in files]


def test_emit_all_reports_what_is_stale_and_renews_it(checkout: Path) -> None:
    first = parity("emit", "--all")
    assert first.exit_code == FAILED
    assert "torch_impl/generated/fp8_bmm.py: is missing" in first.stdout
    assert not list(checkout.rglob("*.py")), "checking writes nothing"
    assert parity("emit", "--all", "--write").exit_code == OK
    assert "up to date" in parity("emit", "--all").stdout
    file = checkout / "jax_impl/generated/fp8_bmm.py"
    file.write_text(file.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert parity("emit", "--all").exit_code == FAILED
    for more in (["--all"], ["fp8_bmm"], ["fp8_bmm", "--target", "pallas"]):
        found = parity("emit", "--diff", *more)
        assert found.exit_code == FAILED
        assert "-# edited" in found.stdout
    assert parity("emit", "fp8_bmm", "--diff", "--target", "torch").exit_code == OK
    assert parity("emit", "fp8_bmm", "--write").exit_code == OK
    assert parity("emit", "--all").exit_code == OK


def test_emit_all_removes_what_nothing_generates(checkout: Path) -> None:
    parity("emit", "--all", "--write")
    extra = checkout / "torch_impl/generated/gone.py"
    extra.write_text('"""Gone."""\n', encoding="utf-8")
    assert parity("emit", "--all", "--target", "pallas").exit_code == OK
    assert parity("emit", "--all").exit_code == FAILED
    assert parity("emit", "--all", "--write").exit_code == OK
    assert not extra.exists()


# -- processes -----------------------------------------------------------------------------------------------------

LAZY = """
import sys
from typer.testing import CliRunner
from parity.cli import app
for text in ("list", "show fp8_gemm", "show fp8_gemm --json", "emit fp8_gemm", "emit --all", "run nope"):
    CliRunner().invoke(app, text.split())
print(*sorted({"torch", "jax", "triton"} & set(sys.modules)))
"""


def test_looking_and_emitting_load_no_framework(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    command = [sys.executable, "-c", LAZY]
    done = subprocess.run(command, cwd=ROOT, env=subprocess_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_module_and_console_script_are_the_same(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    command = [sys.executable, "-m", "parity", "list"]
    done = subprocess.run(command, cwd=ROOT, env=subprocess_environment(), capture_output=True, text=True, check=True)
    assert done.stdout == parity("list").stdout
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["parity"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


# -- env -----------------------------------------------------------------------------------------------------------


def test_env_says_what_can_run_here() -> None:
    found = json.loads(parity("env", "--json").stdout)
    assert set(found) == {"machine", "versions", "devices", "intel", "implementations"}
    rows = {row["implementation"]: row for row in found["implementations"] if row["device"] == "cpu"}
    assert rows["torch:eager"]["ops"] == list(NAMES)
    assert rows["jax:xla"]["ops"] == list(NAMES)
    refused = rows["torch:triton"]["refused"]
    assert [sorted(ops) for ops in refused.values()] == [sorted(NAMES)]
    assert all("cpu" in reason for reason in refused)
    text = parity("env").stdout
    assert all(f"{package}" in text for package in found["versions"])
    assert all(version in text for version in found["versions"].values())


def test_env_without_a_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    from parity.record import environment_report

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "jax" else find(name, *more))
    rows = environment_report.environment().implementations
    jax = [row for row in rows if row.implementation.startswith("jax:")]
    assert jax
    assert all(row.ops == () and set(row.refused) == {hint("jax")} for row in jax)
    assert all(device.implementations for device in environment_report.record_devices("cpu"))
