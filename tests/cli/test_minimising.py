"""A failure becomes smaller as long as it stays: sizes, then data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import specs
from parity.cli import app
from parity.commands.minimising import CALLS, failing, minimise
from parity.judge import frameworks
from parity.judge.frameworks import Results
from parity.judge.inputs import Inputs
from parity.judge.runner import run_case

OP = specs.get("per_token_quant_int8")
CASE = next(case for case in OP.cases if dict(case.sizes)["M"] > 3 and not case.large)
NAMES = ["torch:eager"]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Inputs], bool]], None]:
    """Makes torch return a wrong first element where a condition on the inputs holds."""
    honest = frameworks.FRAMEWORKS["torch"]

    def planted(wrong: Callable[[Inputs], bool]) -> None:
        def run(inputs: Inputs, implementation: str, device: str) -> Results:
            results = honest.run(inputs, implementation, device)
            if wrong(inputs):
                for result in results.values():
                    result.raw[(0,) * result.raw.ndim] += 3
            return results

        monkeypatch.setitem(frameworks.FRAMEWORKS, "torch", replace(honest, run=run))

    return planted


def rows_of(inputs: Inputs) -> int:
    return int(np.prod(inputs.arrays["x"].shape[:-1]))


def test_sizes_become_as_small_as_the_failure_allows(plant: Callable[[Callable[[Inputs], bool]], None]) -> None:
    plant(lambda inputs: rows_of(inputs) >= 3 and inputs.arrays["x"].shape[-1] >= 2)
    found = minimise(OP, CASE, "random", 0, NAMES)
    assert found is not None
    assert [size for _, size in found.case.sizes] == [3, 2]
    assert found.inputs.arrays["x"].shape == (3, 2)
    assert any(row.status == "failed" for row in found.rows)
    assert found.calls <= CALLS
    assert "M=3 N=2" in found.told() or "M=3 K=2" in found.told()


def test_data_become_zero_where_the_failure_allows(plant: Callable[[Callable[[Inputs], bool]], None]) -> None:
    def wrong(inputs: Inputs) -> bool:
        x = inputs.arrays["x"]
        return x.size >= 8 and bool((x.reshape(-1)[5:6] != 0).any())

    plant(wrong)
    found = minimise(OP, CASE, "random", 0, NAMES)
    assert found is not None
    x = found.inputs.arrays["x"].reshape(-1)
    assert np.flatnonzero(x != 0).tolist() == [5]
    assert f"x: 1 of {x.size} not zero" in found.told()


def test_what_does_not_fail_has_no_smaller_call() -> None:
    assert minimise(OP, CASE, "random", 0, NAMES) is None


def test_implementations_that_failed_are_looked_at(plant: Callable[[Callable[[Inputs], bool]], None]) -> None:
    plant(lambda inputs: bool(inputs.arrays["x"].size))
    assert failing(run_case(OP, CASE, "exact", 0, [*NAMES, "jax:xla"])) == NAMES


def test_the_command_saves_the_smaller_call(plant: Callable[[Callable[[Inputs], bool]], None], tmp_path: Path) -> None:
    plant(lambda inputs: bool(inputs.arrays["x"].size))
    options = ["--case", CASE.name, "--kind", "random", "--seed", "4", "--implementations", "torch:eager"]
    said = CliRunner().invoke(app, ["run", OP.name, *options, "--minimise", "--save", str(tmp_path)])
    assert said.exit_code == 1
    assert "smaller: " in said.stdout
    folder = tmp_path / f"{OP.name}-{CASE.name}-random-4-smaller"
    assert {path.name for path in folder.iterdir()} == {"arrays.npz", "call.json", "torch_eager.py"}
    facts = json.loads((folder / "call.json").read_text(encoding="utf-8"))
    assert facts["arguments"]["x"]["shape"] == [1, 1]
    assert "--seed 4" in facts["repeat"]
    refused = CliRunner().invoke(app, ["run", OP.name, "--minimise"])
    assert refused.exit_code == 2
    assert "--save" in refused.output
