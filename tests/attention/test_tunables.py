"""Tunables that only other devices take by default: values in parts or chunks of their own, a query loaded anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from parity.judge.inputs import Inputs
from specs.cache.layouts import NVFP4_MLA, V32, V41_FP4
from specs.lang.declare.kernel import Config, Kernel
from tests.attention.problems import decode, prefill
from tests.cache.judging import judge


@pytest.mark.parametrize(("reload", "parts"), [(1, 1), (0, 2), (1, 4)])
@pytest.mark.parametrize("inputs", [decode(2, 17, 35, 21), decode(3, 5, 37, splits=3), prefill(2, 19, 53)])
def test_results_are_right_whatever_the_tunables(
    inputs: Inputs, reload: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    right_with(inputs, {"RELOAD": reload, "VALUE_PARTS": parts, "CHUNK": 64}, monkeypatch)


@pytest.mark.parametrize(("chunk", "values", "parts"), [(64, 64, 2), (32, 256, 1)])
@pytest.mark.parametrize(
    "inputs",
    [
        decode(2, 3, 35, 21),
        decode(2, 3, 20, layout=V32),
        decode(2, 3, 20, layout=V41_FP4),
        decode(2, 3, 20, layout=NVFP4_MLA),
        prefill(2, 19, 53, width=576),
    ],
)
def test_loops_over_chunks_are_right(
    inputs: Inputs, chunk: int, values: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    right_with(inputs, {"RELOAD": 1, "VALUE_PARTS": parts, "CHUNK": chunk, "VALUE_CHUNK": values}, monkeypatch)


def right_with(inputs: Inputs, chosen: Mapping[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    default, asked = Kernel.config, list[str]()

    def config(self: Kernel, target: str, env: Mapping[str, object]) -> Config:
        found = default(self, target, env)
        asked.append(target)
        return replace(found, values=tuple((name, chosen.get(name, value)) for name, value in found.values))

    monkeypatch.setattr(Kernel, "config", config)
    monkeypatch.setattr("jax_impl.launch._functions", {})
    judge(inputs, "jax:xla")
    assert asked, "what an earlier test has planned is not used"
