"""`parity run` and `parity job`: run comparisons, print and save the record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import specs
from parity.commands.beside import beside
from parity.commands.status import NOTHING_NAMED, Asked, exit_status, not_run
from parity.judge.inputs import KINDS, Kind
from parity.judge.runner import inputs_of, repeat_case, run_all
from parity.record.assemble import Stopwatch, run_record
from parity.record.json import to_json
from parity.record.records import CaseResult, ModelSection, RunRecord
from parity.show.model_sections import model_sections, reasons
from parity.show.printing import console, print_section, say, write_text
from parity.show.table import print_record, progress
from parity.xpu.record import LadderRecord
from specs.lang.declare.op import Case, Op

Part = ModelSection | tuple[CaseResult, ...]
"""What a piece of the job finds that can be done in another process."""


def run_cases(
    ops: Sequence[Op],
    *,
    seed: int,
    implementations: Sequence[str],
    kinds: Sequence[Kind],
    device: str,
    cases: Sequence[str] = (),
    save: Path | None = None,
    smaller: bool = False,
) -> RunRecord:
    """Cases of some operations, with a progress bar on terminals; an interrupt ends it early.

    cases: names of those to run; all cases where none is named.
    save: folder for the inputs of every case that failed, and of every case that was named.
    smaller: for every case that failed also the inputs of the smallest call that fails.
    """
    watch, found = Stopwatch(), list[CaseResult]()
    total = sum(not cases or case.name in cases for op in ops for case in op.cases) * len(kinds)
    with progress(total) as step:
        step("")

        def after(_done: int, _total: int, op: str, case: Case, kind: Kind, rows: tuple[CaseResult, ...]) -> None:
            found.extend(rows)
            if save is not None and (cases or any(row.status == "failed" for row in rows)):
                say(console(), f"saved: {save_case(save, specs.get(op), case, kind, seed, device, rows)}")
            if save is not None and smaller and any(row.status == "failed" for row in rows):
                save_smaller(save, specs.get(op), case, kind, seed, device, rows)
            step(f"{op}, {case.name}, {kind}")

        names, interrupted = [op.name for op in ops], False
        try:
            results: Sequence[CaseResult] = run_all(
                names,
                seed=seed,
                implementations=implementations,
                device=device,
                kinds=kinds,
                cases=cases,
                progress=after,
            )
        except KeyboardInterrupt:
            results, interrupted = found, True
    return run_record(results, watch=watch, seed=seed, device=device, interrupted=interrupted)


def save_case(folder: Path, op: Op, case: Case, kind: Kind, seed: int, device: str, rows: Sequence[CaseResult]) -> Path:
    """Writes the inputs of a case, and a script for everything that ran on them; returns the folder of the case."""
    from parity.record.saving import ran, save

    names = ran(rows)
    target = folder / f"{op.name}-{case.name}-{kind}-{seed}"
    save(
        inputs_of(op, case, kind, seed),
        target,
        implementations=names,
        device=device,
        title=f"{op.name}, case {case.name}, {kind} data, seed {seed}",
        repeat=repeat_case(op, case, kind, seed, device, names),
    )
    return target


def save_smaller(
    folder: Path, op: Op, case: Case, kind: Kind, seed: int, device: str, rows: Sequence[CaseResult]
) -> None:
    """Looks for a smaller call that fails, prints its size, and writes its inputs with scripts."""
    from parity.commands.minimising import failing, minimise
    from parity.record.saving import save

    names = failing(rows)
    found = minimise(op, case, kind, seed, names, device)
    if found is None:
        say(console(), f"not made smaller: {op.name}, case {case.name}, {kind} data, does not fail again")
        return
    target = folder / f"{op.name}-{case.name}-{kind}-{seed}-smaller"
    title = f"{op.name}, made smaller from case {case.name}, {kind} data, seed {seed}"
    repeat = repeat_case(op, case, kind, seed, device, names)
    save(found.inputs, target, implementations=names, device=device, title=title, repeat=repeat)
    say(console(), f"smaller: {target}, after {found.calls} calls: {found.told()}")
    for row in found.rows:
        if row.status == "failed":
            say(console(), f"    {row.pair}: {row.reason}")


def run_job(*, seed: int, device: str, implementations: Sequence[str], quick: bool) -> RunRecord:
    """Two real models under every scheme, and every case of the products and quantisers of the schemes.

    quick: the first scheme of each, and no cases.

    Raises:
        Unsupported: a model or a framework is not installed, or a framework does not see the device.
    """
    from parity.models.decoder import job as decoder
    from parity.models.minilm import assets, job
    from parity.models.minilm.plain import PLAIN
    from parity.models.minilm.schemes import SCHEMES

    watch = Stopwatch()
    # Before anything is started that would have to be waited for.
    assets.folder()
    decoder.check_installed()
    used = {name for scheme in SCHEMES for name in (scheme.op, scheme.quantiser)}
    ops = () if quick else [name for name in specs.built_in() if name in used]
    cases = [partial(_cases_of, op, seed, tuple(implementations), device) for op in ops]
    with beside((partial(_language, device, quick), *cases), device=device) as others:
        found = job.run(
            implementations=implementations,
            device=device,
            schemes=SCHEMES[:1] if quick else (PLAIN, *SCHEMES),
            progress=_tell,
        )
        _tell("the cases of the operations")
        parts = others.results()
    models = (found.section(), *(part for part in parts if isinstance(part, ModelSection)))
    rows = tuple(row for part in parts if isinstance(part, tuple) for row in part)
    return run_record(rows, watch=watch, seed=seed, device=device, models=models)


def _language(device: str, quick: bool) -> Part:
    """The language model's part of the job."""
    from parity.models.decoder import job

    return job.run(device=device, schemes=job.SCHEMES[:1] if quick else job.SCHEMES, progress=_tell)


def _cases_of(op: str, seed: int, implementations: tuple[str, ...], device: str) -> Part:
    """Every case of an operation."""
    from parity.models.minilm.engines import thread_limit

    with thread_limit(implementations):
        return run_all((op,), seed=seed, implementations=implementations, device=device, kinds=KINDS)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def deliver(
    record: RunRecord,
    json_file: Path | None,
    report: Path | None,
    *,
    asked: Asked = NOTHING_NAMED,
    rows: bool = False,
    ladder: LadderRecord | None = None,
) -> int:
    """Prints a record, writes the files that were asked for, and returns the exit status (see
    `parity.commands.status`).

    asked: what was asked for by name, and has to have run.
    rows: print one row per comparison instead of one per operation; the files have all of them either way.
    ladder: a walk through Intel's compilers, for the report.
    """
    out = console()
    if record.results:
        print_record(record, out, rows=rows)
    for model in record.models:
        for section in model_sections(model):
            print_section(out, section)
        for line in reasons(model):
            say(out, line)
    if json_file is not None:
        write_text(json_file, to_json(record))
        say(out, f"record: {json_file}")
    if report is not None:
        from parity.report import render
        from parity.xpu.page import section as intel

        write_text(report, render(record, (intel(ladder, record.spec_hashes),)))
        say(out, f"report: {report}")
    missing = not_run(record, asked)
    for line in missing:
        print(f"asked for and not run: {line}", file=sys.stderr)
    if record.interrupted:
        print(f"interrupted after {len(record.results)} comparisons", file=sys.stderr)
    return exit_status(record, missing)
