"""`parity bisect`: the first statement of a case at which an implementation computes something else than numpy, or at
which two traces part, and the first operation at which a decoder in torch and in JAX part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from parity.commands.arguments import unknown
from parity.commands.status import NOT_RUN
from parity.judge.frameworks import FRAMEWORKS
from parity.judge.inputs import Kind
from parity.judge.runner import inputs_of
from parity.judge.statements import LIBRARIES, Difference, first_difference
from parity.judge.traces import NoTrace, Statement, Trace, parted, trace
from parity.record.trace_file import load, save
from parity.show.printing import say
from specs.decoder.precision import precision_of
from specs.lang.declare.op import Case, Op
from specs.lang.errors import Unsupported


def by_statements(asked: Sequence[str] | None, device: str) -> Sequence[str]:
    """Implementations that run statement by statement on a device: those asked for, else all that are installed.

    Ends the command where one of those asked for does not run there, or none does.
    """
    for name in asked or ():
        if name not in LIBRARIES:
            raise typer.BadParameter(f"{name} does not run statement by statement; {', '.join(LIBRARIES)} do")
    reasons = {name: FRAMEWORKS[name.partition(":")[0]].missing(device) for name in asked or LIBRARIES}
    missing = [f"not run: {name}: {reason}" for name, reason in reasons.items() if reason is not None]
    if missing and (asked or len(missing) == len(reasons)):
        typer.echo("\n".join(missing), err=True)
        raise typer.Exit(NOT_RUN)
    return [name for name, reason in reasons.items() if reason is None]


def report(
    op: Op, case: Case, kind: Kind, seed: int, implementations: Sequence[str], device: str, console: Console
) -> tuple[Difference, ...]:
    """Prints a paragraph per implementation; returns the differences."""
    found = []
    for implementation in implementations:
        difference = first_difference(inputs_of(op, case, kind, seed), implementation, device)
        name = f"{op.name}, case {case.name}, {kind} data, seed {seed}, {implementation}"
        if difference is None:
            say(console, f"✓ {name}: every statement gives what numpy gives")
            continue
        found.append(difference)
        say(console, f"✕ {name}:")
        for line in told(difference):
            say(console, f"    {line}")
    return tuple(found)


def keep(
    op: Op,
    case: Case,
    kind: Kind,
    seed: int,
    implementations: Sequence[str],
    device: str,
    file: Path,
    console: Console,
) -> int:
    """Writes the trace of a case; returns the exit status."""
    if len(implementations) != 1:
        raise typer.BadParameter("--save keeps one trace: --implementations torch:eager, or jax:xla")
    found = trace(inputs_of(op, case, kind, seed), case.name, kind, seed, implementations[0], device)
    save(found, file)
    say(console, f"{file}: {len(found.statements)} statements of {_called(found)}, {found.recorded}")
    return 0


def traces(first: Path, second: Path, console: Console) -> int:
    """Prints where two traces part, or that they do not; returns the exit status."""
    try:
        one, other = load(first), load(second)
        found = parted(one, other)
    except NoTrace as error:
        raise typer.BadParameter(str(error)) from None
    if found is None:
        say(console, f"✓ {_called(one)}: {len(one.statements)} statements agree")
        return 0
    say(console, f"✕ {_called(one)}: the traces part after {found.count} statements")
    for file, statement in ((first, found.one), (second, found.other)):
        say(console, f"    {file}: {_statement(statement)}")
    if found.values:
        where = f"[{', '.join(map(str, found.index))}]"
        values = f"{found.values[0]:.9g} and {found.values[1]:.9g}"
        say(console, f"    {found.wrong} of {found.elements} elements differ; worst at {where}: {values}")
    if found.note:
        say(console, f"    {found.note}")
    for file, side in ((first, one), (second, other)):
        say(console, f"    {file}: {side.recorded}")
    return 1


def _called(found: Trace) -> str:
    call = found.call
    return f"{call.operation}, case {call.case}, {call.kind} data, seed {call.seed}"


def _statement(statement: Statement | None) -> str:
    if statement is None:
        return "has no further statement"
    variable = f", {statement.variable}" if statement.variable else ""
    raised = f", raises {statement.raised}" if statement.raised else ""
    return f"{statement.where}: {statement.statement}{variable} (kernel {statement.kernel}){raised}"


def model(name: str, prompt: str | None, scheme: str | None, device: str, console: Console) -> int:
    """Prints where a decoder parts, or that it does not; returns the exit status."""
    from parity.models.decoder.followed import PROMPT, follow
    from parity.models.decoder.job import SCHEMES

    known = {one.name: one.precision for one in SCHEMES}
    if scheme is not None and scheme not in known:
        raise unknown("scheme", scheme, known)
    try:
        checkpoint = open_checkpoint(model_path(name))
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--model") from None
    precision = precision_of(device) if scheme is None else known[scheme]
    try:
        found = follow(
            checkpoint,
            precision,
            PROMPT if prompt is None else prompt,
            device=device,
            progress=lambda text: typer.echo(text, err=True),
        )
    except Unsupported as error:
        typer.echo(f"not run: {error}", err=True)
        return NOT_RUN
    if found.parting is not None:
        say(console, f"✕ {checkpoint.name}, {found.parting}")
        say(console, f"    {found.calls} operations before it agree")
        return 1
    widest = f", the largest share of a bound is {found.share:.3g} ({found.widest})" if found.widest else ""
    say(console, f"✓ {checkpoint.name}: no parting in {found.calls} operations{widest}")
    return 0


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
