"""What the two sparse-MLA examples share: two requests of one DeepSeek-V4 layer in numpy, and how runs are compared.

The layer attends to a window of 128 tokens. Keys live in a V4 cache: pages of 64 rows, each row 448 FP8 codes with a
scale per 64, and 64 bfloat16 rotary columns. A prefill fills the cache and attends through a gathered workspace; then
both requests decode token by token straight from the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.cache.layouts import V4

NDArray = np.ndarray[Any, Any]

HEADS, WIDTH, ROPE, WINDOW, PAGE = 8, V4.width, 64, 128, 64
SCALE = WIDTH**-0.5
PROMPTS = (150, 70)
STEPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """New tokens of all requests: q [T, heads, width] and kv [T, width] before rotation, as float32.

    slots, positions [T]; starts [requests + 1], lengths [requests]: as serving engines pass them.
    """

    q: NDArray
    kv: NDArray
    slots: NDArray
    positions: NDArray
    starts: NDArray
    lengths: NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All inputs. table: pages of every request; cos_sin: the rotary table; sink: one score per head."""

    cache: NDArray
    table: NDArray
    cos_sin: NDArray
    sink: NDArray
    prefill: Step
    decode: tuple[Step, ...]


def problem(seed: int = 0) -> Problem:
    """The same numbers for every framework."""
    rng = np.random.default_rng(seed)
    longest = max(PROMPTS) + STEPS
    pages = -(-longest // PAGE)
    table = rng.permutation(len(PROMPTS) * pages).reshape(len(PROMPTS), pages).astype(np.int32)
    angle = np.arange(longest)[:, None] * 10000.0 ** (-np.arange(0, ROPE, 2) / ROPE)
    return Problem(
        cache=np.zeros((table.size, V4.page_stride(PAGE)), np.uint8),
        table=table,
        cos_sin=np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32),
        sink=rng.standard_normal(HEADS).astype(np.float32),
        prefill=_step(rng, table, [range(n) for n in PROMPTS]),
        decode=tuple(_step(rng, table, [range(n + i, n + i + 1) for n in PROMPTS]) for i in range(STEPS)),
    )


def _step(rng: np.random.Generator, table: NDArray, new: list[range]) -> Step:
    positions = np.concatenate([np.arange(span.start, span.stop) for span in new])
    request = np.repeat(np.arange(len(new)), [len(span) for span in new])
    tokens = len(positions)
    return Step(
        q=rng.standard_normal((tokens, HEADS, WIDTH), np.float32),
        kv=rng.standard_normal((tokens, WIDTH), np.float32),
        slots=(table[request, positions // PAGE] * PAGE + positions % PAGE).astype(np.int32),
        positions=positions.astype(np.int32),
        starts=np.concatenate([[0], np.cumsum([len(span) for span in new])]).astype(np.int32),
        lengths=np.array([span.stop for span in new], np.int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The cache in the end, and the outputs of the prefill and of every decode step, as float32."""

    cache: NDArray
    outputs: tuple[NDArray, ...]


def report(outcomes: Mapping[str, Outcome]) -> str:
    """Which results are bit-identical, and how far others are apart, in bfloat16 units of a row's largest output."""
    (name, one), *others = outcomes.items()
    lines = [f"{name}: prefill of {sum(PROMPTS)} tokens and {len(one.outputs) - 1} decode steps"]
    for other, outcome in others:
        same = np.array_equal(one.cache, outcome.cache)
        lines.append(f"{name} and {other}: caches {'are the same bytes' if same else 'DIFFER'}")
        for label, a, b in (
            ("prefill", one.outputs[0], outcome.outputs[0]),
            ("decode", np.stack(one.outputs[1:]), np.stack(outcome.outputs[1:])),
        ):
            unit = np.exp2(np.floor(np.log2(abs(a).max(-1, keepdims=True))) - 7)
            apart, equal = (abs(a - b) / unit).max(), np.mean(a == b)
            lines.append(f"  {label}: {equal:.3%} of the outputs equal, the others at most {apart:.2g} units apart")
    return "\n".join(lines)
