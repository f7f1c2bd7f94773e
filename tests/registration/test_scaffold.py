"""`parity new`: what it writes passes at once, and what would be lost or could not be named is refused."""

from __future__ import annotations

import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parity.cli import app
from tests.rules.source import ROOT

NAME = "my_kernel"
LINES = 120
Environment = Callable[..., dict[str, str]]


def parity(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_new_operation_passes_without_an_edit(tmp_path: Path, subprocess_environment: Environment) -> None:
    written = parity("new", NAME, "--folder", str(tmp_path / "a"))
    assert written.exit_code == 0
    assert written.stdout.splitlines()[-1] == f"next: python -m parity --load {tmp_path}/a/{NAME}.py run {NAME}"
    for verb, options in (("check", []), ("run", ["--implementations", "torch:eager,jax:xla", "--kind", "random"])):
        command = [sys.executable, "-m", "parity", "--load", f"{tmp_path}/a/{NAME}.py", verb, NAME, *options]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env=subprocess_environment()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "✓" in done.stdout
    assert "✕ 0 failed" in done.stdout
    assert "✓ 0 passed" not in done.stdout


def test_files_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parity("new", NAME)
    folder = tmp_path / NAME
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, constant = project["project"]["entry-points"]["twinkernels.ops"][NAME].partition(":")
    assert runpy.run_path(str(folder / f"{module}.py"))[constant].name == NAME
    test = (folder / f"test_{NAME}.py").read_text(encoding="utf-8")
    assert f"from {module} import {constant}\n" in test
    assert f"\nTestMyKernel = contract_suite({constant})\n" in test
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--config",
        str(ROOT / "pyproject.toml"),
        "--quiet",
        "--ignore=I001",
        ".",
    ]  # first-party is another package there
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    files = [path for path in folder.iterdir() if path.is_file()]
    assert all(len(line) <= LINES for path in files for line in path.read_text("utf-8").splitlines())


@pytest.mark.parametrize(
    ("name", "said"), [("gemm", "registered already"), ("two words", "no name"), ("Mine", "capitals")]
)
def test_names_that_cannot_be_are_refused(name: str, said: str, tmp_path: Path) -> None:
    refused = parity("new", name, "--folder", str(tmp_path / "a"))
    assert refused.exit_code == 2
    assert said in refused.output
    assert not (tmp_path / "a").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / f"test_{NAME}.py").write_text("mine")
    refused = parity("new", NAME, "--folder", str(tmp_path))
    assert refused.exit_code == 2
    assert "exists" in refused.output
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(f"test_{NAME}.py", "mine")]
