"""What `parity xpu` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from parity import wording
from parity.assemble import Stopwatch, command
from parity.describe import Section
from parity.environment_report import machine, versions
from parity.inputs import KINDS
from parity.printing import console, print_section, say
from parity.table import progress
from parity.xpu.ladder import CARDS, RUNGS, Attempt, walk
from parity.xpu.record import LadderRecord, Road, to_json
from parity.xpu.table import sections
from parity.xpu.tools import Tools, find, package_versions
from specs.lang.op import Op


def run(todo: Sequence[Attempt], *, seed: int, rungs: Sequence[str], tools: Tools | None = None) -> LadderRecord:
    """Walks the ladder, with a progress bar where somebody is watching."""
    watch, found = Stopwatch(), tools or find()
    with progress(len(todo)) as step:
        rows = walk(todo, found, seed=seed, rungs=rungs, progress=step)
    return LadderRecord(
        started=watch.started,
        command=command(),
        seed=seed,
        seconds=watch.seconds,
        environment={**machine(), **found.described()},
        versions={**versions(), **package_versions(found)},
        rungs=tuple(rung for rung in RUNGS if rung in rungs),
        rows=tuple(rows),
    )


def deliver(record: LadderRecord, json_file: Path | None, report: Path | None) -> int:
    """Prints a record, writes the files that were asked for, and returns the exit status."""
    out = console()
    for section in sections(record):
        print_section(out, section)
    if json_file is not None:
        json_file.write_text(to_json(record), encoding="utf-8")
        say(out, f"record: {json_file}")
    if report is not None:
        from parity.xpu.page import render

        report.write_text(render(record), encoding="utf-8")
        say(out, f"report: {report}")
    if any(record.counts(rung)["yes"] for rung in record.rungs):
        return 1 if record.failed else 0
    print("nothing was run: see the reasons above", file=sys.stderr)
    return 1


def search(op: Op, road: str | None, json_file: Path | None) -> int:
    """Looks for tunables of an operation's kernels that spill least, and prints what to put where."""
    from parity.xpu import search as searching

    tools, out = find(), console()
    problems = [*tools.problems, *(f"no ocloc here knows {card}" for card in CARDS if card not in tools.offline)]
    if problems:
        print(f"not run: {'; '.join(problems)}", file=sys.stderr)
        return 1
    chosen: Road = "triton" if road == "triton" else "pallas"
    kernels = searching.search(op, tools, road=chosen, progress=lambda text: print(text, file=sys.stderr, flush=True))
    columns = ("kernel", "case", "tunables", "spilled bytes per thread", "shared memory", "refused")
    for tried in kernels:
        rows = tuple(
            (
                one.kernel,
                one.case,
                _values(one.tunables),
                wording.NOTHING if one.spill is None else str(one.spill),
                str(one.shared_memory),
                one.reason[:120],
            )
            for one in sorted(tried, key=lambda one: one.rank)
        )
        print_section(
            out, Section(title=f"{tried[0].kernel}: configurations tried, best first", columns=columns, rows=rows)
        )
        before = "" if len(tried) == 1 else f", in place of {_values(tried[0].tunables)}"
        say(out, f'{tried[0].kernel}, best for target "xpu": {_values(tried[-1].tunables)}{before}')
    if json_file is not None:
        told = [[asdict(one) for one in tried] for tried in kernels]
        json_file.write_text(
            json.dumps({"op": op.name, "road": chosen, "tried": told}, indent=1) + "\n", encoding="utf-8"
        )
    return 0


def _values(tunables: Mapping[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in tunables.items())


def real(ops: Sequence[Op], seed: int, json_file: Path | None) -> int:
    """Parity on an Intel GPU of this machine; the record is the file to send back."""
    from parity import comparing
    from parity.xpu import card

    found = card.find_cards()
    for line in found.told:
        print(line, file=sys.stderr)
    if not found.implementations:
        print("not run: no framework here sees an Intel GPU", file=sys.stderr)
        return 1
    record = comparing.run_cases(ops, seed=seed, implementations=found.implementations, kinds=KINDS, device="xpu")
    record = replace(record, environment={**record.environment, **found.environment})
    return comparing.deliver(record, json_file or Path("parity-xpu-real.json"), None)
