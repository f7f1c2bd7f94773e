"""Results of the job: one outcome per linear and comparison, and tables of cosines."""

from __future__ import annotations

from dataclasses import dataclass

from parity.models.minilm.assets import CHECKPOINT
from parity.record.records import Drift, LinearResult, ModelSection, SentenceCosines, Similarity, Status, StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearOutcome:
    """One linear (or, in the whole encoder, one operation) under one scheme, one implementation against the oracle or
    against another implementation.

    pair: such as "torch:eager vs oracle". shape: sizes of the axes.
    same_operands: whether both sides have the same bytes as operands of the activation; None if one did not run.
    same_results: whether both sides have the same bytes as result; None as above, and against the oracle.
    equal: share of the elements of the result that are the same bytes; None as above.
    max_ulp, bound_share: of the result; None if one side did not run.
    """

    scheme: str
    layer: int
    linear: str
    shape: str
    pair: str
    status: Status
    same_operands: bool | None = None
    same_results: bool | None = None
    equal: float | None = None
    max_ulp: float | None = None
    bound_share: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What the job found.

    linears: every linear on the float32 model's activations; `layer` counts from 0.
    steps: every operation of the whole encoder on one framework's running activations; `layer` is the stage.
    similarities: float32 first.
    cosines, drifts: of whole runs, see `parity.record.records`.
    seconds: wall time.
    """

    sentences: tuple[str, ...]
    tokens: int
    layers: int
    linears: tuple[LinearOutcome, ...]
    steps: tuple[LinearOutcome, ...]
    similarities: tuple[Similarity, ...]
    cosines: tuple[SentenceCosines, ...]
    drifts: tuple[Drift, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every comparison ran and passed."""
        return all(outcome.status == "passed" for outcome in (*self.linears, *self.steps))

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages."""
        return ("embeddings", *(f"layer {index}" for index in range(self.layers)), "pooling")

    def section(self) -> ModelSection:
        """The part of a run record that reports are made from."""
        names = ("scheme", "layer", "linear", "shape", "pair", "status", "bound_share", "max_ulp", "reason")
        linears = [LinearResult(**{name: getattr(outcome, name) for name in names}) for outcome in self.linears]
        tokens = f"{len(self.sentences)} sentences, {self.tokens} tokens, packed without padding."
        return ModelSection(
            name=CHECKPOINT,
            note=f"{tokens} Same bytes: {self._same()}.",
            sentences=self.sentences,
            linears=tuple(linears),
            similarities=self.similarities,
            stages=self.stages,
            cosines=self.cosines,
            drifts=self.drifts,
            steps=tuple(self._step(outcome) for outcome in self.steps),
        )

    def _step(self, outcome: LinearOutcome) -> StepResult:
        names = ("scheme", "shape", "pair", "status", "equal", "bound_share", "max_ulp", "reason")
        facts = {name: getattr(outcome, name) for name in names}
        quantised = outcome.same_operands if outcome.shape.startswith("M=") else None
        return StepResult(stage=self.stages[outcome.layer], step=outcome.linear, same_operands=quantised, **facts)

    def _same(self) -> str:
        """How often both sides had the same bytes."""
        operands = [outcome.same_operands for outcome in self.linears if outcome.same_operands is not None]
        results = [outcome.same_results for outcome in self.linears if outcome.same_results is not None]
        return (
            f"operands of activations in {sum(operands)} of {len(operands)} comparisons, "
            f"results in {sum(results)} of {len(results)} between implementations"
        )
