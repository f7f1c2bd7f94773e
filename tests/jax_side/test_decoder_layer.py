"""The example of a decoder layer is the layer that numpy computes in float64, but for FP8."""

from __future__ import annotations

from typing import Any

import jax
import pytest

from examples import decoder_layer_jax as example
from specs.lang.formats.elements import E4M3


@pytest.mark.parametrize("seed", [0, 1])
def test_the_layer_is_float64_s_within_the_rounding_of_fp8(seed: int) -> None:
    found = example.distances(example.SMALL, seed)
    # Errors of a product's terms are independent: their norm stays below the largest error of one term.
    assert max(found[name] for name in ("x", "keys", "values")) < E4M3.unit_roundoff
    assert found["other keys"] == found["other values"] == 0, "only the slots of new tokens are written"


def test_a_mistake_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_turned(x: jax.Array, _position: Any) -> jax.Array:
        return x

    monkeypatch.setattr(example, "rope", not_turned)
    found = example.distances(example.SMALL)
    assert min(found["x"], found["keys"]) > E4M3.unit_roundoff > found["values"]


def test_the_step_s_caches_are_its_pools() -> None:
    step = example.step(tokens=8, requests=4)
    result = jax.eval_shape(step.function, *step.arguments)
    assert result[1] == step.arguments[0]
