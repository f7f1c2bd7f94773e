"""`parity bisect`: the first statement of a case at which an implementation computes something else than numpy, and the
first operation at which a decoder in torch and in JAX part.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console

from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from parity.commands.arguments import unknown
from parity.commands.status import NOT_RUN
from parity.judge.inputs import Kind
from parity.judge.runner import inputs_of
from parity.judge.statements import Difference, first_difference
from parity.show.printing import say
from specs.decoder.precision import precision_of
from specs.lang.declare.op import Case, Op
from specs.lang.errors import Unsupported


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
    widest = f", the largest share of a bound is {found.share:.2g} ({found.widest})" if found.widest else ""
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
