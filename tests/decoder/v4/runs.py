"""Steps of the tiny DeepSeek-V4, and how far a model is from transformers in every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from specs.decoder.groups import NO_PAGE, GroupedRequest
from specs.decoder.v4.batch import PAGE_TOKENS, V4StepBatch, groups, step_batch
from specs.decoder.v4.caches import cache_groups
from tests.decoder.v4.frameworks import Array
from tests.decoder.v4.models import checkpoint
from tests.decoder.v4.reference import Prompts, transformers_run

ENDS: Final = {135: (84, 66, 52), 41: (0, 64, 80)}
"""Tokens of the decodes, whose last chosen entry and the next one differ by 0.4 or more of the scores' deviation: where
they tie within the errors of FP8, the choice differs, and with it all of the result."""
PROMPTS: Final[Prompts] = tuple(
    (*np.random.default_rng(n + 3).integers(0, 96, n + 3).tolist()[:n], *end) for n, end in ENDS.items()
)
DECODES: Final = ((0, 1), (1, 1))
PLAN: Final = (((0, 38),), ((0, 28),), ((0, 1), (1, 38)), ((0, 38),), ((0, 30), (1, 3)), DECODES, DECODES, DECODES)
"""Steps of (request, number of its tokens): borders inside windows of 4 and of 128 tokens, a prompt in a step with a
decode, decodes that complete an entry, and decodes that see more entries than the indexer chooses."""
LONGEST: Final = 192
SIZES: Final = {"tokens": 42, "decodes": 2, "prefills": 2, "longest": LONGEST, "longest_chunk": 38}
"""What all steps are padded to, so that they are one program."""
PAGES: Final = {group: len(PROMPTS) * -(-LONGEST // size) for group, size in PAGE_TOKENS.items()}

STEPS: Final = {False: len(PLAN), True: 3}
"""How many steps a model takes whose weights are dense, and one with quantised weights."""
FIRST_DECODES: Final = PLAN.index(DECODES)


def sizes(number: int, *, lean: bool) -> Mapping[str, int]:
    """What a step is padded to; lean: steps of decodes alone are not padded, which is faster operation by operation."""
    return {} if lean and PLAN[number] == DECODES else SIZES


def batches(*, lean: bool = False) -> list[V4StepBatch]:
    """The arrays of every step, on pages in no order; pages of window groups are let go when no token needs them."""
    ratios, computed, found = checkpoint().config.ratios, [0] * len(PROMPTS), []
    rng = np.random.default_rng(1)
    owned = {group: rng.permutation(PAGES[group]).reshape(len(PROMPTS), -1) for group in groups(ratios)}
    for number, step in enumerate(PLAN):
        requests = []
        for request, count in step:
            start = computed[request]
            mine = {group: owned[group][request].tolist() for group in owned}
            for group in cache_groups(ratios, checkpoint().config.window):
                gone = group.first_page(start)
                mine[group.name][:gone] = [NO_PAGE] * gone
            requests.append(GroupedRequest(computed=start, tokens=PROMPTS[request][start : start + count], pages=mine))
            computed[request] += count
        found.append(step_batch(requests, ratios, **sizes(number, lean=lean)))
    return found


def rows(number: int) -> dict[int, tuple[slice, slice]]:
    """By request of a step: its tokens in the prompt, and its rows in the step's arrays."""
    done = {request: sum(n for step in PLAN[:number] for r, n in step if r == request) for request, _ in PLAN[number]}
    # Lean steps have as many rows for decodes as the padded ones: no step of decodes alone has fewer than two.
    found, decoded, at = {}, 0, SIZES["decodes"]
    for request, count in PLAN[number]:
        first = decoded if count == 1 else at
        decoded, at = (decoded + 1, at) if count == 1 else (decoded, at + count)
        found[request] = slice(done[request], done[request] + count), slice(first, first + count)
    return found


def rms(x: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.square(x).mean()))


@cache
def errors(*, quantised: bool) -> dict[int, list[float]]:
    """Of transformers in 16 bits, from float64: by request, after every layer and of logits."""
    taken = {r: sum(n for step in PLAN[: STEPS[quantised]] for r_, n in step if r_ == r) for r in range(len(PROMPTS))}
    exact = transformers_run(PROMPTS, exact=True)
    measure = transformers_run(
        tuple(ids[: taken[request]] for request, ids in enumerate(PROMPTS)), exact=False, quantised=quantised
    )
    return {
        request: [rms(one - right[: len(one)]) for one, right in zip(measure[request], exact[request], strict=True)]
        for request in taken
    }


def shares(number: int, seen: Sequence[Array], *, quantised: bool = False) -> Mapping[str, float]:
    """Errors of a step, over twice that of transformers in 16 bits in the same request: by request and layer."""
    exact, found = transformers_run(PROMPTS, exact=True), {}
    for request, (tokens, own) in rows(number).items():
        for layer, (ours, right, error) in enumerate(
            zip(seen, exact[request], errors(quantised=quantised)[request], strict=True)
        ):
            name = "logits" if layer == len(seen) - 1 else f"streams after layer {layer}"
            share = rms(ours[own] - right[tokens])
            found[f"step {number}, request {request}, {name}"] = share / (2 * error) if error else float(share > 0)
    return found
