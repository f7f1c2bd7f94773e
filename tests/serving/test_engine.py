"""The engine: the same tokens for a request alone, in a batch, in chunks, after preemption and from cached pages."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from jax_impl.serving.engine import Engine
from jax_impl.serving.model import Model
from jax_impl.serving.programs import CompiledTooLate
from jax_impl.serving.request import FinishReason, SamplingParams
from tests.decoder.models import logits
from tests.serving.tiny import LENGTH, PAGE, engine, model

RANDOM = np.random.default_rng(5)
PROMPTS = [RANDOM.integers(0, 96, count).tolist() for count in (3, 17, 30, 9)]
GREEDY = SamplingParams(max_tokens=12, temperature=0.0)


@pytest.fixture(scope="module")
def alone() -> list[list[int]]:
    """Every prompt by itself, in invariant mode."""
    return [engine(model=model(invariant=True)).generate([prompt], GREEDY)[0] for prompt in PROMPTS]


def test_tokens_are_the_most_likely_ones_of_transformers() -> None:
    prompt = PROMPTS[1]
    found = engine().generate([prompt], GREEDY)[0]
    expected = logits("llama3", prompt + found)
    for index, token in enumerate(found):
        row = expected[len(prompt) - 1 + index]
        # float16 caches move logits in the third digit; a tie within that may fall either way.
        assert row[token] >= row.max() - 0.01 * np.abs(row).max()


def check(one: Engine, expected: list[list[int]]) -> None:
    assert one.generate(PROMPTS, GREEDY) == expected
    assert one.scheduler.pool.free == one.scheduler.pool.pages


def test_a_batch_changes_no_token(alone: list[list[int]]) -> None:
    check(engine(model=model(invariant=True)), alone)


def test_chunks_change_no_token(alone: list[list[int]]) -> None:
    check(engine(model=model(invariant=True), tokens=5), alone)


def test_preemption_changes_no_token(alone: list[list[int]]) -> None:
    one = engine(model=model(invariant=True), pages=LENGTH // PAGE)
    check(one, alone)
    assert one.scheduler.preemptions > 0


def test_neither_does_any_of_it_with_the_blocks_of_gguf_files() -> None:
    def one() -> Engine:
        return engine(model=model(invariant=True, gguf=True), tokens=16, pages=LENGTH // PAGE)

    expected, together = [one().generate([prompt], GREEDY)[0] for prompt in PROMPTS], one()
    check(together, expected)
    assert together.scheduler.preemptions > 0
    assert max(map(len, PROMPTS)) > together.settings.limits.tokens  # in chunks


def test_cached_pages_change_no_token(alone: list[list[int]]) -> None:
    one = engine(model=model(invariant=True))
    check(one, alone)
    check(one, alone)
    assert one.scheduler.cached_tokens > 0


def test_one_program_and_one_per_layer_agree(alone: list[list[int]]) -> None:
    check(engine(model=model(invariant=True), layerwise=False), alone)


def test_after_warm_up_nothing_is_compiled() -> None:
    one = engine(requests=2, tokens=32)
    buckets = [bucket for bucket in one.programs.buckets.all() if not bucket.general]
    one.programs.warm(buckets, threads=1)
    with one.programs.forbid_compiles():
        one.generate(PROMPTS, GREEDY)
    assert one.programs.late == 0


def test_a_size_that_warm_up_forgot_is_an_error() -> None:
    one = engine()
    with one.programs.forbid_compiles(), pytest.raises(CompiledTooLate, match="no program for Bucket"):
        one.generate(PROMPTS, GREEDY)


def test_an_aborted_request_gives_its_pages_back() -> None:
    one = engine()
    one.add("a", PROMPTS[0], SamplingParams(max_tokens=60, temperature=0.0))
    for _ in range(5):
        one.step()
    one.abort("a")
    one.abort("a")
    while one.busy:
        assert one.step() == []
    assert one.scheduler.pool.free == one.scheduler.pool.pages


def poisoned(avoid: list[list[int]]) -> tuple[int, Model]:
    """A token that is in none of the requests, and a model whose embedding of it is NaN."""
    poison = next(token for token in range(96) if all(token not in tokens for tokens in avoid))
    sound = model(invariant=True)
    table = sound.weights.model["embedding"]
    broken = {**sound.weights.model, "embedding": replace(table, values=table.values.at[poison].set(jnp.nan))}
    return poison, replace(sound, weights=replace(sound.weights, model=broken))


def test_logits_that_are_no_numbers_end_their_request_alone(alone: list[list[int]]) -> None:
    poison, broken = poisoned([*PROMPTS, *alone])
    one = engine(model=broken, requests=5)
    one.add("poisoned", [1, poison, 2], GREEDY)
    for index, prompt in enumerate(PROMPTS):
        one.add(str(index), prompt, GREEDY)
    found: dict[str, list[int]] = {str(index): [] for index in range(len(PROMPTS))}
    errors = {}
    while one.busy:
        for output in one.step():
            if output.error is None:
                found[output.request] += output.tokens
            else:
                errors[output.request] = (output.finished, output.error)
    assert errors == {"poisoned": (FinishReason.ERROR, "the model's logits are not numbers (NaN)")}
    assert list(found.values()) == alone
    assert one.scheduler.pool.free == one.scheduler.pool.pages


def test_pages_full_of_nan_poison_no_later_request(alone: list[list[int]]) -> None:
    poison, broken = poisoned([*PROMPTS, *alone])
    one = engine(model=broken, pages=LENGTH // PAGE)
    one.add("poisoned", [poison] * (LENGTH - 1), GREEDY)  # every page of the pool
    outputs = []
    while one.busy:
        outputs += one.step()
    assert [output.finished for output in outputs] == [FinishReason.ERROR]
    keys = np.asarray(one._caches[0].keys, np.float32)
    assert np.isnan(keys).any((1, 2, 3)).all()
    check(one, alone)


def test_stop_texts_and_lengths_end_requests() -> None:
    one = engine()
    text = "".join(map(chr, (32 + token for token in one.generate([PROMPTS[0]], GREEDY)[0])))
    one.add("a", PROMPTS[0], SamplingParams(max_tokens=12, temperature=0.0, stop=(text[4:6],)))
    found, reasons = "", []
    while one.busy:
        for output in one.step():
            found += output.text
            reasons += [output.finished] if output.finished else []
    assert found == text[: text.index(text[4:6])]
    assert reasons == [FinishReason.STOP]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [([1, 96], r"prompt\[1\]: expected a token from 0 to 95; got 96"), ([], "expected at least one token; got none")],
)
def test_bad_prompts_are_refused(prompt: list[int], message: str) -> None:
    one = engine()
    with pytest.raises(ValueError, match=message):
        one.add("a", prompt, GREEDY)
    assert not one.busy
