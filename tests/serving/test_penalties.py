"""Penalties in the engine: the tokens that numpy chooses, alone, in a batch, and in steps that are drawn at random."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from jax_impl.serving.engine import Engine
from jax_impl.serving.request import SamplingParams
from tests.decoder.models import logits
from tests.serving.tiny import LENGTH, PAGE, engine, model

RANDOM = np.random.default_rng(11)
PROMPTS = [RANDOM.integers(0, 96, count).tolist() for count in (5, 23, 11)]
PLAIN: Final = SamplingParams(max_tokens=14, temperature=0.0)
PENALTIES: Final = (
    replace(PLAIN, repetition_penalty=1.6),
    replace(PLAIN, frequency_penalty=0.9, presence_penalty=-0.4),
    replace(PLAIN, repetition_penalty=0.8, presence_penalty=1.5, frequency_penalty=0.3),
)
REQUESTS = list(zip(PROMPTS, PENALTIES, strict=True))


def small() -> Engine:
    """An engine with pages for one long request: several at once are preempted."""
    return engine(model=model(invariant=True), pages=LENGTH // PAGE)


def serve(given: list[tuple[list[int], SamplingParams]]) -> list[list[int]]:
    """Tokens of requests that are served together."""
    one = small()
    found: dict[str, list[int]] = {str(index): [] for index in range(len(given))}
    for index, (prompt, params) in enumerate(given):
        one.add(str(index), prompt, params)
    while one.busy:
        for output in one.step():
            found[output.request] += output.tokens
    return list(found.values())


def penalised(logits: Any, prompt: list[int], output: list[int], params: SamplingParams) -> Any:
    """Float32 logits under penalties, by their definition."""
    row = np.array(logits, np.float32)
    for token in {*prompt, *output}:
        count = output.count(token)
        factor = np.float32(params.repetition_penalty)
        row[token] = row[token] / factor if row[token] > 0 else row[token] * factor
        row[token] -= np.float32(params.frequency_penalty) * np.float32(count)
        row[token] -= np.float32(params.presence_penalty if count else 0)
    return row


@pytest.fixture(scope="module")
def alone() -> list[list[int]]:
    """Every request by itself."""
    return [serve([request])[0] for request in REQUESTS]


def test_tokens_are_those_of_the_definition(alone: list[list[int]]) -> None:
    for (prompt, params), output in zip(REQUESTS, alone, strict=True):
        rows = logits("llama3", prompt + output)[len(prompt) - 1 :]
        for index, token in enumerate(output):
            row = penalised(rows[index], prompt, output[:index], params)
            # float16 caches move logits in the third digit; a tie within that may fall either way.
            assert row[token] >= row.max() - 0.01 * np.abs(row).max()


def test_every_penalty_changes_tokens(alone: list[list[int]]) -> None:
    plain = serve([(prompt, PLAIN) for prompt, _ in REQUESTS])
    assert all(one != other for one, other in zip(plain, alone, strict=True))


def test_a_batch_and_preemption_change_no_token(alone: list[list[int]]) -> None:
    """Beside a request without penalties, whose tokens the others' do not change either."""
    given = [*REQUESTS, (REQUESTS[0][0], PLAIN)]
    assert serve(given) == [*alone, serve(given[-1:])[0]]


def test_draws_and_logprobs_go_with_penalties() -> None:
    """Equal draws alone and in a batch; logprobs are the model's own, whatever the penalties."""
    drawn = [(prompt, replace(params, temperature=0.9, seed=3, logprobs=2)) for prompt, params in REQUESTS]
    assert serve(drawn) == [serve([request])[0] for request in drawn]
    (prompt, params), found = REQUESTS[0], []
    for one in (params, PLAIN):
        server = small()
        server.add("a", prompt, replace(one, logprobs=1, max_tokens=1))
        while server.busy:
            found += [output.logprobs for output in server.step()]
    own, plain = found
    assert own is not None
    assert plain is not None
    assert own.top == plain.top
