"""The oracle against the definition written down once more, one query and one key at a time."""

from __future__ import annotations

from math import inf, tanh
from typing import Any

import numpy as np
import pytest

from specs.flash.oracle import oracle
from tests.attention.plain import Answer, scores_of, softmax
from tests.flash.problems import dense, extended

NDArray = np.ndarray[Any, Any]
LENGTHS = ((5, 9), (0, 4), (6, 2), (1, 1), (3, 0))
SLOPES = np.linspace(0.05, 0.4, 20).reshape(5, 4)

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"causal": True},
    "window": {"window_left": 2, "window_right": 1},
    "window-of-one": {"window_left": 0, "window_right": 0},
    "causal-overrules-the-right": {"causal": True, "window_left": 3, "window_right": 5},
    "capped": {"softcap": 0.7, "causal": True},
    "capped-window": {"softcap": 0.7, "window_left": 1, "window_right": 0},
    "scaled": {"softmax_scale": 0.3},
}


def one_query(given: dict[str, Any], b: int, row: int, head: int) -> Answer:
    """One query of request b: which keys it sees, their scores, the mean of their values."""
    starts, ends = given["cu_seqlens_q"], given["cu_seqlens_k"]
    queries, keys = starts[b + 1] - starts[b], ends[b + 1] - ends[b]
    own = head // (given["q"].shape[1] // given["k"].shape[1])
    k, v = (given[name][ends[b] : ends[b + 1], own] for name in "kv")
    scale = given["softmax_scale"] or given["q"].shape[2] ** -0.5
    left, right = given["window_left"], 0 if given["causal"] else given["window_right"]
    position = row + keys - queries
    seen: list[int] = []
    scores: list[float] = []
    for j, score in enumerate(scores_of(given["q"][starts[b] + row, head], k, scale)):
        if given["softcap"]:
            score = given["softcap"] * tanh(score / given["softcap"])  # noqa: PLW2901 - as the definition says it
        if "alibi_slopes" in given:
            slopes = given["alibi_slopes"]
            score -= (slopes[b] if slopes.ndim == 2 else slopes)[head] * abs(position - j)  # noqa: PLW2901
        if (left < 0 or j >= position - left) and (right < 0 or j <= position + right):
            seen.append(j)
            scores.append(score)
    answer = softmax(scores, v[seen], given["s_aux"][head] if "s_aux" in given else -inf)
    if "s_aux" not in given:
        return answer
    lse = float(np.logaddexp(answer.lse, given["s_aux"][head]))
    return Answer(answer.out, answer.peak, lse)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("more", ["", "sinks", "slopes", "slopes of each"])
def test_the_oracle_is_the_definition(variant: str, more: str) -> None:
    inputs = dense(LENGTHS, **VARIANTS[variant])
    if more == "sinks":
        inputs = extended(inputs, s_aux=np.array([0.5, -inf, inf, -3.0]))
    elif more:
        inputs = extended(inputs, alibi_slopes=SLOPES[0] if more == "slopes" else SLOPES)
    given = inputs.values()
    found = oracle(given)
    starts = given["cu_seqlens_q"]
    for b in range(len(LENGTHS)):
        for row in range(LENGTHS[b][0]):
            for head in range(4):
                expected = one_query(given, b, row, head)
                token = starts[b] + row
                lse = found["lse"].value[head, token]
                assert lse == expected.lse or _close(np.array(lse), np.array(expected.lse))
                assert _close(found["out"].value[token, head], np.array(expected.out))


def _close(found: NDArray, expected: NDArray) -> bool:
    """Equal up to what float64 operations may lose: three quarters of a double's digits agree."""
    eps = np.finfo(np.float64).eps
    return bool(np.all(np.abs(found - expected) <= np.sqrt(eps) * eps**0.25 * (1 + np.abs(expected))))
