"""Known answers of sampling, its distance to the exact definition, and draws that depend on seed and position alone."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pytest
import torch

import jax_impl.ops
import torch_impl.ops
from specs.sampling.oracle import exp_q29, gumbel_q20, kept, least_q20, threefry2x32
from specs.sampling.tables import (
    MASS_ERROR,
    MASS_UNITS,
    MIN_P_ERROR,
    NOISE_ERROR,
    NUCLEUS_ERROR,
    correction_table,
    ln2_table,
    ln_table,
    sampling_table,
)

SEED = 1234567890123456789
KEY = (SEED & 0xFFFFFFFF, SEED >> 32)
NDArray = np.ndarray[Any, Any]


def settings(rows: int, seed: int = SEED) -> dict[str, NDArray]:
    return {
        "temperature": np.ones(rows, np.float32),
        "seeds": np.full(rows, seed, np.int64).view(np.int32).reshape(rows, 2),
        "positions": np.full(rows, 5, np.int32),
        "table": sampling_table(),
    }


def draw(logits: NDArray, *, vocab_size: int = 0, **given: NDArray) -> NDArray:
    """Tokens of both frameworks, which are the same."""
    arrays: dict[str, Any] = {**settings(len(logits)), **given}
    tensors: dict[str, Any] = {name: torch.from_numpy(array) for name, array in arrays.items()}
    mine = torch_impl.ops.sample(torch.from_numpy(logits), vocab_size=vocab_size, implementation="eager", **tensors)
    other = jax_impl.ops.sample(logits, vocab_size=vocab_size, implementation="xla", **arrays)
    assert mine.tolist() == np.asarray(other).tolist()
    return mine.numpy()


def test_the_tables_have_known_bytes() -> None:
    bytes_ = b"".join(np.array(table(), "<i8").tobytes() for table in (ln_table, correction_table, ln2_table))
    known = "89a8a25169b71a980b8c19b9d0e699a1ab5a57b9bee8aea894bb382b106cc778"
    assert hashlib.sha256(bytes_).hexdigest() == known


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_known_answers(key: tuple[int, int], counter: tuple[int, int], words: tuple[int, int]) -> None:
    assert tuple(int(word) for word in threefry2x32(key, *counter)) == words


def test_noise_known_answers() -> None:
    words, _ = threefry2x32(KEY, 5, np.arange(4))
    assert words.tolist() == [0xC908165F, 0x4BD639AE, 0x0D81949D, 0x4AEC6BDD]
    assert gumbel_q20(words).tolist() == [-451679, 1096888, 3056654, 1112090]
    known = {0: 23984977, 1: 22832999, 0x7FFFFFFF: 384317, 0x80000000: 384317, 0xFFFFFFFF: -3282037}
    known |= {0x12345678: 2733486, 0xDEADBEEF: -747058}
    assert gumbel_q20(list(known)).tolist() == list(known.values())


def test_noise_is_that_of_the_definition() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 100_000)
    exact = -np.log(-np.log1p(-(words + 0.5) / 2**32))
    assert np.abs(gumbel_q20(words) / 2**20 - exact).max() < NOISE_ERROR


def test_the_drawn_token_is_that_of_the_known_noise() -> None:
    # Equal logits: the largest noise of the four known ones is that of token 2.
    assert draw(np.zeros((1, 4), np.float32)).tolist() == [2]
    assert draw(np.array([[1.0, 3.0, 0.5, 2.0]], np.float32)).tolist() == [1]


def test_masses_are_monotone_and_near_exp() -> None:
    q = -np.arange(0, 23 << 20, 7)
    masses = exp_q29(q)
    assert (np.diff(masses) <= 0).all()
    exact = np.exp(q / 2**20) * 2**29
    assert (np.abs(masses - exact) <= MASS_UNITS + MASS_ERROR * exact).all()
    # The float32 ratio is exact in this: a boundary is off by less than two steps of Q20.
    for ratio in (1.0, 0.5, 0.05, 1e-3, 1e-6, 1e-30):
        assert abs(least_q20(ratio) / 2**20 - math.log(np.float32(ratio))) < MIN_P_ERROR


def test_the_nucleus_is_that_of_float64() -> None:
    rng = np.random.default_rng(1)
    for number in range(60):
        row = (rng.standard_normal(3000) * (0.3 + number % 6)).astype(np.float32)
        p = float(rng.choice([0.3, 0.9, 0.99]))
        order = np.argsort(-row, kind="stable")
        exact = np.exp(row.astype(np.float64) - float(row.max()))[order]
        before = (np.cumsum(exact) - exact) / exact.sum()
        # Where the cumulative mass is this close to p, either is right.
        unclear = np.abs(before - float(np.float32(p))) < NUCLEUS_ERROR + len(row) * 2.0**-30
        inside = kept(row, 1.0, 0, p, 0.0, "vllm")[order]
        assert ((inside == (before < np.float32(p))) | unclear).all()


def test_a_draw_depends_on_seed_and_position_alone() -> None:
    rng = np.random.default_rng(2)
    row = rng.standard_normal(60).astype(np.float32)
    batch = rng.standard_normal((9, 80)).astype(np.float32)
    for place in (0, 4, 8):
        batch[place] = 9.0  # padding of the vocabulary, which would win
        batch[place, :60] = row
    alone = draw(row[None])
    padded = draw(batch, vocab_size=60)
    assert padded[[0, 4, 8]].tolist() == alone.tolist() * 3
    others = draw(np.repeat(row[None], 64, axis=0), positions=np.arange(64, dtype=np.int32))
    assert len(set(others.tolist())) > 10


def test_probabilities_are_those_of_the_softmax() -> None:
    rows, logits = 4096, np.array([0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 0.25, 1.5], np.float32)
    tokens = draw(np.repeat(logits[None], rows, axis=0), positions=np.arange(rows, dtype=np.int32))
    expected = np.exp(logits) / np.exp(logits).sum() * rows
    observed = np.bincount(tokens, minlength=8)
    assert ((observed - expected) ** 2 / expected).sum() < 24.3  # 7 degrees of freedom: one seed in a thousand


def test_filters_at_their_ends() -> None:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((12, 50)).astype(np.float32)
    best = logits.argmax(axis=1).tolist()
    ones = np.ones(12, np.int32)
    assert draw(logits, top_k=ones).tolist() == best
    assert draw(logits, top_p=np.full(12, 1e-6, np.float32)).tolist() == best
    assert draw(logits, min_p=np.ones(12, np.float32)).tolist() == best
    assert draw(logits * 100, temperature=np.full(12, 0.01, np.float32)).tolist() == best
    assert draw(logits, temperature=np.zeros(12, np.float32)).tolist() == best
    only = np.full((2, 50), -np.inf, np.float32)
    only[0, 17], only[1, :] = -3.0, np.nan
    assert draw(only).tolist() == [17, 0]


def test_equals_at_a_cut() -> None:
    # Ten equal logits: top-k keeps all equals of the k-th largest, top-p the first ones in order of ids.
    logits = np.repeat(np.array([[1.0] * 10 + [0.0] * 10], np.float32), 200, axis=0)
    places = np.arange(200, dtype=np.int32)
    assert set(draw(logits, positions=places, top_k=np.full(200, 3, np.int32)).tolist()) == set(range(10))
    mass = math.e / (10 * math.e + 10)
    few = np.full(200, 2.5 * mass, np.float32)
    assert set(draw(logits, positions=places, top_p=few).tolist()) == {0, 1, 2}
