"""The record of a parity run, `RunRecord`, from which the table, the JSON file and the HTML page are
made.

Plain values only; `parity.record.json` is the border to JSON and checks what comes back. The text under a
field is its description in the JSON schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from parity.judge.verdict import RECORD_CONFIG, ErrorMap, Histogram, Verdict, Worst

Status = Literal["passed", "failed", "flushed", "unsupported", "not run"]
BytesVerdict = Literal["identical", "differs", "not applicable"]
DataKind = Literal["exact", "random", "real"]

STATUSES: Final[tuple[Status, ...]] = ("passed", "failed", "flushed", "unsupported", "not run")
"""In the order in which they are shown."""

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleMap:
    """Block scales of one operand as a small picture."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    title: str
    """Which operand, and of what size its scale array is."""
    rows: str
    """What the rows are, with their number in the operand."""
    columns: str
    """What the columns are, with their number in the operand."""
    log2: tuple[tuple[float | None, ...], ...]
    """log2 of the scale, row by row; None where a scale is zero, negative or not finite."""
    step: tuple[int, int] = (1, 1)
    """Scales per cell (rows, columns); the cell shows the largest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What a report draws for one case."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    histogram: Histogram | None = None
    """Distribution of the errors."""
    worst: tuple[Worst, ...] = ()
    """Elements with the largest errors, worst first."""
    scale_map: ScaleMap | None = None
    """Scales of the operand that decides the error."""
    error_map: ErrorMap | None = None
    """Where in the output elements are outside of the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One comparison of one case of one operation."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    op: str
    """Public name of the operation."""
    case: str
    """Name of the case in the specification."""
    pair: str
    """What was compared, such as "torch:eager vs jax:xla" or "torch:eager vs oracle"."""
    shape: str
    """Sizes of the axes, such as "M=67 N=4096 K=7168"."""
    formats: str
    """Element and scale formats, such as "e4m3 x e4m3 + f32[128x128] -> bf16"."""
    data: DataKind
    """Coarse grid on which every order of summation is exact, random numbers, or a model's own tensors."""
    status: Status
    """Outcome; a case that has not run is never "passed"."""
    bit_identical: BytesVerdict = "not applicable"
    """Whether exact data gave the same bytes on both sides."""
    max_ulp: float | None = None
    """Largest distance in steps of the output format."""
    bound: str = ""
    """The bound as a formula."""
    derivation: str = ""
    """Where each term of the bound comes from."""
    bound_share: float | None = None
    """max(error / bound)."""
    flushed: int = 0
    """Elements outside the bound because the platform takes subnormal numbers for zero."""
    reason: str = ""
    """Why the case failed, was flushed, is unsupported or did not run."""
    pictures: Pictures = Pictures()
    """What a report draws."""
    seed: int | None = None
    """Seed from which the inputs follow, together with the names of operation, case and data."""
    seconds: float | None = None
    """Wall time of both sides and the comparison, in seconds."""
    repeat: str = ""
    """Command that makes this comparison again, on the same inputs; only where it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device the project supports, and whether this run used it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    name: str
    """Name of the device."""
    implementations: str
    """Implementations for the device."""
    status: Literal["ran", "not run"]
    """Whether any case of this run was executed on it."""
    reason: str = ""
    """Why it was not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearResult:
    """One linear layer of a model under one quantisation scheme."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """Name of the quantisation scheme."""
    layer: int
    """Index of the transformer layer."""
    linear: str
    """Name of the linear within its layer."""
    shape: str
    """Sizes of the axes."""
    pair: str
    """What was compared."""
    status: Status
    """Outcome."""
    bound_share: float | None = None
    """max(error / bound)."""
    max_ulp: float | None = None
    """Largest distance in steps of the output format."""
    reason: str = ""
    """Why the layer failed or did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One operation of a whole model, run on the same bytes by both sides."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """Name of the quantisation scheme of the linears."""
    stage: str
    """Where in the model, such as "embeddings" or "layer 3"; one of the stages of the section."""
    step: str
    """Name of the operation within the stage."""
    shape: str
    """Sizes of the axes, or of the result."""
    pair: str
    """What was compared."""
    status: Status
    """Outcome."""
    same_operands: bool | None = None
    """Whether activations were quantised to the same bytes; null for operations other than linears."""
    equal: float | None = None
    """Share of the elements of the result that are the same bytes; null against the oracle."""
    bound_share: float | None = None
    """max(error / bound)."""
    max_ulp: float | None = None
    """Largest distance in steps of the output format."""
    reason: str = ""
    """Why the operation failed or did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far two runs of a whole model are apart, each going on with its own results."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """Name of the quantisation scheme of the linears."""
    pair: str
    """What was compared, such as "torch:eager vs float32" or "torch:eager vs jax:xla"."""
    errors: tuple[float, ...]
    """|x - y| / |y| over all tokens (Frobenius norms), one for each stage of the section; of the last one over all
    sentences. Of language models the root mean square of the tokens' own |x - y| / |y|.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceCosines:
    """Cosine of the angle between each sentence's embedding and the float32 model's."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """Name of the quantisation scheme of the linears."""
    implementation: str
    """What computed it, such as "torch:eager"."""
    values: tuple[float, ...]
    """One per sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """Cosine similarities between the embeddings of a model's sentences under one scheme."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """Name of the scheme; the first table of a section is the float32 reference."""
    implementation: str
    """What computed it, such as "torch:eager"."""
    values: tuple[tuple[float, ...], ...]
    """Symmetric matrix, one row per sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResult:
    """One token of an answer: what every implementation would say there, after the same tokens."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    position: int
    """Of the token in its request."""
    text: str
    """The token that the oracle's logits are largest for, which the text goes on with."""
    margin: float
    """Largest minus second largest logit of the oracle."""
    errors: tuple[float, ...]
    """Per implementation: how far the difference of any two of its logits is off, at most. An error below the margin
    cannot change the token.
    """
    tokens: tuple[str, ...]
    """Per implementation: the token that it takes at temperature 0."""
    verdict: Literal["equal", "tie", "differs"]
    """Whether all take the oracle's; "tie" where one does not and its error is not below the margin."""

    @property
    def tied(self) -> bool:
        """Whether the margin does not exceed the errors, so that either token is right."""
        return self.margin <= max(self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerResult:
    """The answer of a language model to one question, token by token."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    scheme: str
    """In which formats the model ran."""
    question: str
    """What was asked."""
    implementations: tuple[str, ...]
    """What computed it, in the order of `TokenResult.errors`."""
    tokens: tuple[TokenResult, ...]
    """In the order of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """What quantisation does to one real model."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    name: str
    """Name of the checkpoint."""
    note: str = ""
    """What was run, and on what."""
    sentences: tuple[str, ...] = ()
    """Inputs whose embeddings are compared."""
    linears: tuple[LinearResult, ...] = ()
    """Every quantised linear under every scheme."""
    similarities: tuple[Similarity, ...] = ()
    """The float32 reference first, then one table per scheme and implementation."""
    stages: tuple[str, ...] = ()
    """Parts of the model in the order in which they run."""
    cosines: tuple[SentenceCosines, ...] = ()
    """One per scheme and implementation."""
    drifts: tuple[Drift, ...] = ()
    """Per scheme: every implementation against the float32 model, then implementations against each other."""
    steps: tuple[StepResult, ...] = ()
    """Every operation of every stage on the same bytes; of language models also hidden states, logits and draws."""
    answers: tuple[AnswerResult, ...] = ()
    """Of language models: one per scheme and question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything one run found, and how to repeat it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    started: str
    """Start of the run, ISO 8601 with time zone."""
    command: str
    """Command line."""
    seed: int
    """Seed of the run: that of every case."""
    seconds: float
    """Wall time of the run, in seconds."""
    environment: dict[str, str]
    """Machine, operating system, devices, drivers."""
    versions: dict[str, str]
    """Versions of the interpreter and the packages that compute."""
    spec_hashes: dict[str, str]
    """Hash of each specification used, by operation."""
    devices: tuple[Device, ...] = ()
    """Every supported device, also those that were not there."""
    results: tuple[CaseResult, ...] = ()
    """In the order in which the cases ran."""
    models: tuple[ModelSection, ...] = ()
    """Real models, if any were run."""
    interrupted: bool = False
    """Whether the user ended the run before everything had run."""
    schema_version: int = SCHEMA_VERSION
    """Version of this layout."""

    def __post_init__(self) -> None:
        for name in ("environment", "versions", "spec_hashes"):
            # Same content, same file, whatever the order in which it was collected.
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    @property
    def counts(self) -> dict[Status, int]:
        """Number of cases by status, every status present."""
        return count(self.results)

    @property
    def by_op(self) -> dict[str, tuple[CaseResult, ...]]:
        """Cases by operation, both in the order in which they ran."""
        ops = dict.fromkeys(result.op for result in self.results)
        return {op: tuple(result for result in self.results if result.op == op) for op in ops}


def count(results: Iterable[CaseResult | LinearResult | StepResult]) -> dict[Status, int]:
    """Number of results by status, every status present, in the order of `STATUSES`."""
    found = Counter(result.status for result in results)
    return {status: found[status] for status in STATUSES}


def judged(
    verdict: Verdict,
    *,
    op: str,
    case: str,
    pair: str,
    shape: str,
    formats: str,
    data: DataKind,
    bound: str = "",
    derivation: str = "",
    scale_map: ScaleMap | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    repeat: str = "",
) -> CaseResult:
    """The result of a case that ran, from its verdict."""
    identical: BytesVerdict = "not applicable"
    if data == "exact" and verdict.comparison == "exact":
        identical = "identical" if verdict.passed else "differs"
    return CaseResult(
        op=op,
        case=case,
        pair=pair,
        shape=shape,
        formats=formats,
        data=data,
        status=verdict.status,
        bit_identical=identical,
        max_ulp=verdict.max_ulp,
        bound=bound,
        derivation=derivation,
        bound_share=verdict.bound_share,
        flushed=verdict.flushed,
        reason="" if verdict.passed else verdict.message.removeprefix(f"{verdict.status}: "),
        pictures=Pictures(
            histogram=verdict.histogram, worst=verdict.worst, scale_map=scale_map, error_map=verdict.error_map
        ),
        seed=seed,
        seconds=seconds,
        repeat="" if verdict.passed else repeat,
    )
