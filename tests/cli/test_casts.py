"""The command that compares casts: what it prints and writes, and its exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parity.cli import app
from parity.commands import casts
from parity.commands.status import FAILED, NOT_RUN, OK

PASSED = casts.CastRow(implementation="torch:eager", source="e5m2", goal="bf16", status="passed", codes=256)
WRONG = casts.CastRow(
    implementation="torch:triton",
    source="e5m2",
    goal="bf16",
    status="failed",
    codes=256,
    wrong=8,
    first="0x7c: got 0x4780, expected 0x7f80",
)
MISSING = casts.CastRow(
    implementation="jax:pallas", source="e5m2", goal="bf16", status="not run", reason="jax sees no cuda device"
)


@pytest.mark.parametrize(
    ("rows", "status", "said"),
    [
        ([PASSED, MISSING], OK, "jax sees no cuda device"),
        ([PASSED, WRONG], FAILED, "failed: torch:triton, e5m2 to bf16: 8 of 256 codes, 0x7c: got 0x4780"),
        ([MISSING], NOT_RUN, "jax:pallas"),
    ],
)
def test_casts(
    rows: list[casts.CastRow], status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(device: str, **_: Any) -> list[casts.CastRow]:
        asked.append(device)
        return rows

    monkeypatch.setattr(casts, "run", run)
    file = tmp_path / "casts.json"
    result = CliRunner().invoke(app, ["casts", "--device", "cuda", "--json", str(file)])
    assert result.exit_code == status
    assert said in result.output
    assert asked == ["cuda"]
    assert casts.from_json(file.read_text()) == rows
