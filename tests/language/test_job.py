"""The job on a language model: both frameworks are as near to the oracle as formats allow, and faults are noticed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from checkpoints.checkpoint import Checkpoint
from parity.models.decoder import errors
from parity.models.decoder.errors import Logits, Values
from parity.models.decoder.operations import Recorder, repeated, smaller
from parity.models.decoder.runs import Traced, collected, served
from parity.models.decoder.texts import CHUNK, Conversation, Schedule, schedule
from parity.record.records import StepResult
from specs.decoder.oracle import Text, decoder_oracle
from specs.decoder.precision import CPU
from tests.language.tiny import CONFIG, checkpoint

FRAMEWORKS = ("torch", "jax")


def conversation(seed: int, prompt: int, answer: int) -> Conversation:
    ids = np.random.default_rng(seed).integers(0, CONFIG.vocab, prompt + answer)
    return Conversation(question=f"question {seed}", ids=tuple(map(int, ids)), prompt=prompt)


TEXTS = (conversation(0, 21, 5), conversation(1, 30, 12))


@cache
def oracle(rounded: bool) -> Values:
    model, precision = checkpoint(), CPU if rounded else None
    texts = [Text(ids=text.ids, precision=precision) for text in TEXTS]
    return Values.of(decoder_oracle(CONFIG, model.model(), model.layer, texts))


def plan() -> Schedule:
    return schedule(TEXTS, decodes=2)


def run(framework: str, model: Checkpoint, recorder: Recorder | None = None) -> tuple[Traced, ...]:
    own, steps = plan(), []
    device = served(framework, model, CPU, own.pages, "cpu")
    for index, batch in enumerate(own.batches):
        steps.append(device.step(batch, recorder.watch if recorder is not None and index == 1 else None))
    return collected(steps, own, len(TEXTS))


@cache
def torch_run() -> tuple[tuple[Traced, ...], Recorder]:
    """A run with its recorded operations, for the tests that look at either."""
    recorder = Recorder(stages=("embedding", "layer 1"))
    return run("torch", checkpoint(), recorder), recorder


def judged(framework: str, traces: tuple[Traced, ...]) -> list[StepResult]:
    return list(errors.judged("s", {framework: Values.of(traces)}, oracle(False), oracle(True)))


def test_steps_have_every_token_once_and_mix_prompts_with_decodes() -> None:
    own = plan()
    assert {len(batch.token_ids) for batch in own.batches} == {CHUNK}
    rows = [row for found in own.rows for row in found]
    assert sorted(rows) == [(index, at) for index, text in enumerate(TEXTS) for at in range(len(text.ids))]
    for batch, found in zip(own.batches, own.rows, strict=True):
        assert [TEXTS[index].ids[at] for index, at in found] == batch.token_ids[: len(found)].tolist()
        assert [at for _, at in found] == batch.positions[: len(found)].tolist()
    counts = [[sum(index == text for index, _ in found) for text in range(2)] for found in own.rows]
    assert counts == [[21, 19], [0, 11], [1, 1], [1, 1], [3, 10]]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_is_as_near_to_the_oracle_as_its_formats_allow(framework: str) -> None:
    found = judged(framework, torch_run()[0] if framework == "torch" else run(framework, checkpoint()))
    assert [step.stage for step in found] == list(errors.stage_names(CONFIG.layers))
    assert [step.reason for step in found if step.status != "passed"] == []


def test_a_window_of_one_key_too_many_is_noticed() -> None:
    found = judged("torch", run("torch", replace(checkpoint(), config=replace(CONFIG, windows=(6, None)))))
    assert [step.stage for step in found if step.status == "failed"] == ["layer 0", "layer 1", "logits"]
    assert all("the formats alone cost" in step.reason for step in found if step.status == "failed")


def test_every_operation_is_recorded_before_it_writes_and_repeated() -> None:
    recorder = torch_run()[1]
    names = [call.inputs.op.name for call in recorder.calls]
    layer = ["rms_norm", "gemm", "rms_norm", "rms_norm", "rotary_embedding", "kv_insert", "flash_attn_varlen"]
    assert names == ["embedding", *layer, "gemm", "rms_norm", "gemm", "act_and_mul", "gemm"]
    insert = recorder.calls[names.index("kv_insert")].inputs.arrays
    slots = insert["slot_mapping"][insert["slot_mapping"] >= 0]
    rows = insert["key_cache"].reshape(-1, CONFIG.kv_heads, CONFIG.head_dim)
    assert not rows[slots].any()  # what this call writes
    assert rows.any()  # what the step before it wrote
    found = list(repeated("s", [recorder.calls[names.index("act_and_mul")]], "cpu"))
    assert [(step.step, step.stage, step.pair) for step in found] == [
        ("act_and_mul", "layer 1", pair)
        for pair in ("torch:eager vs oracle", "jax:xla vs oracle", "torch:eager vs jax:xla")
    ]
    assert {step.status for step in found} == {"passed"}

    # Tables of the vocabulary are cut, other arrays are not.
    assert all(smaller(call.inputs) is call.inputs for call in recorder.calls)
    (name,) = (name for name, raw in recorder.calls[0].inputs.arrays.items() if raw.ndim == 2)
    tall = recorder.calls[0].inputs.replaced(**{name: np.zeros((5000, CONFIG.hidden), np.float32)})
    assert smaller(tall).arrays[name].shape == (4096, CONFIG.hidden)


def answer(exact: Any, **logits: Any) -> Any:
    """The tokens of a text of two, from logits [2, 3]."""
    text = Conversation(question="q", ids=(0, 0, 0), prompt=1)
    found = [Logits(framework=name, logits=np.array(x), tokens=np.argmax(x, -1)) for name, x in logits.items()]
    return errors.answer("s", text, np.array(exact), found, "abc".__getitem__)


def test_a_token_may_differ_in_a_tie_alone() -> None:
    exact = [[1.0, 0.875, 0.0], [1.0, 0.5, 0.0]]
    tie = answer(exact, torch=[[0.9375, 0.96875, 0.0], [1.0, 0.5, 0.0]], jax=exact)
    assert [token.verdict for token in tie.tokens] == ["tie", "equal"]
    assert tie.tokens[0].tied
    assert tie.tokens[0].errors == (0.0625 + 0.09375, 0.0)
    assert [step.status for step in errors.tokens_judged(tie)] == ["passed", "passed"]
    # A token that its logits do not give.
    text = Conversation(question="q", ids=(0, 0, 0), prompt=1)
    wrong = [Logits(framework="torch", logits=np.array(exact), tokens=np.array([0, 1]))]
    found = errors.answer("s", text, np.array(exact), wrong, "abc".__getitem__)
    assert [token.verdict for token in found.tokens] == ["equal", "differs"]
    (step,) = errors.tokens_judged(found)
    assert (step.status, step.reason) == ("failed", "position 2: 'b' for 'a', margin 0.5, error 0")


def test_a_text_has_to_be_the_oracles_own() -> None:
    text = Conversation(question="q", ids=(0, 2, 1), prompt=1)
    assert errors.greedy(text, np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).status == "passed"
    found = errors.greedy(text, np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 2.0]]))
    assert (found.status, found.reason) == ("failed", "token 1 of the answer is not the oracle's")
