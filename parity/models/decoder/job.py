"""The job: SmolLM2-135M on two questions and their answers, in both frameworks, against the float64 oracle.

1. The oracle on the texts, in float64 and with every result rounded to the formats of each scheme.
2. Both frameworks under every scheme, the same steps over the same batches: the residual stream after every layer, and
   the logits, may be off twice as far as the formats cost. The tokens of the answers have to be the oracle's wherever
   its margin exceeds the error; elsewhere they are ties.
3. Every operation of the first and the last layer, of the embedding and of the head, on the bytes that one framework
   had there: within the bound of the operation.
4. Tokens drawn from the oracle's logits under several seeds: the same in both frameworks and in the oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from checkpoints.checkpoint import Checkpoint
from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from parity.judge.frameworks import FRAMEWORKS
from parity.models.decoder import errors
from parity.models.decoder.draws import draws
from parity.models.decoder.errors import Logits, Values
from parity.models.decoder.operations import Recorder, repeated
from parity.models.decoder.runs import Served, Traced, collected, served
from parity.models.decoder.texts import DECODES, Conversation, Schedule, conversations, schedule
from parity.models.minilm.engines import thread_limit
from parity.record.records import AnswerResult, Drift, ModelSection, StepResult
from specs.decoder.oracle import Text, Trace, decoder_oracle
from specs.decoder.precision import CPU, DEVICE, Precision
from specs.lang.errors import Unsupported

MODEL: Final = "smollm2"
DRAWN: Final = 6
"""Rows of logits that tokens are drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How the model is run. decodes: steps with one token per request; without them a text is one step."""

    name: str
    title: str
    precision: Precision
    decodes: int


SCHEMES: Final = (
    Scheme(
        name="f32",
        title="weights decoded to float32, keys and values float16, as a CPU serves it",
        precision=CPU,
        decodes=DECODES,
    ),
    Scheme(
        name="gguf",
        title="weights as the file has them, all else bfloat16, as a GPU serves it",
        precision=DEVICE,
        decodes=0,
    ),
)


@dataclass(slots=True, kw_only=True)
class _Found:
    """What has been found so far."""

    steps: list[StepResult] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
    answers: list[AnswerResult] = field(default_factory=list)


def check_installed() -> None:
    """Raises Unsupported where the model is not installed, with the command that installs it."""
    try:
        model_path(MODEL)
    except FileNotFoundError as error:
        raise Unsupported(f"the model {MODEL}", str(error)) from None


def run(
    *,
    device: str = "cpu",
    schemes: Sequence[Scheme] = SCHEMES,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[str], None] | None = None,
) -> ModelSection:
    """Runs the job; frameworks run what they choose for the device, as servers do.

    Args:
        checkpoint: the model; None: the installed one.

    Raises:
        Unsupported: the model or a framework is not installed, or a framework does not see the device.
    """
    say = progress or (lambda _text: None)
    if checkpoint is None:
        check_installed()
        checkpoint = open_checkpoint(model_path(MODEL))
    texts, found = conversations(checkpoint), _Found()
    say(f"{MODEL}: the float64 oracle")
    plain = checkpoint.decoded()
    exact, rounded = _oracle(plain, texts, [scheme.precision for scheme in schemes])
    own = [trace.logits[text.answered.start : text.answered.stop] for trace, text in zip(exact, texts, strict=True)]
    found.steps += [errors.greedy(text, logits) for text, logits in zip(texts, own, strict=True)]
    with thread_limit([f"{framework}:" for framework in FRAMEWORKS]):
        for scheme, formats in zip(schemes, rounded, strict=True):
            say(f"{MODEL}, {scheme.name}: the whole model")
            given = plain if scheme.precision.decode else checkpoint
            _scheme(found, scheme, given, texts, Values.of(exact), Values.of(formats), own, device, say)
        say(f"{MODEL}: draws")
        logits = np.concatenate(own)[:DRAWN].astype(np.float32)
        positions = np.concatenate([np.arange(t.prompt, len(t.ids)) for t in texts])[:DRAWN].astype(np.int32)
        found.steps += draws("given logits", logits, positions, device)
    tokens = sum(len(text.ids) for text in texts)
    return ModelSection(
        name=checkpoint.name,
        note=f"{len(texts)} conversations, {tokens} tokens. {'; '.join(f'{s.name}: {s.title}' for s in schemes)}.",
        stages=errors.stage_names(checkpoint.config.layers),
        steps=tuple(found.steps),
        drifts=tuple(found.drifts),
        answers=tuple(found.answers),
    )


def _oracle(
    checkpoint: Checkpoint, texts: Sequence[Conversation], precisions: Sequence[Precision]
) -> tuple[tuple[Trace, ...], list[tuple[Trace, ...]]]:
    """Traces of the texts in float64, and rounded to every precision."""
    wanted = [Text(ids=text.ids, precision=one) for one in (None, *precisions) for text in texts]
    traces = decoder_oracle(checkpoint.config, checkpoint.model(), checkpoint.layer, wanted)
    groups = [traces[start : start + len(texts)] for start in range(0, len(traces), len(texts))]
    return groups[0], groups[1:]


def _scheme(
    found: _Found,
    scheme: Scheme,
    checkpoint: Checkpoint,
    texts: Sequence[Conversation],
    exact: Values,
    rounded: Values,
    own: Sequence[np.ndarray],
    device: str,
    say: Callable[[str], None],
) -> None:
    """Steps 2 and 3 for one scheme; own: the oracle's logits of every answer."""
    recorder = Recorder(stages=("embedding", "layer 0", f"layer {checkpoint.config.layers - 1}", "logits"))
    plan = schedule(texts, decodes=scheme.decodes)
    runs = {}
    for framework in FRAMEWORKS:
        model = served(framework, checkpoint, scheme.precision, plan.pages, device)
        runs[framework] = _run(model, plan, texts, recorder if framework == "torch" else None)
    values = {framework: Values.of(traces) for framework, traces in runs.items()}
    found.steps += errors.judged(scheme.name, values, exact, rounded)
    found.drifts += errors.drifts(scheme.name, values, exact, rounded)
    for index, text in enumerate(texts):
        rows = slice(text.answered.start, text.answered.stop)
        logits = [(framework, traces[index].logits[rows]) for framework, traces in runs.items()]
        answers = [Logits(framework=name, logits=x, tokens=x.argmax(-1)) for name, x in logits]
        result = errors.answer(scheme.name, text, own[index], answers, checkpoint.tokenizer.token)
        found.steps += errors.tokens_judged(result)
        found.answers.append(result)
    say(f"{MODEL}, {scheme.name}: every operation")
    found.steps += repeated(scheme.name, recorder.calls, device)


def _run(model: Served, plan: Schedule, texts: Sequence[Conversation], recorder: Recorder | None) -> tuple[Traced, ...]:
    """All steps; operations of the second one are recorded, or of the only one."""
    steps = []
    for index, batch in enumerate(plan.batches):
        watched = index == min(1, len(plan.batches) - 1)
        steps.append(model.step(batch, recorder.watch if recorder is not None and watched else None))
    return collected(steps, plan, len(texts))
