"""The command line: `parity` or `python -m parity`.

    list, show     what there is, from the specs alone
    emit           generated sources; checks and renews those that are checked in
    run, job       comparisons of both frameworks with each other and with the oracle
    xpu            every kernel through Intel's compilers, with or without an Intel GPU
    env            versions, devices, what can run here

Exit status: 0 all is well, 1 something failed or is stale, 2 wrong usage. Frameworks are imported by the commands that
compute, never before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

import specs
from parity.golden import DEVICE, EMITTERS, Name
from parity.inputs import KINDS, Kind
from parity.printing import console, print_section, print_table, say
from specs.lang.op import Case, Op

if TYPE_CHECKING:
    from parity.xpu.record import LadderRecord

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="LLM kernels from declarative specs: look at them, generate their sources, compare implementations.",
)


def main() -> None:
    """Entry point of the console script. Help and errors are plain text where there is no terminal."""
    app.rich_markup_mode = "rich" if sys.stdout.isatty() else None
    app()


# -- arguments -------------------------------------------------------------------------------------------------------


def _op(name: str) -> Op:
    if name not in specs.names():
        raise typer.BadParameter(f"no operation is called {name!r}; there are {', '.join(specs.names())}")
    return specs.get(name)


def _case(op: Op, name: str | None) -> Case:
    from specs.tile.cases import default_case

    if name is None:
        return default_case(op)
    found = [case for case in op.cases if case.name == name]
    if not found:
        known = ", ".join(case.name for case in op.cases)
        raise typer.BadParameter(f"{op.name} has no case called {name!r}; there are {known}")
    return found[0]


def _emitters(name: str | None) -> tuple[Name, ...]:
    if name is None:
        return get_args(Name)
    for known in EMITTERS:
        if known == name:
            return (known,)
    raise typer.BadParameter(f"no target is called {name!r}; there are {', '.join(EMITTERS)}")


def _kinds(names: list[str] | None) -> tuple[Kind, ...]:
    for name in names or ():
        if name not in KINDS:
            raise typer.BadParameter(f"no kind of data is called {name!r}; there are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if not names or kind in names)


def _implementations(text: str | None) -> tuple[str, ...]:
    """Full names from "framework:implementation" or "implementation" alone, separated by commas."""
    from parity.runner import IMPLEMENTATIONS

    if text is None:
        return IMPLEMENTATIONS
    chosen: dict[str, None] = {}
    for name in (part.strip() for part in text.split(",")):
        found = [known for known in IMPLEMENTATIONS if name in (known, known.partition(":")[2])]
        if not found:
            known = ", ".join(IMPLEMENTATIONS)
            raise typer.BadParameter(f"no implementation is called {name!r}; there are {known}")
        chosen |= dict.fromkeys(found)
    return tuple(chosen)


def _ladder(file: Path | None, report: Path | None) -> LadderRecord | None:
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


def _device(name: str) -> str:
    from parity.environment_report import DEVICES

    if name not in DEVICES:
        raise typer.BadParameter(f"no device is called {name!r}; there are {', '.join(DEVICES)}")
    return name


OpName = Annotated[str, typer.Argument(metavar="OP", help="Name of an operation.")]
SeedOption = Annotated[int, typer.Option(help="Seed of all inputs.")]
ReportOption = Annotated[Path | None, typer.Option(help="Write a self-contained HTML page here.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the record of the run here.")]
LadderOption = Annotated[
    Path | None, typer.Option("--xpu", help="Record of `parity xpu --json`, for the report's section on Intel GPUs.")
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda or xpu.")]


# -- looking ---------------------------------------------------------------------------------------------------------


@app.command("list")
def list_ops() -> None:
    """All operations."""
    ops = [specs.get(name) for name in specs.names()]
    rows = [(op.name, op.family, str(len(op.cases)), op.doc) for op in ops]
    print_table(console(), ("operation", "family", "cases", "what"), rows)


@app.command()
def show(
    op: OpName,
    as_json: Annotated[bool, typer.Option("--json", help="The whole spec as JSON.")] = False,
    case: Annotated[str | None, typer.Option(help="Case whose cost is shown.")] = None,
) -> None:
    """One operation: arguments, results, accuracy, kernels, cases, cost."""
    from parity import describe
    from specs.lang.export import BOUND_SYMBOLS, content_hash, to_json

    spec = _op(op)
    if as_json:
        sys.stdout.write(to_json(spec))
        return
    out, chosen = console(), _case(spec, case)
    say(out, f"{spec.name} (version {spec.version}, {spec.family}, sha256 {content_hash(spec)[:12]})")
    say(out, spec.doc)
    if spec.source:
        say(out, f"Source: {spec.source}")
    say(out, f"\n{describe.call_text(spec)}")
    tables = (*describe.sections(spec), describe.steps(spec), describe.cases(spec))
    for section in (*tables, describe.costs(spec, chosen, DEVICE)):
        print_section(out, section)
    say(out, f"\n{BOUND_SYMBOLS}.")


# -- generating ------------------------------------------------------------------------------------------------------


@app.command()
def emit(
    op: Annotated[str | None, typer.Argument(metavar="OP", help="Name of an operation.")] = None,
    target: Annotated[str | None, typer.Option(help="torch or pallas; both when left out.")] = None,
    case: Annotated[str | None, typer.Option(help="Case to specialise for; the default one when left out.")] = None,
    device: Annotated[str, typer.Option(help="Device to generate for.")] = DEVICE,
    out: Annotated[Path | None, typer.Option(help="Write files below this folder instead of printing.")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show how checked-in files differ.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Renew checked-in files.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All checked-in files; checks them unless told more.")] = False,
) -> None:
    """Generated sources. Status 1 when checked-in files are not what the specs give."""
    from parity import emitting

    if every == (op is not None):
        raise typer.BadParameter("name one operation, or give --all")
    special = case is not None or device != DEVICE
    if special and (write or every):
        raise typer.BadParameter(f"checked-in sources are those of the default case on {DEVICE}")
    if sum((out is not None, diff, write)) > 1:
        raise typer.BadParameter("--out, --diff and --write exclude each other")
    names = _emitters(target)
    for name in names:
        if device not in EMITTERS[name].targets():
            known = ", ".join(EMITTERS[name].targets())
            raise typer.BadParameter(f"{name} has no device called {device!r}; there are {known}")
    if op is None:
        files = emitting.all_files(names, whole=target is None)
    else:
        spec = _op(op)
        files = emitting.op_files(spec, names, _case(spec, case), device)
    if out is not None:
        emitting.write_below(files, out)
    elif diff or write or every:
        raise typer.Exit(emitting.check(files, renew=write, show_diff=diff, whole=every and target is None))
    else:
        emitting.print_files(files)


# -- comparing -------------------------------------------------------------------------------------------------------


@app.command()
def run(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
    seed: SeedOption = 0,
    implementations: Annotated[
        str | None, typer.Option(help="Names separated by commas, such as torch:eager,jax:xla or interpret.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="twin or random; both when left out.")] = None,
    device: DeviceOption = "cpu",
    json_file: JsonOption = None,
    report: ReportOption = None,
    xpu: LadderOption = None,
) -> None:
    """Compare implementations with the oracle and with each other. Status 1 when a case failed."""
    from parity import comparing

    ladder = _ladder(xpu, report)
    chosen = [_op(name) for name in ops or specs.names()]
    record = comparing.run_cases(
        chosen, seed=seed, implementations=_implementations(implementations), kinds=_kinds(kind), device=_device(device)
    )
    raise typer.Exit(comparing.deliver(record, json_file, report, ladder=ladder))


@app.command()
def job(
    seed: SeedOption = 0,
    implementations: Annotated[
        str, typer.Option(help="Names separated by commas; at least one of each framework.")
    ] = "torch:eager,jax:xla",
    device: DeviceOption = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="One scheme, and no cases of operations.")] = False,
    json_file: JsonOption = None,
    report: ReportOption = None,
    xpu: LadderOption = None,
) -> None:
    """The main job: a real model quantised in every scheme, and every case. Status 1 when anything failed."""
    from parity import comparing
    from specs.lang.errors import Unsupported

    ladder = _ladder(xpu, report)
    try:
        record = comparing.run_job(
            seed=seed, device=_device(device), implementations=_implementations(implementations), quick=quick
        )
    except Unsupported as refusal:
        typer.echo(f"not run: {refusal}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(comparing.deliver(record, json_file, report, brief=True, ladder=ladder))


@app.command()
def xpu(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
    seed: SeedOption = 0,
    road: Annotated[str | None, typer.Option(help="pallas or triton; both when left out.")] = None,
    every: Annotated[bool, typer.Option("--all-cases", help="Every small case, not one per kernel.")] = False,
    compile_only: Annotated[bool, typer.Option("--compile-only", help="Run nothing on the OpenCL CPU device.")] = False,
    search: Annotated[str | None, typer.Option(metavar="OP", help="Look for tunables that spill least.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Make what --search finds the defaults.")] = False,
    real: Annotated[bool, typer.Option("--real", help="Parity on an Intel GPU of this machine.")] = False,
    json_file: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Intel GPUs: every kernel up to the last rung that can be reached here. Status 1 when one was refused."""
    from parity.xpu import command
    from parity.xpu.ladder import RUNGS, attempts
    from parity.xpu.record import EXECUTED, ROADS

    if road is not None and road not in ROADS:
        raise typer.BadParameter(f"no source is called {road!r}; there are {', '.join(ROADS)}")
    roads = [known for known in ROADS if road in (None, known)]
    if write and search is None:
        raise typer.BadParameter("--write goes with --search")
    if real or search is not None:
        if real and search is not None:
            raise typer.BadParameter("--real and --search exclude each other")
        if search is not None:
            raise typer.Exit(command.search(_op(search), roads, json_file, write=write))
        raise typer.Exit(command.real([_op(name) for name in ops or specs.names()], seed, json_file))
    todo = attempts([_op(name) for name in ops or specs.names()], roads, every)
    rungs = tuple(rung for rung in RUNGS if not (compile_only and rung == EXECUTED))
    raise typer.Exit(command.deliver(command.run(todo, seed=seed, rungs=rungs), json_file, report))


@app.command()
def env(as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False) -> None:
    """Versions, devices, and which implementation can run here."""
    from parity.environment_report import environment

    found = environment()
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=2) + "\n")
        return
    from parity.describe import environment_sections

    for section in environment_sections(found):
        print_section(console(), section)
