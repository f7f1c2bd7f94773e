"""Rows of more candidates than registers hold: every way that they can take, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import torch_impl.ops
from specs.sampling.oracle import filter_oracle, sample_oracle
from specs.sampling.settings import CHOSEN, GROUP, HELD
from specs.sampling.tables import sampling_table

NDArray = np.ndarray[Any, Any]
WIDTH = HELD + 1000
assert -(-WIDTH // GROUP) > CHOSEN


def given(*rows: tuple[NDArray, int, float]) -> dict[str, NDArray]:
    """Arguments of rows of logits, top-k and top-p."""
    rng, count = np.random.default_rng(6), len(rows)
    logits, top_k, top_p = zip(*rows, strict=True)
    return {
        "logits": np.array(logits, np.float32),
        "temperature": np.ones(count, np.float32),
        "seeds": rng.integers(-(2**31), 2**31, (count, 2)).astype(np.int32),
        "positions": rng.integers(0, 1000, count).astype(np.int32),
        "table": sampling_table(),
        "top_k": np.array(top_k, np.int32),
        "top_p": np.array(top_p, np.float32),
    }


def normal(spread: float = 1.0) -> NDArray:
    return np.random.default_rng(5).standard_normal(WIDTH) * spread


def test_draws() -> None:
    # The first pass counts too many, and the second one begins in the middle of them.
    far = np.where(np.arange(WIDTH) % 9 == 0, normal() - 9.0, normal(0.1) + 0.3)
    arrays = given(
        (normal(), 0, 0.9),  # collected after the first pass
        (normal(0.1), 0, 0.5),  # after the second one
        (far, 0, 0.999),
        (np.round(normal(0.3) * 2) / 2, 0, 0.8),  # a cut among equals
        (normal(), 1000, 0.5),
        (normal(0.01), 0, 0.97),  # the tokens of a sixteenth do not fit: the row is read again and again
        (normal(), 0, 1.0),  # no filter
    )
    tensors: dict[str, Any] = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tokens = torch_impl.ops.sample(tensors.pop("logits"), implementation="eager", **tensors)
    settings = {"min_p": None, "order": "vllm", "stream": "target", "vocab_size": 0}
    assert tokens.tolist() == sample_oracle({**arrays, **settings})["tokens"].value.tolist()


def test_cuts() -> None:
    """A token says little of a cut: these are compared here, of rows whose candidates fit only from a distance on."""
    arrays = given((normal(0.2), 0, 0.98), (normal(0.2), WIDTH - 500, 1.0), (np.round(normal(0.4) * 4) / 4, 0, 0.995))
    arrays = {name: array for name, array in arrays.items() if name not in ("seeds", "positions")}
    tensors: dict[str, Any] = {name: torch.from_numpy(array) for name, array in arrays.items()}
    filtered = torch_impl.ops.filter_logits(tensors.pop("logits"), implementation="eager", **tensors)
    oracle = filter_oracle({**arrays, "min_p": None, "order": "vllm", "vocab_size": 0})["filtered"].value
    assert (np.isneginf(filtered.numpy()) == np.isneginf(oracle)).all()
