"""`parity conformance`: what it counts, and that a call which is accepted is not overlooked."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from parity.cli import app
from parity.conformance import jax_calls, torch_calls
from parity.conformance.outcomes import Outcome
from parity.conformance.wrong_calls import WrongCall

OP = "static_quant_fp8"


def test_every_wrong_call_is_refused_in_both_frameworks() -> None:
    result = CliRunner().invoke(app, ["conformance", OP])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines() if line.startswith(OP)]
    assert [row[1] for row in rows] == ["torch", "jax"]
    for _, _, calls, _, refused in rows:
        assert int(calls) == int(refused) > 50


@pytest.mark.parametrize("module", [torch_calls, jax_calls], ids=["torch", "jax"])
def test_a_call_that_is_accepted_is_a_failure(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lenient = module.attempt, list[WrongCall]()

    def attempt(call: WrongCall, shared: dict[int, Any]) -> Outcome:
        if lenient:
            return real(call, shared)
        lenient.append(call)
        return Outcome(call=call, error=None)

    monkeypatch.setattr(module, "attempt", attempt)
    result = CliRunner().invoke(app, ["conformance", OP])
    assert result.exit_code == 1
    assert f"{lenient[0]}: accepted" in " ".join(result.output.split())
