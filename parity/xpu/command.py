"""`parity xpu`: walks the ladder, searches tunables, runs on a real card."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import specs
from parity.commands.status import FAILED, NOT_RUN, OK, Asked
from parity.judge.inputs import KINDS
from parity.record.assemble import Stopwatch, command
from parity.record.environment_report import machine, versions
from parity.show import wording
from parity.show.describe import Section
from parity.show.printing import console, print_section, say, write_text
from parity.show.table import progress
from parity.xpu import search as searching
from parity.xpu import step as stepping
from parity.xpu import step_record, step_table
from parity.xpu.ladder import CARDS, RUNGS, Attempt, walk
from parity.xpu.record import LadderRecord, to_json
from parity.xpu.search import Candidate, Found
from parity.xpu.step_record import StepRecord
from parity.xpu.table import sections
from parity.xpu.tools import Tools, find, package_versions
from specs import tuned
from specs.export import content_hash
from specs.lang.declare.op import Op


def run(
    todo: Sequence[Attempt], *, seed: int, rungs: Sequence[str], tools: Tools | None = None, matrix_units: str = "on"
) -> LadderRecord:
    """Walks the ladder, with a progress bar on terminals."""
    watch, found = Stopwatch(), tools or find()
    with progress(len(todo)) as step:
        rows = walk(todo, found, seed=seed, rungs=rungs, matrix_units=matrix_units, progress=step)
    return LadderRecord(
        started=watch.started,
        command=command(),
        seed=seed,
        seconds=watch.seconds,
        environment={**machine(), **found.described()},
        versions={**versions(), **package_versions(found)},
        rungs=tuple(rung for rung in RUNGS if rung in rungs),
        rows=tuple(rows),
        spec_hashes={name: content_hash(specs.get(name)) for name in dict.fromkeys(one.op.name for one in todo)},
    )


def deliver(record: LadderRecord, json_file: Path | None, report: Path | None) -> int:
    """Prints a record, writes the files that were asked for, and returns the exit status."""
    out = console()
    for section in sections(record):
        print_section(out, section)
    if json_file is not None:
        write_text(json_file, to_json(record))
        say(out, f"record: {json_file}")
    if report is not None:
        from parity.xpu.page import render

        write_text(report, render(record))
        say(out, f"report: {report}")
    if any(record.counts(rung)["yes"] for rung in record.rungs):
        return FAILED if record.failed else OK
    print("nothing was run: see the reasons above", file=sys.stderr)
    return NOT_RUN


def steps(
    names: Sequence[str],
    implementations: Sequence[str | None],
    *,
    matrix_units: str = "on",
    tools: Tools | None = None,
) -> StepRecord:
    """Compiles whole steps, "MODULE:FUNCTION" each, with a progress bar on a terminal."""
    watch, found = Stopwatch(), tools or find()
    todo = stepping.attempts(names, implementations)
    with progress(len(todo)) as advance:
        rows = stepping.compile_steps(todo, found, matrix_units=matrix_units, progress=advance)
    return StepRecord(
        started=watch.started,
        command=command(),
        seconds=watch.seconds,
        environment={**machine(), **found.described()},
        versions={**versions(), **package_versions(found)},
        rows=tuple(rows),
    )


def deliver_steps(record: StepRecord, json_file: Path | None, report: Path | None) -> int:
    """As `deliver`, of whole steps."""
    out = console()
    for section in step_table.sections(record):
        print_section(out, section)
    if json_file is not None:
        write_text(json_file, step_record.to_json(record))
        say(out, f"record: {json_file}")
    if report is not None:
        write_text(report, step_table.page(record))
        say(out, f"report: {report}")
    if record.ran:
        return FAILED if record.failed else OK
    print("nothing was run: see the reasons above", file=sys.stderr)
    return NOT_RUN


def search(op: Op, backends: Sequence[str], json_file: Path | None, *, matrix_units: str = "on", write: bool) -> int:
    """Looks for tunables of an operation's kernels that spill least; prints them, or puts them where the defaults are.

    Returns:
        Exit status: 3 where nothing could be searched, 1 where something found could not be written.
    """
    tools, out = find(), console()
    problems = [*tools.problems, *(f"no ocloc here knows {card}" for card in CARDS if card not in tools.offline)]
    if problems:
        print(f"not run: {'; '.join(problems)}", file=sys.stderr)
        return NOT_RUN

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found = searching.search(op, tools, backends=backends, matrix_units=matrix_units, progress=tell)
    for one in found:
        print_section(out, _tried(one.tried))
        default = _values(dict(one.group.row.values))
        instead = f", in place of {default}" if one.changed else ", as it is"
        say(out, f'{one.group.kernel.name}, best for target "xpu": {_values(one.tried[-1].tunables)}{instead}')
    if json_file is not None:
        told = [[asdict(candidate) for candidate in one.tried] for one in found]
        text = json.dumps({"op": op.name, "backends": list(backends), "tried": told}, indent=1)
        write_text(json_file, text + "\n")
    return put(found) if write else OK


def _tried(candidates: Sequence[Candidate]) -> Section:
    columns = (
        "kernel",
        "case",
        "tunables",
        "spilled bytes per thread",
        "registers",
        "share of DPAS peak",
        "shared memory",
        "refused",
    )
    rows = tuple(
        (
            one.kernel,
            one.case,
            _values(one.tunables),
            wording.NOTHING if one.spill is None else str(one.spill),
            str(one.registers),
            f"{one.share:.0%}" if one.share else wording.NOTHING,
            str(one.shared_memory),
            one.reason[:120],
        )
        for one in sorted(candidates, key=lambda one: one.rank)
    )
    return Section(title=f"{candidates[0].kernel}: configurations tried, best first", columns=columns, rows=rows)


def put(found: Sequence[Found]) -> int:
    """Writes what was found into the table of the target."""
    better = [one for one in found if one.changed]
    named = [one for one in better if one.group.row.name]
    for one in better:
        if one not in named:
            where = f"{one.group.kernel.name}: its row is written in the spec"
            print(f"not written: {where}; make it one of specs/tuned/xpu.json (see specs.tuned)", file=sys.stderr)
    for file in tuned.write((one.group.row, one.tried[-1].tunables) for one in named):
        print(f"{file}: {len(named)} configurations written; `parity emit --all --write` renews what names their specs")
    return FAILED if len(named) < len(better) else OK


def _values(tunables: Mapping[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in tunables.items())


def real(ops: Sequence[Op], seed: int, json_file: Path | None) -> int:
    """Parity on an Intel GPU of this machine; the record is the file to send back."""
    from parity.commands import comparing
    from parity.xpu import card

    found = card.find_cards()
    for line in found.told:
        print(line, file=sys.stderr)
    if not found.implementations:
        print("not run: no framework here sees an Intel GPU", file=sys.stderr)
        return NOT_RUN
    units = card.test_matrix_units()
    for line in units.values():
        print(line, file=sys.stderr)
    record = comparing.run_cases(ops, seed=seed, implementations=found.implementations, kinds=KINDS, device="xpu")
    record = replace(record, environment={**record.environment, **found.environment, **units})
    names = tuple(op.name for op in ops)
    asked = Asked(ops=names if names != specs.names() else (), device="xpu")
    return comparing.deliver(record, json_file or Path("parity-xpu-real.json"), None, asked=asked)
