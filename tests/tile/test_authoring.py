"""The guide to writing kernels, and its example, do what they say."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples import author_a_kernel
from specs.tile.launch.cases import case_call

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "authoring.md"


def test_blocks_of_the_guide_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == GUIDE.read_text(encoding="utf-8").count("```python") > 5
    namespace: dict[str, Any] = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), namespace)  # noqa: S102
    assert namespace["QUANT"].name == "mxfp6_quant"


def test_files_the_guide_names_exist() -> None:
    named = re.findall(r"`((?:specs|tests|examples|docs)/[\w/.]+)`", GUIDE.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_example_is_within_its_bound() -> None:
    verdicts = author_a_kernel.check()
    assert set(verdicts) >= {"torch eager", "jax xla", "jax interpret"}
    assert [verdict.message for verdict in verdicts.values() if not verdict.passed] == []


def test_example_bound_notices_a_wrong_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in one framework (codes of another row's) breaks the bound."""
    right = author_a_kernel.run

    def wrong(implementation: str, inputs: Any) -> Any:
        found = right(implementation, inputs)
        if implementation == "jax xla":
            found["q"] = replace(found["q"], raw=found["q"].raw[::-1])
        return found

    monkeypatch.setattr(author_a_kernel, "run", wrong)
    verdicts = author_a_kernel.check()
    assert verdicts["torch eager"].passed
    assert not verdicts["jax xla"].passed


@pytest.mark.parametrize("verb", ["check", "run"])
def test_example_can_be_registered(verb: str, tmp_path: Path) -> None:
    """An operation of another module is checked, run and judged from its declaration alone."""
    options = ["--json", str(tmp_path / "record.json")] if verb == "run" else []
    loaded = ["--load", "examples.author_a_kernel"]
    command = [sys.executable, "-m", "parity", *loaded, verb, "silu_mul_quant", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if verb == "run":
        results = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["results"]
        counts = Counter(result["status"] for result in results)
        assert counts["passed"] >= 3 * 2 * 5, "3 cases, 2 kinds of data: implementations and pairs"
        assert counts["failed"] == counts["flushed"] == 0
        bounds = {result["bound"] for result in results if result["status"] == "passed"}
        assert all("|q scale - exact|" in bound for bound in bounds)


def test_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["author_a_kernel"])
    assert author_a_kernel.main() == 0
    assert capsys.readouterr().out.count(" passed: ") == len(author_a_kernel.implementations())


def test_example_shows_both_sources(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["author_a_kernel", "--show"])
    assert author_a_kernel.main() == 0
    triton, pallas = capsys.readouterr().out.split("# pallas-cuda\n")
    for source, decorated in ((triton, True), (pallas, False)):
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        assert [function.name for function in functions] == ["silu_mul_quant"]
        assert bool(functions[0].decorator_list) is decorated
        assert "examples/author_a_kernel.py:" in source


def test_example_cases_fit_its_spec() -> None:
    for case in author_a_kernel.SILU_MUL_QUANT.cases:
        case_call(author_a_kernel.SILU_MUL_QUANT, case, strided=True)
