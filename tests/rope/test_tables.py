"""Tables of cosines and sines: facts about each scaling rule, and the tables of the frameworks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from specs.lang.errors import Missing, NotAChoice, OutOfRange
from specs.rope.tables import inverse_frequencies, rope_table

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
YARN = {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096, "truncate": False}


def frequencies(scaling: dict[str, Any], rot: int = 128, theta: float = 10000.0, length: int = 64) -> Any:
    return inverse_frequencies(length, rot, theta, scaling)


def test_plain_table() -> None:
    table = rope_table(1024, 64, theta=10000.0)
    assert table.shape == (1024, 64)
    assert table.dtype == np.float32
    assert (table[0] == [1.0] * 32 + [0.0] * 32).all()
    assert table[1, 0] == np.float32(math.cos(1.0))
    assert table[1000, 32] == np.float32(math.sin(1000.0))
    # Column 16 turns by theta^(-1/2) = 0.01 per position; the angle is rounded to float32.
    assert table[7, 16] == np.float32(math.cos(float(np.float32(7) * np.float32(0.01))))


def test_linear_is_the_table_of_positions_divided() -> None:
    table = rope_table(64, 32, scaling={"type": "linear", "factor": 4.0})
    np.testing.assert_array_equal(table[::4], rope_table(16, 32))  # powers of two: no rounding


def test_dynamic_changes_beyond_the_original_length_only() -> None:
    scaling = {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 2048}
    np.testing.assert_array_equal(rope_table(2048, 64, scaling=scaling), rope_table(2048, 64))
    longer, _ = frequencies(scaling, rot=64, length=4096)
    # 2 * 4096 / 2048 - 1 = 3: the slowest column turns slower by exactly that factor.
    plain, _ = frequencies({}, rot=64)
    np.testing.assert_array_almost_equal_nulp(longer[-1] * 3.0, plain[-1], 64)
    assert longer[0] == 1.0


def test_llama3_bands() -> None:
    plain, _ = frequencies({}, theta=500000.0)
    scaled, magnitude = frequencies(LLAMA3, theta=500000.0)
    wavelength = 2 * np.pi / plain
    short, long = wavelength < 8192 / 4.0, wavelength > 8192 / 1.0
    assert magnitude == 1.0
    np.testing.assert_array_equal(scaled[short], plain[short])
    np.testing.assert_array_equal(scaled[long], plain[long] / 8.0)
    between = ~short & ~long
    assert between.any()
    assert (scaled[between] < plain[between]).all()
    assert (scaled[between] > plain[between] / 8.0).all()
    assert (np.diff(scaled) < 0).all()


def test_yarn_of_gpt_oss() -> None:
    plain, _ = frequencies({}, rot=64, theta=150000.0)
    scaled, magnitude = frequencies(YARN, rot=64, theta=150000.0)
    assert f"{magnitude:.4f}" == "1.3466"
    # Columns that turn 32 times in 4096 positions or oftener stay; once or less: divided by the factor.
    turns = 4096 * plain / (2 * np.pi)
    np.testing.assert_array_equal(scaled[turns >= 32], plain[turns >= 32])
    np.testing.assert_array_equal(scaled[turns <= 1], plain[turns <= 1] / 32.0)
    truncated, _ = frequencies({**YARN, "truncate": True}, rot=64, theta=150000.0)
    assert (truncated != scaled).any()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 0.1 * math.log(32.0) + 1.0),
        ({"attention_factor": 1.0}, 1.0),
        ({"mscale": 1.0, "mscale_all_dim": 1.0}, 1.0),
        ({"mscale": 0.707, "mscale_all_dim": 1.0}, (0.0707 * math.log(32.0) + 1.0) / (0.1 * math.log(32.0) + 1.0)),
        ({"mscale": 0.707, "mscale_all_dim": 0}, 0.1 * math.log(32.0) + 1.0),
        ({"factor": 1.0}, 1.0),
    ],
)
def test_yarn_magnitude(more: dict[str, Any], expected: float) -> None:
    _, magnitude = frequencies({**YARN, **more})
    np.testing.assert_array_almost_equal_nulp(magnitude, expected, 4)
    table = rope_table(2, 64, scaling={**YARN, **more})
    assert table[0, 0] == np.float32(magnitude)


def test_wrong_parameters() -> None:
    with pytest.raises(NotAChoice, match=r"rope_type.*longrope"):
        rope_table(4, 8, scaling={"rope_type": "longrope"})
    with pytest.raises(Missing, match="factor"):
        rope_table(4, 8, scaling={"rope_type": "linear"})
    with pytest.raises(Missing, match="original_max_position_embeddings"):
        rope_table(4, 8, scaling={"rope_type": "yarn", "factor": 2.0})
    with pytest.raises(OutOfRange, match="rot"):
        rope_table(4, 7)
    with pytest.raises(OutOfRange, match="high_freq_factor"):
        rope_table(4, 8, scaling={**LLAMA3, "high_freq_factor": 1.0})


def test_both_frameworks_have_the_same_table() -> None:
    from jax_impl.rope import rope_table as jax_table
    from torch_impl.rope import rope_table as torch_table

    expected = rope_table(33, 16, theta=500000.0, scaling=LLAMA3)
    np.testing.assert_array_equal(torch_table(33, 16, theta=500000.0, scaling=LLAMA3).numpy(), expected)
    np.testing.assert_array_equal(np.asarray(jax_table(33, 16, theta=500000.0, scaling=LLAMA3)), expected)
