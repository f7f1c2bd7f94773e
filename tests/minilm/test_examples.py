"""The two introductions run, agree with the float32 model about what is near what, and report it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from examples import minilm_jax, minilm_torch
from examples.minilm_problem import SENTENCES, NDArray, Problem, problem, report
from parity.models.minilm import assets as checkpoint
from parity.models.minilm.drift import float32_model

RUNS: dict[str, Callable[[Problem], NDArray]] = {"torch": minilm_torch.run, "jax": minilm_jax.run}


@cache
def given() -> Problem:
    """The examples' own sentences."""
    reason = checkpoint.missing()
    if reason is not None:
        pytest.skip(reason)
    return problem()


@cache
def embeddings(name: str) -> NDArray:
    return RUNS[name](given())


@pytest.mark.parametrize("name", RUNS)
def test_a_sentence_is_nearest_to_itself_and_then_to_its_paraphrase(name: str) -> None:
    found, model = embeddings(name), float32_model(given().assets, given().tokens).embeddings
    assert found.dtype == np.float32
    assert found.shape == (len(SENTENCES), given().assets.config.hidden)
    order = np.argsort(-(found @ model.T), axis=1)
    assert order[:, 0].tolist() == [0, 1, 2, 3]
    assert order[:, 1].tolist() == [1, 0, 3, 2]


def test_frameworks_are_nearer_to_each_other_than_to_the_model() -> None:
    model = float32_model(given().assets, given().tokens).embeddings
    one, other = embeddings("torch"), embeddings("jax")
    apart = np.linalg.norm(one - other, axis=1)
    assert (apart < np.linalg.norm(one - model, axis=1)).all()
    assert (apart < np.linalg.norm(other - model, axis=1)).all()


def test_report_has_everything() -> None:
    text = report(given(), {name: embeddings(name) for name in RUNS})
    assert all(sentence in text for sentence in SENTENCES)
    assert text.count("cosines between sentences") == 1 + len(RUNS)
    assert "torch and jax: the same sentence has a cosine of at least 0.9" in text
