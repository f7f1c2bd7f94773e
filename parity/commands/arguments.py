"""Arguments of the command line: what options are, and names of operations, cases and the like looked up."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import specs
from parity.judge.inputs import KINDS, Kind
from parity.write.sources import all_emitters, emitters
from specs.lang.declare.op import Case, Op

if TYPE_CHECKING:
    from parity.xpu.record import LadderRecord

OpName = Annotated[str, typer.Argument(metavar="OP", help="Name of an operation.")]
SeedOption = Annotated[int, typer.Option(help="Seed of all inputs: the one that rows and reports print.")]
ReportOption = Annotated[
    Path | None, typer.Option(help="Write a self-contained HTML page here.", dir_okay=False, writable=True)
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write the record of the run here.", dir_okay=False, writable=True)
]
LadderOption = Annotated[
    Path | None, typer.Option("--xpu", help="Record of `parity xpu --json`, for the report's section on Intel GPUs.")
]
DeviceOption = Annotated[
    str | None, typer.Option(help="cpu, cuda or xpu; named, it has to be there. cpu when left out.")
]


def unknown(kind: str, name: str, known: Iterable[str]) -> typer.BadParameter:
    """The refusal of an unknown name: the nearest known one, and all of them."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    rest = f", did you mean {close[0]!r}? There are" if close else "; there are"
    return typer.BadParameter(f"no {kind} is called {name!r}{rest} {', '.join(names)}")


def operation(name: str) -> Op:
    """The operation of a name."""
    if name not in specs.names():
        raise unknown("operation", name, specs.names())
    return specs.get(name)


def case_of(op: Op, name: str | None) -> Case:
    """The case of a name; the default case without one."""
    from specs.tile.launch.cases import default_case

    if name is None:
        return default_case(op)
    found = [case for case in op.cases if case.name == name]
    if not found:
        raise unknown(f"case of {op.name}", name, (case.name for case in op.cases))
    return found[0]


def emitters_called(name: str | None) -> tuple[str, ...]:
    """The target of a name; all without one."""
    if name is None:
        return tuple(emitters())
    for known in all_emitters():
        if known == name:
            return (known,)
    raise unknown("target", name, all_emitters())


def kinds_called(names: list[str] | None) -> tuple[Kind, ...]:
    """Kinds of data by name; all without names."""
    for name in names or ():
        if name not in KINDS:
            raise unknown("kind of data", name, KINDS)
    return tuple(kind for kind in KINDS if not names or kind in names)


def implementations_called(text: str | None) -> tuple[str, ...]:
    """Full names from "framework:implementation" or "implementation" alone, separated by commas."""
    from parity.judge.frameworks import registered

    if text is None:
        return registered()
    chosen: dict[str, None] = {}
    for name in (part.strip() for part in text.split(",")):
        found = [known for known in registered() if name in (known, known.partition(":")[2])]
        if not found:
            raise unknown("implementation", name, registered())
        chosen |= dict.fromkeys(found)
    return tuple(chosen)


def ladder_record(file: Path | None, report: Path | None) -> LadderRecord | None:
    """The record of a walk through Intel's compilers."""
    if file is None:
        return None
    if report is None:
        raise typer.BadParameter("--xpu goes with --report")
    from parity.xpu.record import from_json

    try:
        return from_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} is no record of `parity xpu --json`: {error}") from None


def known_somewhere(ops: Iterable[Op], cases: Iterable[str]) -> None:
    """Refuses a case that none of the operations has."""
    known = dict.fromkeys(case.name for op in ops for case in op.cases)
    for name in cases:
        if name not in known:
            raise unknown("case", name, known)


def device_called(name: str | None) -> str:
    """The device of a name; the processor without one."""
    from parity.record.environment_report import DEVICES

    if name is None:
        return "cpu"
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    return name


def of_both(implementations: tuple[str, ...]) -> tuple[str, ...]:
    """Implementations among which there is one of each framework."""
    from parity.judge.frameworks import FRAMEWORKS

    for framework in FRAMEWORKS:
        if not any(name.startswith(f"{framework}:") for name in implementations):
            raise typer.BadParameter(f"the job compares frameworks: --implementations names none of {framework}")
    return implementations
