"""How far whole runs are from the float64 oracle: layers, logits, and what that means for tokens.

Nothing can be derived for a whole model, so it is measured what its formats cost: the oracle with every result rounded
to them is off by so much, whoever computes. A framework may be off twice as far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from parity.models.decoder.runs import Traced
from parity.models.decoder.texts import Conversation
from parity.record.records import AnswerResult, Drift, StepResult, TokenResult
from specs.decoder.oracle import Trace

FACTOR: Final = 2.0
"""Error of a framework over that of the rounded oracle, at most."""
ORACLE, ROUNDED = "float64", "rounded float64"
LOGITS: Final = "logits"
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """Of all tokens of all conversations: stages, [T, hidden] after the embedding and every layer, then the logits."""

    stages: tuple[Array, ...]

    @classmethod
    def of(cls, traces: Sequence[Trace | Traced]) -> Values:
        """The conversations one after the other."""
        hidden = [np.concatenate(parts) for parts in zip(*(trace.hidden for trace in traces), strict=True)]
        return cls(stages=(*hidden, np.concatenate([trace.logits for trace in traces])))


def stage_names(layers: int) -> tuple[str, ...]:
    """Names of the stages of a model."""
    return ("embedding", *(f"layer {index}" for index in range(layers)), LOGITS)


def relative(one: Values, other: Values) -> tuple[float, ...]:
    """Relative error of every stage: root mean square of the tokens' own.

    Not of all elements together: in the middle layers a few elements of the first token are thousands of times larger
    than all others, and how they happen to be rounded would be the error.
    """
    return tuple(_relative(x, y) for x, y in zip(one.stages, other.stages, strict=True))


def _relative(x: Array, y: Array) -> float:
    wide = np.asarray(y, np.float64)
    own = np.linalg.norm(np.asarray(x, np.float64) - wide, axis=-1) / np.linalg.norm(wide, axis=-1)
    return float(np.sqrt(np.mean(own * own)))


def judged(scheme: str, runs: Mapping[str, Values], exact: Values, rounded: Values) -> Iterator[StepResult]:
    """Every stage of every run against the oracle; runs: by framework."""
    allowed = relative(rounded, exact)
    names = stage_names(len(exact.stages) - 2)
    for framework, run in runs.items():
        for stage, error, own, values in zip(names, relative(run, exact), allowed, exact.stages, strict=True):
            share = error / (FACTOR * own) if own else 0.0 if error == 0 else np.inf
            # NaN is no pass.
            passed = share <= 1
            reason = (
                f"relative error {error:.2g}; the formats alone cost {own:.2g}, and {FACTOR:g} times that is allowed"
            )
            yield StepResult(
                scheme=scheme,
                stage=stage,
                step=LOGITS if stage == LOGITS else "residual stream",
                shape="×".join(map(str, values.shape)),
                pair=f"{framework} vs oracle",
                status="passed" if passed else "failed",
                bound_share=share,
                reason="" if passed else reason,
            )


def drifts(scheme: str, runs: Mapping[str, Values], exact: Values, rounded: Values) -> Iterator[Drift]:
    """Relative errors stage by stage: frameworks and formats against the oracle, frameworks against each other."""
    for name, run in {**runs, ROUNDED: rounded}.items():
        yield Drift(scheme=scheme, pair=f"{name} vs {ORACLE}", errors=relative(run, exact))
    for one, other in combinations(runs, 2):
        yield Drift(scheme=scheme, pair=f"{one} vs {other}", errors=relative(runs[one], runs[other]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logits:
    """Of one framework for the tokens of an answer: logits [n, vocab], and the tokens that it takes of them, [n]."""

    framework: str
    logits: Array
    tokens: Array


def answer(
    scheme: str, text: Conversation, exact: Array, found: Sequence[Logits], name: Callable[[int], str]
) -> AnswerResult:
    """The tokens of an answer, one by one.

    Args:
        exact: the oracle's logits [n, vocab]. name: a token of the vocabulary as text.
    """
    errors = np.stack([_spread(np.asarray(one.logits, np.float64) - exact) for one in found], 1)
    top = np.partition(exact, -2, axis=-1)[:, -2:]
    expected = exact.argmax(-1)
    tokens = []
    for row, position in enumerate(text.answered):
        taken = [int(one.tokens[row]) for one in found]
        margin = float(top[row, 1] - top[row, 0])
        wrong = [error for token, error in zip(taken, errors[row], strict=True) if token != expected[row]]
        tokens.append(
            TokenResult(
                position=position + 1,
                text=name(int(expected[row])),
                margin=margin,
                errors=tuple(map(float, errors[row])),
                tokens=tuple(map(name, taken)),
                verdict="equal" if not wrong else "tie" if margin <= min(wrong) else "differs",
            )
        )
    return AnswerResult(
        scheme=scheme,
        question=text.question,
        implementations=tuple(one.framework for one in found),
        tokens=tuple(tokens),
    )


def _spread(off: Array) -> Array:
    """How far the difference of any two logits of a row is off, at most."""
    return np.asarray(off.max(-1) - off.min(-1))


def tokens_judged(found: AnswerResult) -> Iterator[StepResult]:
    """Every framework's tokens: they have to be the oracle's wherever the margin exceeds the error."""
    for index, framework in enumerate(found.implementations):
        wrong = [t for t in found.tokens if t.tokens[index] != t.text and not t.margin <= t.errors[index]]
        reason = "; ".join(
            f"position {t.position}: {t.tokens[index]!r} for {t.text!r}, margin {t.margin:.3g}, "
            f"error {t.errors[index]:.3g}"
            for t in wrong
        )
        yield StepResult(
            scheme=found.scheme,
            stage=LOGITS,
            step="tokens",
            shape=f"{len(found.tokens)} of {found.question!r}",
            pair=f"{framework} vs oracle",
            status="failed" if wrong else "passed",
            reason=reason,
        )


def greedy(text: Conversation, exact: Array) -> StepResult:
    """That the text goes on with the oracle's own tokens; exact: its logits of the answer, [n, vocab]."""
    own = np.asarray(text.ids[text.prompt :])
    wrong = np.flatnonzero(exact.argmax(-1) != own)
    return StepResult(
        scheme=ORACLE,
        stage=LOGITS,
        step="text",
        shape=f"{len(own)} of {text.question!r}",
        pair=f"{ORACLE} vs oracle",
        status="failed" if wrong.size else "passed",
        reason=f"token {wrong[0]} of the answer is not the oracle's" if wrong.size else "",
    )
