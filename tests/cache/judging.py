"""Runs a call and compares every result with the operation's oracle, by the contract's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.judge.expected import expectations
from parity.judge.inputs import Inputs, Kind
from parity.judge.verdict import Verdict
from specs.lang.declare.accuracy import FLOAT32
from tests.contract import suite

NDArray = np.ndarray[Any, Any]


def verdicts(inputs: Inputs, results: Mapping[str, NDArray], kind: Kind = "random") -> dict[str, Verdict]:
    """How every result compares with the oracle."""
    expected = expectations(inputs, inputs.layout.call())
    assert expected.keys() == results.keys()
    return {name: each.rule(kind, FLOAT32).compare(results[name]) for name, each in expected.items()}


def judge(inputs: Inputs, backend: str = "torch:eager", kind: Kind = "random") -> dict[str, NDArray]:
    """Results of a call, once each of them keeps its contract. backend: "framework:implementation"."""
    results = suite.run(inputs, backend, "cpu")
    for name, verdict in verdicts(inputs, results, kind).items():
        assert verdict.passed, f"'{name}' on {backend}: {verdict.message}"
    return results
