"""`python -m benchmarks.tensor_parallel` runs the step that the server compiles."""

from __future__ import annotations

import pytest

from benchmarks.tensor_parallel import main


def test_a_table_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--devices", "1", "--batches", "2", "--layers", "1", "--hidden", "128", "--context", "15", "--rounds", "1"])
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if line.startswith("| 2 | 1 |")]
    assert "| 0 | 1.00 (1.00 to 1.00) times as fast |" in row, "one device exchanges nothing"
