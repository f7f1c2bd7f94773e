"""`python -m benchmarks.decode` and `benchmarks.tensor_parallel` run the step that the server compiles."""

from __future__ import annotations

import pytest

import benchmarks.decode.__main__ as decode
from benchmarks import tensor_parallel

SMALL = ["--batches", "2", "--layers", "1", "--hidden", "128", "--context", "15", "--rounds", "1"]


def test_a_table_of_devices(capsys: pytest.CaptureFixture[str]) -> None:
    tensor_parallel.main([*SMALL, "--devices", "1"])
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if line.startswith("| 2 | 1 |")]
    assert "| 0 | 1.00 (1.00 to 1.00) times as fast |" in row, "one device exchanges nothing"


def test_a_table_of_formats(capsys: pytest.CaptureFixture[str]) -> None:
    decode.main([*SMALL, "--prompts", "20", "--precisions", "fp8", "--steps", "1"])
    said = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in said.splitlines() if line.startswith("| fp8")]
    assert cells == [["fp8", step, side] for side in ("JAX", "torch") for step in ("2 decodes", "prompt of 20")]
