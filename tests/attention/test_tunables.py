"""Tunables that only other devices take by default: values in parts, and a query that every key tile loads anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from parity.judge.inputs import Inputs
from specs.lang.declare.kernel import Config, Kernel
from tests.attention.problems import decode, prefill
from tests.cache.judging import judge


@pytest.mark.parametrize(("reload", "parts"), [(1, 1), (0, 2), (1, 4)])
@pytest.mark.parametrize("inputs", [decode(2, 17, 35, 21), decode(3, 5, 37, splits=3), prefill(2, 19, 53)])
def test_results_are_right_whatever_the_tunables(
    inputs: Inputs, reload: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    default, asked = Kernel.config, list[str]()

    def config(self: Kernel, target: str, env: Mapping[str, object]) -> Config:
        found = default(self, target, env)
        chosen = {"RELOAD": reload, "VALUE_PARTS": parts, "CHUNK": 64}
        asked.append(target)
        return replace(found, values=tuple((name, chosen.get(name, value)) for name, value in found.values))

    monkeypatch.setattr(Kernel, "config", config)
    monkeypatch.setattr("jax_impl.launch._functions", {})
    judge(inputs, "jax:xla")
    assert asked, "what an earlier test has planned is not used"
