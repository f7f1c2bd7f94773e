"""Oracles of sampling: the definitions in integers and sorted rows, which know nothing of tile programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.op import Reference
from specs.sampling.tables import correction_table, exp_table, ln2_table, ln_table

NDArray = np.ndarray[Any, Any]
_WORD = 0xFFFFFFFF
_LN, _CORR, _LN2, _EXP = (np.array(table(), np.int64) for table in (ln_table, correction_table, ln2_table, exp_table))
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry2x32(key: tuple[int, int], first: Any, second: Any) -> tuple[NDArray, NDArray]:
    """Both words of threefry2x32 with 20 rounds; words are non-negative int64."""
    x, y = (np.asarray(word, np.int64) & _WORD for word in (first, second))
    schedule = (key[0] & _WORD, key[1] & _WORD, (key[0] ^ key[1] ^ 0x1BD11BDA) & _WORD)
    x, y = (x + schedule[0]) & _WORD, (y + schedule[1]) & _WORD
    for turn in range(20):
        x, bits = (x + y) & _WORD, _ROTATIONS[turn // 4 % 2][turn % 4]
        y = (((y << bits) | (y >> (32 - bits))) & _WORD) ^ x
        if turn % 4 == 3:
            after = turn // 4 + 1
            x, y = (x + schedule[after % 3]) & _WORD, (y + schedule[(after + 1) % 3] + after) & _WORD
    return x, y


def _between(table: NDArray, piece: NDArray, part: NDArray, bits: int) -> NDArray:
    return np.asarray(table[piece] + (((table[piece + 1] - table[piece]) * part + (1 << (bits - 1))) >> bits))


def ln_q26(x: Any) -> NDArray:
    """ln of integers 1 <= x < 2**32 in Q26."""
    x = np.asarray(x, np.int64)
    number = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1  # exact: 32 bits fit into a float64
    fraction = (x << (31 - number)) & 0x7FFFFFFF
    return np.asarray(_LN2[number] + _between(_LN, fraction >> 21, (fraction >> 6) & 0x7FFF, 15))


def gumbel_q20(words: Any) -> NDArray:
    """Gumbel noise of uint32 words in Q20."""
    r = np.asarray(words, np.int64)
    near = r < 1 << 31
    x = np.where(near, 2 * r + 1, (1 << 33) - 1 - 2 * r)
    negative_log = 1535038556 - ln_q26(x)
    u = np.where(near, x, 0)
    small = negative_log - _between(_CORR, u >> 23, (u >> 8) & 0x7FFF, 15)
    large = 1209424317 - ln_q26(np.maximum(negative_log, 1))
    return np.asarray((np.where(near, small, large) + 32) >> 6)


def exp_q29(q: Any) -> NDArray:
    """exp of q <= 0 in Q20, in Q29."""
    twice = 2 * np.minimum(-np.asarray(q, np.int64), 22 << 20)
    halvings, rest = np.divmod(twice, 1453635)
    mantissa = _between(_EXP, rest >> 11, rest & 2047, 11)
    return np.asarray((((mantissa << 1) >> halvings) + 1) >> 1)


def least_q20(min_p: float) -> int:
    """The quantised distance at which a probability is min_p of the largest one."""
    mantissa, exponent = np.frexp(np.float32(min(min_p, 1.0)))
    halvings = 24 - int(exponent)
    whole = (int(ln_q26(int(mantissa * 2**24))) + 32) >> 6
    return min(whole - (halvings * 726817 + halvings // 2), 0)


def quantised(row: NDArray, temperature: float) -> NDArray:
    """floor((l - max) / T 2**20) of a row of float32 without NaN, at least -1000 2**20."""
    top = row.max()
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.where(row == top, np.float32(0), row - top)
        scaled = np.maximum(distance * (np.float32(1) / np.float32(temperature)), np.float32(-1000))
    return np.asarray(np.floor(scaled.astype(np.float64) * 2**20).astype(np.int64))


def kept(row: NDArray, temperature: float, top_k: int, top_p: float, min_p: float, order: str) -> NDArray:
    """Which tokens of a row (float32 without NaN) the filters keep; temperature > 0."""
    q, alive = quantised(row, temperature), ~np.isneginf(row)
    near = q >= least_q20(min_p) if min_p >= 2.0**-126 else np.ones(len(row), bool)
    if order == "vllm":
        alive = alive & near
    if 0 < top_k < len(row):
        alive = alive & (row >= np.sort(row)[-top_k])
    if top_p < 1:
        # Sums of up to 2**18 integers of 29 bits fit into int64.
        mass = np.where(alive, exp_q29(q), 0)
        share = max(int(np.float32(max(top_p, 0)) * np.float32(2**24)), 1)
        goal = -(-int(mass.sum()) * share // 2**24)
        by_size = np.argsort(-row, kind="stable")
        before = np.cumsum(mass[by_size]) - mass[by_size]
        inside = np.zeros(len(row), bool)
        inside[by_size] = before < goal
        alive = alive & inside
    return np.asarray(alive & near)


def rows_of(inputs: Mapping[str, Any]) -> list[NDArray]:
    """Rows of logits without padding, NaN as -inf."""
    stored = np.asarray(inputs["logits"])
    size = inputs["vocab_size"]
    width = min(size, stored.shape[-1]) if size else stored.shape[-1]
    rows = stored.astype(np.float32)[:, :width]
    return list(np.where(np.isnan(rows), np.float32("-inf"), rows))


def parameters(inputs: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Filters of row `number`."""
    off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    given = {name: off[name] if inputs.get(name) is None else inputs[name][number].item() for name in off}
    return {**given, "order": inputs["order"]}


def is_greedy(inputs: Mapping[str, Any], number: int) -> bool:
    """Whether a row is not drawn from."""
    return not np.float32(inputs["temperature"][number]) >= np.float32(1e-5)


def sample_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """One token per row."""
    tokens = []
    for number, row in enumerate(rows_of(inputs)):
        if not row.size or np.isneginf(row).all():
            tokens.append(0)
        elif is_greedy(inputs, number):
            tokens.append(int(row.argmax()))
        else:
            temperature = float(inputs["temperature"][number])
            key = tuple(int(word) for word in inputs["seeds"][number])
            position = int(inputs["positions"][number]) + (2**30 if inputs["stream"] == "draft" else 0)
            words, _ = threefry2x32((key[0], key[1]), position, np.arange(len(row)))
            score = quantised(row, temperature) + gumbel_q20(words)
            alive = kept(row, temperature, **parameters(inputs, number))
            tokens.append(int(np.where(alive, score, -(2**40)).argmax()))
    return {"tokens": Reference(value=np.array(tokens, np.int64).reshape(len(tokens)))}


def filter_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """Scaled logits with -inf where they are dropped."""
    shape = np.asarray(inputs["logits"]).shape
    filtered = np.full(shape, -np.inf)
    for number, row in enumerate(rows_of(inputs)):
        if is_greedy(inputs, number):
            filtered[number, : len(row)] = row
        elif row.size:
            temperature = float(inputs["temperature"][number])
            alive = kept(row, temperature, **parameters(inputs, number))
            scaled = row * (np.float32(1) / np.float32(temperature))
            filtered[number, : len(row)] = np.where(alive, scaled, -np.inf)
    return {"filtered": Reference(value=filtered)}
