"""`parity bisect`: the first statement of a case at which an implementation computes something else than numpy."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from parity.judge.inputs import Kind
from parity.judge.runner import inputs_of
from parity.judge.statements import Difference, first_difference
from parity.show.printing import say
from specs.lang.declare.op import Case, Op


def report(
    op: Op, case: Case, kind: Kind, seed: int, implementations: Sequence[str], console: Console
) -> tuple[Difference, ...]:
    """Prints a paragraph per implementation; returns the differences."""
    found = []
    for implementation in implementations:
        difference = first_difference(inputs_of(op, case, kind, seed), implementation)
        name = f"{op.name}, case {case.name}, {kind} data, seed {seed}, {implementation}"
        if difference is None:
            say(console, f"✓ {name}: every statement gives what numpy gives")
            continue
        found.append(difference)
        say(console, f"✕ {name}:")
        for line in told(difference):
            say(console, f"    {line}")
    return tuple(found)


def told(found: Difference) -> tuple[str, ...]:
    """A difference in words."""
    variable = f", {found.variable}" if found.variable else ""
    first = f"{found.where}: {found.statement}{variable} (kernel {found.kernel}, after {found.count} statements)"
    if found.raised:
        return first, f"raises {found.raised}"
    where = f"[{', '.join(map(str, found.index))}]"
    values = f"got {found.got:.9g}, numpy {found.expected:.9g}"
    return (
        first,
        f"{found.wrong} of {found.elements} elements differ; worst at {where}: {values}",
    )
