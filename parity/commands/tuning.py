"""`parity tune`: configurations that are faster on this device, searched, printed, and kept for later calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity.commands.arguments import unknown
from parity.commands.status import FAILED, NOT_RUN, OK
from parity.judge.frameworks import FRAMEWORKS
from parity.judge.runner import inputs_of
from parity.record.environment_report import reasons
from parity.show.printing import print_table, say
from parity.show.table import is_interactive
from parity.tune.calls import Call
from parity.tune.search import Found, Search, Tell, Timer, device_timer, rows
from parity.tune.timing import describe_error
from specs import tuned
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, SpecError, Unsupported
from specs.tuned.files import read

COLUMNS: Final = ("case", "implementation", "default", "of it", "range", "noise", "tried", "configuration")


def resized(op: Op, case: Case, sizes: Sequence[str]) -> Case:
    """A case with other sizes, given as "AXIS=N".

    Raises:
        typer.BadParameter: there is no such axis, or its size is no number.
    """
    known = dict(case.sizes)
    for text in sizes:
        name, _, number = text.partition("=")
        if name not in known:
            raise unknown(f"size of {op.name}", name, known)
        if not number.isdecimal():
            raise typer.BadParameter(f"expected AXIS=N such as {name}=4096, got {text!r}")
        known[name] = int(number)
    return replace(case, sizes=tuple(known.items()), lead=None) if sizes else case


def named(op: Op, case: Case) -> str:
    """A call in a few words, as rows of tables have it."""
    return f"{op.name} {case.name} {' '.join(f'{name}={size}' for name, size in case.sizes)}"


def by_default(op: Op, device: str) -> list[str]:
    """What a call takes by default, of every framework that is here."""
    found = []
    for framework, known in FRAMEWORKS.items():
        if known.missing(device) is None:
            first = next((name for name, why in reasons(framework, op.name, device).items() if why is None), None)
            found += [f"{framework}:{first}"] if first is not None else []
    return found


def report(
    op: Op,
    cases: Sequence[Case],
    implementations: Sequence[str] | None,
    *,
    device: str,
    limit: float,
    file: Path | None,
    seed: int,
    console: Console,
    timer: Timer = device_timer,
) -> int:
    """Searches every case on every implementation (None: what calls take by default), prints a row for each, and adds
    what won to the table. Returns the exit status.
    """
    target = tuned.default_file() if file is None else file
    try:
        if target is not None and target.exists():
            read(target)  # before minutes are spent on what could not be kept
    except (OSError, SpecError) as error:
        say(console, f"{target}: {error}")
        return FAILED
    names = by_default(op, device) if implementations is None else implementations
    lines: list[tuple[str, ...]] = []
    won, reached, refused = tuned.Measured(), False, dict[str, str]()
    for case in cases:
        for name in names:
            try:
                call = Call(inputs=inputs_of(op, case, "random", seed), implementation=name, device=device)
                with _bar(f"{case.name}, {name}", limit) as tell:
                    found = Search(call=call, limit=limit, timer=timer, tell=tell).run()
            except (Unsupported, ArgumentError, SpecError) as refusal:
                say(console, f"{case.name}, {name}: {refusal}")
                continue
            reached = True
            won |= rows(call, found, named(op, case))
            lines.append(_line(case, name, found))
            refused |= dict.fromkeys(found.refused.values(), name)
    if not reached:
        say(
            console,
            f"nothing was measured: {', '.join(names) or 'nothing'} on {device}; --implementations names others",
        )
        return NOT_RUN
    print_table(console, COLUMNS, lines)
    for why, name in refused.items():
        say(console, f"left out on {name}: {why}")
    return _keep(won, file, console)


def _keep(won: tuned.Measured, file: Path | None, console: Console) -> int:
    if not won.rows:
        say(console, "no configuration was faster than the default beyond the noise: nothing is written")
        return OK
    try:
        written = tuned.save(won, file)
    except (OSError, SpecError) as error:
        say(console, f"not written: {describe_error(error)}")
        return FAILED
    read_by = "later calls take them" if file is None else f"specs.tuned.load({str(written)!r}) makes calls take them"
    say(console, f"{written}: {len(won.rows)} configurations; {read_by}")
    return OK


def _line(case: Case, name: str, found: Found) -> tuple[str, ...]:
    low, high = found.noise
    return (
        case.name,
        name,
        f"{found.seconds * 1e6:.1f} us",
        f"{found.ratio:.3f}",
        f"{found.least:.3f} to {found.most:.3f}" if found.won else "-",
        f"{low:.3f} to {high:.3f}",
        str(found.tried),
        found.changes,
    )


@contextmanager
def _bar(text: str, limit: float) -> Iterator[Tell]:
    """A bar over the seconds of a search on standard error; silent where that is no terminal."""
    shown_on = Console(stderr=True)
    if not is_interactive(shown_on):
        yield lambda _, __: None
        return
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=shown_on, transient=True) as bars:
        task = bars.add_task(text, total=limit)

        def tell(tried: int, best: float) -> None:
            said = f"{text}: {tried} tried, best {best:.3f} of the default's time"
            bars.update(task, completed=bars.tasks[0].elapsed or 0.0, description=said)

        yield tell
