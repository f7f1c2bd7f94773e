"""`parity conformance`: every wrong call of some operations, in each installed framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from rich.console import Console

from parity.conformance.outcomes import Outcome, all_wrong_calls, problem
from parity.show.printing import print_table, say
from parity.show.table import progress
from specs.lang.declare.op import Op

FRAMEWORKS: Final = {"torch": "parity.conformance.torch_calls", "jax": "parity.conformance.jax_calls"}
SHOWN: Final = 40
"""Problems that are printed."""


def report(ops: Sequence[Op], out: Console) -> int | None:
    """One line per operation and framework; returns the number of calls that were not refused as they have to be.

    None where neither framework is installed.
    """
    modules = {name: import_module(path) for name, path in FRAMEWORKS.items() if find_spec(name) is not None}
    if not modules:
        return None
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    with progress(len(ops)) as step:
        for op in ops:
            step(op.name)
            for name, module in modules.items():
                outcomes = attempts(op, module)
                wrong = [f"{name}: {text}" for outcome in outcomes if (text := problem(outcome)) is not None]
                mistakes = Counter(outcome.call.mistake for outcome in outcomes)
                rows.append((op.name, name, str(len(outcomes)), str(len(mistakes)), str(len(outcomes) - len(wrong))))
                problems += wrong
    print_table(out, ("operation", "framework", "wrong calls", "kinds of mistake", "refused"), rows)
    for text in problems[:SHOWN]:
        say(out, text)
    if len(problems) > SHOWN:
        say(out, f"and {len(problems) - SHOWN} more")
    return len(problems)


def module_of(framework: str) -> Any:
    """How a framework makes wrong calls."""
    return import_module(FRAMEWORKS[framework])


def attempts(op: Op, module: Any) -> list[Outcome]:
    """Every wrong call that a framework can express; module: how it makes them."""
    shared: dict[int, Any] = {}
    return [module.attempt(call, shared) for call in all_wrong_calls(op) if module.expressible(call)]
