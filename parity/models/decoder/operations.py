"""Every operation of some layers on the bytes that it had there: recorded in torch, repeated in both frameworks.

So a difference is caused by the operation itself. Each framework takes its first choice for the device, as servers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import specs
from parity.judge.frameworks import FRAMEWORKS, JAX_PLATFORMS, Result, from_torch
from parity.judge.inputs import Inputs
from parity.judge.runner import run_inputs
from parity.record.records import CaseResult, StepResult
from specs.lang.call.bind import check_attributes
from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Case, Op
from specs.lang.declare.readiness import READY
from specs.lang.formats.elements import ElementFormat

if TYPE_CHECKING:
    import torch

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
    from torch.utils._python_dispatch import TorchDispatchMode

    from torch_impl.ops import NAMESPACE

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.namespace == NAMESPACE:
                name = func.name().partition("::")[2]
                # Before the call, because it may write into its arguments.
                calls.append(Recorded(stage=stage, inputs=_inputs(specs.get(name), args, kwargs or {})))
            return func(*args, **(kwargs or {}))

    return Watching()


def _inputs(op: Op, tensors: Sequence[torch.Tensor | None], keywords: Mapping[str, Any]) -> Inputs:
    from torch_impl.formats import format_of

    given = dict(zip((array.name for array in op.inputs), tensors, strict=False))
    found = {name: _copied(tensor) for name, tensor in given.items() if tensor is not None}
    kinds = {attribute.name: attribute.kind for attribute in op.attributes}
    attributes = {
        name: format_of(op.name, name, value) if kinds[name] is ElementFormat else value
        for name, value in keywords.items()
        if name in kinds and value is not None
    }
    return Inputs(
        op=op,
        arrays={name: result.raw for name, result in found.items()},
        formats={name: result.form for name, result in found.items()},
        attributes=check_attributes(op, attributes),
    )


def _copied(tensor: torch.Tensor) -> Result:
    found = from_torch(tensor)
    return Result(raw=np.array(found.raw), form=found.form)


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


def first_choice(framework: str, op: Op, device: str) -> str:
    """What an operation runs as where nothing is asked for."""
    if framework == "torch":
        from torch_impl.ops import explain as explain_torch

        found = explain_torch(op.name, device)
    else:
        from jax_impl.ops import explain as explain_jax

        found = explain_jax(op.name, JAX_PLATFORMS[device])
    return next((name for name, answer in found.items() if answer == READY), next(iter(found)))


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
