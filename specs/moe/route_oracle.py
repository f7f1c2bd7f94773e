"""Routing in float64, and logits whose choices float32 can make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.op import Reference, Sample
from specs.lang.formats.elements import F32

NDArray = np.ndarray[Any, Any]
_APART = 2.0**-14  # least distance of values that experts are chosen by: float32 scores come much closer


def score_of(x: NDArray, how: str) -> tuple[NDArray, NDArray]:
    """Scores of logits [T, E], and the factor by which the errors of their arguments are amplified."""
    if how == "softmax":
        peak = np.max(x, axis=1, keepdims=True, initial=-np.inf)
        distance = x - np.where(np.isfinite(peak), peak, 0.0)
        power = np.exp(distance)
        total = power.sum(1, keepdims=True)
        score = power / np.where(total > 0, total, 1.0)
        own = np.where(score > 0, 1.0 + np.abs(np.where(score > 0, distance, 0.0)), 0.0)
        return score, own + (score * own).sum(1, keepdims=True)
    finite = np.where(np.isfinite(x), x, 0.0)
    score = 1.0 / (1.0 + np.exp(-finite)) if how == "sigmoid" else np.sqrt(np.logaddexp(0.0, finite))
    return np.where(np.isfinite(x), score, 0.0), 2.0 + np.abs(finite)


def best(value: NDArray, count: int) -> NDArray:
    """Columns of the `count` largest values of every row, the first ones among equals."""
    return np.argsort(-value, axis=1, kind="stable")[:, :count]


def choice_of(x: NDArray, inputs: Mapping[str, Any]) -> tuple[NDArray, NDArray]:
    """What experts are chosen by [T, E], and what groups are chosen by [T, groups]."""
    biased = inputs.get("correction_bias") is not None
    choice = score_of(x, str(inputs["score"]))[0] + inputs["correction_bias"] if biased else x
    count = int(inputs["n_group"])
    groups = choice.reshape(len(x), count, x.shape[1] // count)
    return choice, np.sort(groups, 2)[..., -2:].sum(2) if biased else groups.max(2)


def chosen_by(x: NDArray, inputs: Mapping[str, Any]) -> NDArray:
    """Ids [T, topk] by the largest values."""
    choice, by_group = choice_of(x, inputs)
    kept = np.zeros(by_group.shape, bool)
    np.put_along_axis(kept, best(by_group, int(inputs["topk_group"])), True, 1)
    kept = np.repeat(kept, x.shape[1] // by_group.shape[1], 1)
    return best(np.where(kept, choice, -np.inf), int(inputs["topk"]))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    x = np.asarray(inputs["logits"], np.float64)
    x = np.minimum(np.where(np.isnan(x), -np.inf, x), F32.max_finite)
    count, experts = x.shape
    live = np.ones(count, bool)
    if inputs.get("tid2eid") is None:
        ids = chosen_by(x, inputs)
    else:
        table, token = np.asarray(inputs["tid2eid"], np.int64), np.asarray(inputs["token_ids"], np.int64)
        live = (token >= 0) & (token < len(table))
        ids = np.append(table, np.full((1, table.shape[1]), -1), axis=0)[np.where(live, token, -1)]
    if inputs.get("is_padding") is not None:
        live &= ~np.asarray(inputs["is_padding"], bool)
    score, factor = score_of(x, str(inputs["score"]))
    there = (ids >= 0) & (ids < experts)
    safe = np.where(there, ids, 0)
    weight = np.where(there, np.take_along_axis(score, safe, 1), 0.0)
    spread = np.take_along_axis(factor, safe, 1)
    if inputs["renormalize"]:
        total = weight.sum(1, keepdims=True)
        weight = weight / np.where(total > 0, total, 1.0)
        spread = spread + (weight * spread).sum(1, keepdims=True)
    there &= live[:, None]
    weight = np.where(there, weight, 0.0) * inputs["routed_scaling_factor"]
    return {
        "weights": Reference(value=weight, magnitude=np.abs(weight) * np.where(there, spread, 0.0)),
        "ids": Reference(value=np.where(there, ids, -1)),
    }


def sample(case: Sample) -> dict[str, Any]:
    """Logits with ties, NaN and -inf; with a bias, values to choose by that are equal or clearly apart."""
    rng, (tokens, experts) = case.rng, case.shapes["logits"]
    x = rng.standard_normal((tokens, experts)) * 2.0
    drawn: dict[str, Any] = {"correction_bias": np.round(rng.standard_normal(experts) * 8) / 32}
    if "correction_bias" in case.shapes:
        given = {**case.attributes, "correction_bias": drawn["correction_bias"]}
        x = x.astype(np.float32).astype(np.float64)
        for _ in range(100):
            close = _close(x, given)
            if not close.any():
                break
            x[close] = np.float32(rng.standard_normal((int(close.sum()), experts)) * 2.0)
    else:
        x[1::3] = np.round(x[1::3] * 2) / 2
        if case.kind == "random":
            x[2::5, ::3] = -np.inf
            x[2::7, 1::4] = np.nan
            x[5::9] = -np.inf
    rows = case.sizes["V"]
    return drawn | {
        "logits": x,
        "tid2eid": rng.integers(-1, experts + 1, (rows, int(case.attributes["topk"]))),  # type: ignore[call-overload]
        "token_ids": rng.choice([*range(max(rows, 1)), -1, rows, 2**31 - 1], tokens),
        "is_padding": rng.random(tokens) < 1 / 4,
    }


def _close(x: NDArray, inputs: Mapping[str, Any]) -> NDArray:
    """Rows in which two of the best values that experts or groups are chosen by are near each other."""
    found = np.zeros(len(x), bool)
    for value, count in zip(choice_of(x, inputs), (int(inputs["topk"]), int(inputs["topk_group"])), strict=True):
        ordered = np.sort(value, axis=1)[:, ::-1]
        gaps = ordered[:, :-1] - ordered[:, 1:]
        if int(inputs["n_group"]) == 1:
            gaps = gaps[:, : count + 1]
        found |= (gaps < _APART).any(1)
    return found
