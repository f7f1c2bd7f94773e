"""Framework against framework, operation by operation: one framework runs the encoder, and every operation of it gets
the same bytes on all of them.

So a difference is caused by the operation itself, not by earlier ones. Quantised activations have to be the same
bytes; results have to be within the bound of the operation, and of each other within both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from parity.judge.inputs import decode
from parity.models.minilm.linears import Answer, Refusal, Side, compare, judge
from parity.models.minilm.operations import Operation, Quantised
from parity.models.minilm.outcomes import LinearOutcome
from parity.models.minilm.schemes import Operands
from parity.models.minilm.whole import Seen
from specs.lang.errors import Unsupported


def pinned(seen: Sequence[Seen], sides: Sequence[Side], weights: Mapping[str, Operands]) -> Iterator[LinearOutcome]:
    """All comparisons of all operations; weights: of the sides' scheme, as the oracle takes them, by linear."""
    scheme = sides[0].scheme.name
    for step in seen:
        if isinstance(step.operation, Quantised):
            linear, (given,) = step.operation.linear, step.arguments
            x = np.asarray(decode(given.raw, given.form), np.float32)
            yield from compare((scheme, step.stage, step.name), sides, linear, x, weights[linear.name])
        else:
            yield from _operation(scheme, step, step.operation, sides)


def _operation(scheme: str, step: Seen, operation: Operation, sides: Sequence[Side]) -> Iterator[LinearOutcome]:
    product = operation.expected(*step.arguments)
    shape = "×".join(str(size) for size in np.shape(product.expected.reference.value))
    facts: dict[str, Any] = {"scheme": scheme, "layer": step.stage, "linear": step.name, "shape": shape}
    answers = [_answer(step, side) for side in sides]
    yield from judge(facts, sides, answers, {}, product)


def _answer(step: Seen, side: Side) -> Answer | Refusal:
    one = side.engine
    try:
        result = step.operation.run(side, *(one.operand(x.raw, x.form) for x in step.arguments))
    except Unsupported as refusal:
        return Refusal(reason=str(refusal))
    return Answer(operands={}, product=one.result(result))
