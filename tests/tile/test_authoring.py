"""The guide to writing kernels, and its example, do what they say."""

from __future__ import annotations

import ast
import re
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
    fractions = author_a_kernel.check()
    assert set(fractions) >= {"torch eager", "jax xla", "jax interpret"}
    assert all(fraction <= 1 for fraction in fractions.values()), fractions


def test_example_bound_notices_a_wrong_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in one framework (codes of another element's) breaks the bound."""
    right = author_a_kernel.run_jax

    def wrong(*arguments: Any) -> Any:
        q, scale = right(*arguments)
        return [q[::-1], scale]

    monkeypatch.setattr(author_a_kernel, "run_jax", wrong)
    fractions = author_a_kernel.check()
    assert fractions["torch eager"] <= 1 < fractions["jax xla"]


def test_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["author_a_kernel"])
    assert author_a_kernel.main() == 0
    assert capsys.readouterr().out.count(" ok\n") == len(author_a_kernel.implementations())


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
