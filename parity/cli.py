"""The command line: `parity` or `python -m parity`.

    list, show     what there is, from the specs alone
    new            an operation of your own, to start from
    emit           generated sources; checks and renews those that are checked in
    check          declarations and memory accesses, before a kernel runs
    conformance    wrong calls, which every implementation has to refuse
    casts          every code of every format in every other, as a device casts it
    run, job       comparisons of both frameworks with each other and with the oracle
    bisect         the statement at which an implementation and numpy part, the layer and operation of a decoder
    fuzz           the same for calls drawn at random
    tune           faster configurations of an operation on this device, which later calls take
    xpu            every kernel through Intel's compilers, with or without an Intel GPU
    env            versions, devices, what can run here

Exit statuses: see `parity.commands.status`. Frameworks are imported by the commands that compute, never before.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

import specs
from parity.commands.arguments import (
    DeviceOption,
    JsonOption,
    LadderOption,
    OpName,
    ReportOption,
    SeedOption,
    case_of,
    device_called,
    emitters_called,
    implementations_called,
    kinds_called,
    known_somewhere,
    ladder_record,
    of_both,
    operation,
    unknown,
)
from parity.commands.status import NOT_RUN, STATUSES_TEXT
from parity.show.printing import console, print_section, print_table, say
from parity.write.sources import DEVICE, all_emitters, emitters
from specs.lang.errors import SpecError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=STATUSES_TEXT,
)


def main() -> None:
    """Entry point of the console script. Help and errors are plain text where there is no terminal."""
    app.rich_markup_mode = "rich" if sys.stdout.isatty() else None
    app()


# -- arguments -------------------------------------------------------------------------------------------------------


@app.callback()
def loading(
    load: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE", help="Module or .py file with operations of your own; before the command, repeatable."
        ),
    ] = None,
) -> None:
    """LLM kernels from declarative specs: look at them, generate their sources, compare implementations."""
    for name in load or ():
        try:
            specs.load(name)
        except SpecError as error:
            raise typer.BadParameter(str(error), param_hint="--load") from None
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{last.filename}:{last.lineno}: {type(error).__name__}: {error}"
            raise typer.BadParameter(text, param_hint="--load") from error


# -- looking ---------------------------------------------------------------------------------------------------------


@app.command("list")
def list_ops() -> None:
    """All operations."""
    ops = [specs.get(name) for name in specs.names()]
    columns: tuple[str, ...] = ("operation", "family", "cases", "what")
    rows: list[tuple[str, ...]] = [(op.name, op.family, str(len(op.cases)), op.doc) for op in ops]
    if specs.names() != specs.built_in():
        columns = (*columns, "from")
        rows = [(*row, specs.source(row[0]).told) for row in rows]
    print_table(console(), columns, rows)


@app.command()
def show(
    op: OpName,
    as_json: Annotated[bool, typer.Option("--json", help="The whole spec as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a page of documentation.")] = False,
    case: Annotated[str | None, typer.Option(help="Case whose cost is shown.")] = None,
) -> None:
    """One operation: arguments, results, accuracy, kernels, cases, cost."""
    from parity.show import describe
    from specs.export import BOUND_SYMBOLS, content_hash, to_json

    spec = operation(op)
    if as_json:
        sys.stdout.write(to_json(spec))
        return
    if markdown:
        from parity.write.op_table import page

        sys.stdout.write(page(spec))
        return
    out, chosen = console(), case_of(spec, case)
    say(out, f"{spec.name} (version {spec.version}, {spec.family}, sha256 {content_hash(spec)[:12]})")
    say(out, spec.doc)
    if spec.definition:
        say(out, f"\n{spec.definition.strip()}\n")
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
    case: Annotated[str | None, typer.Option(help="Case to specialise for; the golden one when left out.")] = None,
    device: Annotated[str, typer.Option(help="Device to generate for.")] = DEVICE,
    out: Annotated[Path | None, typer.Option(help="Write files below this folder instead of printing.")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show how checked-in files differ.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Renew checked-in files.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="All checked-in files; checks them unless --write is given.")
    ] = False,
) -> None:
    """Generated sources. Status 1 when checked-in files are not what the specs give."""
    from parity.write import emitting
    from specs.tile.launch.cases import golden_case

    if every == (op is not None):
        raise typer.BadParameter("name one operation, or give --all")
    special = case is not None or device != DEVICE
    if special and (write or every):
        raise typer.BadParameter(f"checked-in sources are of the golden case on {DEVICE}")
    if sum((out is not None, diff, write)) > 1:
        raise typer.BadParameter("--out, --diff and --write exclude each other")
    if op is not None and (write or diff) and op in specs.names() and op not in specs.built_in():
        raise typer.BadParameter(f"the sources of {op} are not checked in here: --out FOLDER writes them")
    if (diff or write or (every and out is None)) and not emitting.in_clone():
        raise typer.BadParameter("there are no checked-in files here, as this is no clone: --out FOLDER writes them")
    names = emitters_called(target)
    if (write or diff) and not {*names} <= emitters().keys():
        raise typer.BadParameter(f"checked-in sources of {target} are compared and written by --all without --target")
    for name in names:
        if device not in all_emitters()[name].targets:
            raise unknown(f"device of {name}", device, all_emitters()[name].targets)
    if op is None:
        files = emitting.all_files(names, whole=target is None)
    else:
        spec = operation(op)
        chosen = golden_case(spec) if case is None else case_of(spec, case)
        files = emitting.op_files(spec, names, chosen, device)
    if out is not None:
        emitting.write_below(files, out)
    elif diff or write or every:
        raise typer.Exit(emitting.check(files, renew=write, show_diff=diff, whole=every and target is None))
    else:
        emitting.print_files(files)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the operation, and of the module.")],
    folder: Annotated[Path | None, typer.Option(help="Where to; a new folder NAME when left out.")] = None,
) -> None:
    """A package with one operation, its oracle, cases and tests, which passes them: the start of your own."""
    from parity.commands import scaffold

    try:
        paths = scaffold.new(name, folder or Path(name))
    except (SpecError, FileExistsError) as error:
        raise typer.BadParameter(str(error)) from None
    for path in paths:
        say(console(), f"{path}")
    say(console(), f"next: python -m parity --load {paths[0]} run {name}")


# -- checking --------------------------------------------------------------------------------------------------------


@app.command()
def check(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All operations.")] = False,
) -> None:
    """Check specs before a kernel runs: declarations, configurations, oracle, and every access of every small case.

    Status 1 when something is wrong.
    """
    if every == bool(ops):
        raise typer.BadParameter("name operations, or give --all")
    from parity.commands.checking import report

    chosen = [operation(name) for name in ops or specs.names()]
    raise typer.Exit(int(report(chosen, console()) > 0))


@app.command()
def conformance(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
) -> None:
    """Calls with one mistake each, derived from the specs: every one has to be refused, and to change nothing.

    Status 1 when one was accepted or refused for another reason, 3 when no framework is installed.
    """
    from parity.commands.conformance import report

    found = report([operation(name) for name in ops or specs.names()], console())
    raise typer.Exit(NOT_RUN if found is None else int(found > 0))


# -- comparing -------------------------------------------------------------------------------------------------------


@app.command()
def run(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
    seed: SeedOption = 0,
    implementations: Annotated[
        str | None,
        typer.Option(
            help="Names separated by commas, such as torch:eager,jax:xla or interpret; each has to run. "
            "All that can run when left out."
        ),
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Cases to run; all when left out.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="exact or random; both when left out.")] = None,
    device: DeviceOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Save the inputs of every case that failed, or that --case names, below this folder, "
            "with a script that makes the call.",
            file_okay=False,
            writable=True,
        ),
    ] = None,
    minimise: Annotated[
        bool, typer.Option("--minimise", help="With --save: also the smallest call that fails, of every failure.")
    ] = False,
    json_file: JsonOption = None,
    report: ReportOption = None,
    xpu: LadderOption = None,
    every: Annotated[bool, typer.Option("--all", help="Print every comparison, not one line per operation.")] = False,
) -> None:
    """Compare implementations with the oracle and with each other.

    Prints one line per operation, and what failed with the command that repeats it. Status 1 when a case failed, 3 when
    what was asked for by name (--device, --implementations, --case) did not run, or nothing did.
    """
    from parity.commands import comparing
    from parity.commands.status import Asked

    ladder = ladder_record(xpu, report)
    chosen = [operation(name) for name in ops or specs.names()]
    cases = tuple(dict.fromkeys(case or ()))
    for op in chosen if ops else ():
        for name in cases:
            case_of(op, name)
    known_somewhere(chosen, cases)
    names, where = implementations_called(implementations), device_called(device)
    if minimise and save is None:
        raise typer.BadParameter("--minimise goes with --save")
    record = comparing.run_cases(
        chosen,
        seed=seed,
        implementations=names,
        kinds=kinds_called(kind),
        device=where,
        cases=cases,
        save=save,
        smaller=minimise,
    )
    asked = Asked(ops=tuple(ops or ()), cases=cases, implementations=names if implementations else (), device=device)
    raise typer.Exit(comparing.deliver(record, json_file, report, asked=asked, ladder=ladder, rows=every))


@app.command()
def bisect(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="OP | A.npz B.npz", help="Name of an operation, or two traces that --save wrote."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A decoder in place of an operation: smollm2, a GGUF file or a folder of Hugging Face."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="With --model: the text whose steps are compared.")] = None,
    scheme: Annotated[
        str | None, typer.Option(help="With --model: f32 or gguf, as in `job`; as the device serves it when left out.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Case to run; the first when left out.")] = None,
    kind: Annotated[str, typer.Option(help="exact or random.")] = "random",
    seed: SeedOption = 0,
    implementations: Annotated[
        str | None, typer.Option(help="torch:eager, jax:xla or both; what is installed of them when left out.")
    ] = None,
    device: DeviceOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Keep what every statement gives on the one implementation that --implementations names.",
            dir_okay=False,
            writable=True,
        ),
    ] = None,
) -> None:
    """The first statement, with the author's file and line, at which an implementation and numpy part.

    Every statement of the tile program runs on numpy's operands, so that a difference is its own. With two traces, of
    other machines or versions, the first statement at which these part. With --model, the first layer and operation at
    which a decoder in torch and in JAX part: JAX's operations get torch's arguments. Status 1 when one differs.
    """
    from parity.commands import bisecting

    targets = what or []
    if len(targets) == (model is not None) or len(targets) > 2:
        raise typer.BadParameter("name one operation or two traces, or give --model")
    if len(targets) != 1 and (case is not None or implementations is not None or save is not None):
        raise typer.BadParameter("--case, --implementations and --save go with an operation")
    if model is None and (prompt is not None or scheme is not None):
        raise typer.BadParameter("--prompt and --scheme go with --model")
    where = device_called(device)
    if model is not None:
        raise typer.Exit(bisecting.model(model, prompt, scheme, where, console()))
    if len(targets) == 2:
        if device is not None:
            raise typer.BadParameter("--device goes with an operation or --model")
        raise typer.Exit(bisecting.traces(Path(targets[0]), Path(targets[1]), console()))
    (chosen,), spec = kinds_called([kind]), operation(targets[0])
    names = bisecting.by_statements(None if implementations is None else implementations_called(implementations), where)
    if save is not None:
        raise typer.Exit(bisecting.keep(spec, case_of(spec, case), chosen, seed, names, where, save, console()))
    found = bisecting.report(spec, case_of(spec, case), chosen, seed, names, where, console())
    raise typer.Exit(int(bool(found)))


@app.command()
def fuzz(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first call; the others follow it.", min=0)] = 0,
    count: Annotated[int, typer.Option(help="Calls of each operation.", min=1)] = 100,
    implementations: Annotated[
        str | None,
        typer.Option(
            help="Names separated by commas, which run every call. When left out: torch:eager runs every call, "
            "torch:interpret and jax:xla one in 8, jax:interpret one in 32."
        ),
    ] = None,
    device: DeviceOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Save the inputs of every call that failed, or of the one call of --count 1, below this folder, "
            "with a script that makes the call.",
            file_okay=False,
            writable=True,
        ),
    ] = None,
    json_file: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Calls drawn at random from the specifications: sizes, attributes, formats, strides, special values.

    A failure prints the command that makes the one call again. Statuses as of `run`.
    """
    from parity.commands import comparing, fuzzing
    from parity.commands.status import Asked

    chosen = [operation(name) for name in ops or specs.names()]
    names = implementations_called(implementations) if implementations else ()
    record = fuzzing.run_fuzz(
        chosen, seed=seed, count=count, implementations=names, device=device_called(device), folder=save
    )
    asked = Asked(ops=tuple(ops or ()), implementations=names, device=device)
    raise typer.Exit(comparing.deliver(record, json_file, report, asked=asked))


@app.command()
def job(
    seed: SeedOption = 0,
    implementations: Annotated[
        str, typer.Option(help="Names separated by commas; at least one of each framework.")
    ] = "torch:eager,jax:xla",
    device: DeviceOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="One scheme, and no cases of operations.")] = False,
    json_file: JsonOption = None,
    report: ReportOption = None,
    xpu: LadderOption = None,
) -> None:
    """The main job: a real encoder quantised in every scheme, a real language model token by token, and every case.

    Status 1 when anything failed, 3 when a model, the device or one of the implementations did not run.
    """
    from parity.commands import comparing
    from parity.commands.status import Asked
    from specs.lang.errors import Unsupported

    ladder = ladder_record(xpu, report)
    names = of_both(implementations_called(implementations))
    try:
        record = comparing.run_job(seed=seed, device=device_called(device), implementations=names, quick=quick)
    except Unsupported as refusal:
        typer.echo(f"asked for and not run: {refusal}", err=True)
        raise typer.Exit(NOT_RUN) from None
    asked = Asked(implementations=names, device=device)
    raise typer.Exit(comparing.deliver(record, json_file, report, asked=asked, ladder=ladder))


@app.command()
def xpu(
    ops: Annotated[list[str] | None, typer.Argument(metavar="OP", help="Operations; all when left out.")] = None,
    seed: SeedOption = 0,
    backend: Annotated[
        str | None, typer.Option(help="pallas, triton or torch; when left out, torch where `make xpu-torch` was run.")
    ] = None,
    every: Annotated[bool, typer.Option("--all-cases", help="Every small case, not one per kernel.")] = False,
    compile_only: Annotated[bool, typer.Option("--compile-only", help="Run nothing on the OpenCL CPU device.")] = False,
    matrix_units: Annotated[
        str, typer.Option(help="Whether dots use matrix units: on, off, or lts for long-term support drivers.")
    ] = "on",
    search: Annotated[str | None, typer.Option(metavar="OP", help="Look for tunables that spill least.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Make what --search finds the defaults.")] = False,
    real: Annotated[bool, typer.Option("--real", help="Parity on an Intel GPU of this machine.")] = False,
    step: Annotated[
        bool, typer.Option("--step", help="Compile whole steps; in place of operations, MODULE:FUNCTION that make one.")
    ] = False,
    json_file: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Intel GPUs: every kernel, or a whole step, up to the last rung that can be reached here.

    Status 1 when a kernel was refused or computes wrongly, 3 when nothing could be run.
    """
    from parity.xpu import command
    from parity.xpu.ladder import RUNGS, attempts
    from parity.xpu.record import EXECUTED, KERNEL_BACKENDS, MATRIX_UNITS, TORCH
    from parity.xpu.step import EXAMPLE
    from parity.xpu.tools import ROOT, triton_interpreter

    known = KERNEL_BACKENDS if step or search is not None else (*KERNEL_BACKENDS, TORCH)
    if backend is not None and backend not in known:
        raise unknown("backend", backend, known)
    here = [name for name in known if name != TORCH or triton_interpreter() is not None]
    backends = here if backend is None else [backend]
    if matrix_units not in MATRIX_UNITS:
        raise unknown("setting of matrix units", matrix_units, MATRIX_UNITS)
    if write and search is None:
        raise typer.BadParameter("--write goes with --search")
    if sum((real, step, search is not None)) > 1:
        raise typer.BadParameter("--real, --search and --step exclude each other")
    if step:
        implementations = [None, *backends] if backend is None else backends
        if not ops and not (ROOT / "examples").is_dir():
            raise typer.BadParameter(f"name MODULE:FUNCTION: the step of a clone, {EXAMPLE}, is not here")
        names = ops or [EXAMPLE]
        if wrong := [name for name in names if ":" not in name]:
            raise typer.BadParameter(f"--step takes MODULE:FUNCTION, not {wrong[0]!r}")
        record = command.steps(names, implementations, matrix_units=matrix_units)
        raise typer.Exit(command.deliver_steps(record, json_file, report))
    if real or search is not None:
        if search is not None:
            raise typer.Exit(
                command.search(operation(search), backends, json_file, matrix_units=matrix_units, write=write)
            )
        raise typer.Exit(command.real([operation(name) for name in ops or specs.names()], seed, json_file))
    todo = attempts([operation(name) for name in ops or specs.names()], backends, every)
    rungs = tuple(rung for rung in RUNGS if not (compile_only and rung == EXECUTED))
    raise typer.Exit(
        command.deliver(command.run(todo, seed=seed, rungs=rungs, matrix_units=matrix_units), json_file, report)
    )


@app.command()
def casts(device: DeviceOption = "cpu", json_file: JsonOption = None) -> None:
    """Casts of all codes between all formats, on every implementation of a device, against the declared formats."""
    from parity.commands import casts as all_casts

    where = device_called(device)
    rows = all_casts.run(where, tell=lambda text: typer.echo(text, err=True))
    raise typer.Exit(all_casts.deliver(rows, json_file, where))


@app.command()
def tune(
    op: OpName,
    case: Annotated[
        list[str] | None, typer.Option(help="Cases to measure, repeatable; the first when left out.")
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=N", help="Sizes in place of the case's, such as M=4096; repeatable."),
    ] = None,
    device: DeviceOption = None,
    implementations: Annotated[
        str | None,
        typer.Option(help="Names separated by commas; what a call takes by default when left out, of each framework."),
    ] = None,
    limit: Annotated[float, typer.Option(help="Seconds of search for each case and implementation.", min=0)] = 60,
    file: Annotated[
        Path | None, typer.Option(help="Table to add to; the one that calls read by themselves when left out.")
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Look for configurations that are faster on this device than the default, and keep what wins for later calls.

    A configuration wins that is right, and faster in every round than the default's own spread. Status 3 when nothing
    could be measured, 1 when the table cannot be written.
    """
    from parity.commands import tuning

    spec = operation(op)
    chosen = [tuning.resized(spec, case_of(spec, name), size or ()) for name in case or (None,)]
    names, where = implementations_called(implementations) if implementations else None, device_called(device)
    raise typer.Exit(
        tuning.report(spec, chosen, names, device=where, limit=limit, file=file, seed=seed, console=console())
    )


@app.command()
def env(as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False) -> None:
    """Versions, devices, and which implementation can run here."""
    from parity.record.environment_report import environment

    found = environment()
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=2) + "\n")
        return
    from parity.show.describe import environment_sections

    for section in environment_sections(found):
        print_section(console(), section)
