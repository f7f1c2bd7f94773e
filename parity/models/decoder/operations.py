"""Every operation of some layers on the bytes that it had there: recorded in torch, repeated in both frameworks.

So a difference is caused by the operation itself. Each framework takes its first choice for the device, as servers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from parity.judge.frameworks import FRAMEWORKS, first_choice
from parity.judge.inputs import Inputs
from parity.judge.runner import run_inputs
from parity.record.records import CaseResult, StepResult
from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Case

if TYPE_CHECKING:
    pass

ROWS: Final = 4
"""Rows of the product with the head that are compared, which could be one per request."""
TOKENS: Final = 4096
"""Tokens of the vocabulary that are compared: tables have a row for each, most of which nothing looks at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """One call. stage: where in the model it was made."""

    stage: str
    inputs: Inputs


@dataclass(slots=True, kw_only=True, eq=False)
class Recorder:
    """Keeps the arguments of all calls of operations in some stages of a run in torch."""

    stages: Sequence[str]
    calls: list[Recorded] = field(default_factory=list)

    def watch(self, stage: str) -> AbstractContextManager[Any]:
        """A context within which calls are kept, if the stage is one of ours."""
        return _mode(self.calls, stage) if stage in self.stages else nullcontext()


def _mode(calls: list[Recorded], stage: str) -> AbstractContextManager[Any]:
    """torch's own hook for calls of operators."""
    from parity.functions.torch_calls import TorchCalls

    return TorchCalls(lambda made: calls.append(Recorded(stage=stage, inputs=made.inputs)), results=False)


def repeated(scheme: str, calls: Sequence[Recorded], device: str) -> Iterator[StepResult]:
    """Both frameworks against the oracle and against each other, on every recorded call."""
    for call in calls:
        yield from compared(scheme, call.stage, smaller(call.inputs), device)


def compared(scheme: str, stage: str, inputs: Inputs, device: str) -> Iterator[StepResult]:
    """Both frameworks on one call."""
    op, call = inputs.op, inputs.layout.call()
    case = Case(name=stage, sizes=tuple(call.sizes.items()))
    names = [f"{framework}:{first_choice(framework, op, device)}" for framework in FRAMEWORKS]
    first, results = (
        op.inputs[0].name,
        [a.name for a in op.arrays if a.access is not Access.IN and a.name in call.shapes],
    )
    shape = f"{_times(call.shapes[first])} → {_times(call.shapes[results[-1]])}"
    for row in run_inputs(inputs, case, "random", None, names, device):
        yield _step(scheme, stage, shape, row)


def _step(scheme: str, stage: str, shape: str, row: CaseResult) -> StepResult:
    return StepResult(
        scheme=scheme,
        stage=stage,
        step=row.op,
        shape=shape,
        pair=row.pair,
        status=row.status,
        bound_share=row.bound_share,
        max_ulp=row.max_ulp,
        reason=row.reason,
    )


def smaller(inputs: Inputs) -> Inputs:
    """A call with a table of the vocabulary, on the first tokens of it; other calls as they are.

    A head that is decoded whole looks up every token: then the first of them. Ids of a text that the table does not
    have any more get zeros, as the operation promises.
    """
    tables = [name for name, raw in inputs.arrays.items() if raw.ndim == 2 and len(raw) > TOKENS]
    tables = [name for name in tables if name != "cos_sin"]
    if not tables:
        return inputs
    first = inputs.op.inputs[0].name
    rows = TOKENS if inputs.op.framework_product is None else ROWS
    cut = {name: inputs.arrays[name][:count] for name, count in [(first, rows), *((name, TOKENS) for name in tables)]}
    return inputs.replaced(**cut)


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
