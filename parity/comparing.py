"""What `parity run` and `parity job` do: run, and hand over what was found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import specs
from parity import wording
from parity.assemble import Stopwatch, run_record
from parity.describe import Row, Section
from parity.inputs import KINDS, Kind
from parity.printing import console, print_section, say
from parity.records import CaseResult, ModelSection, RunRecord, count
from parity.records_json import to_json
from parity.runner import run_all
from parity.table import print_record, progress
from parity.xpu.record import LadderRecord
from specs.lang.op import Case, Op

JOB_FAMILIES = ("quant", "gemm")
"""Families whose cases are part of the job: those that its layers use."""


def run_cases(
    ops: Sequence[Op], *, seed: int, implementations: Sequence[str], kinds: Sequence[Kind], device: str
) -> RunRecord:
    """Every case of some operations, with a progress bar where somebody is watching."""
    watch = Stopwatch()
    with progress(sum(len(op.cases) for op in ops) * len(kinds)) as step:
        step("")

        def after(
            _done: int, _total: int, op: str, case: Case, kind: Kind, _rows: tuple[CaseResult, ...]
        ) -> None:
            step(f"{op}, {case.name}, {kind}")

        names = [op.name for op in ops]
        results = run_all(
            names, seed=seed, implementations=implementations, device=device, kinds=kinds, progress=after
        )
    return run_record(results, watch=watch, seed=seed, device=device)


def run_job(*, seed: int, device: str, implementations: Sequence[str], quick: bool) -> RunRecord:
    """The real model under every scheme, then every case of every operation.

    quick: the first scheme, and no cases. Otherwise those of `JOB_FAMILIES` are run as well.
    """
    from parity.minilm import job
    from parity.minilm.schemes import SCHEMES

    watch = Stopwatch()
    found = job.run(
        implementations=implementations,
        device=device,
        schemes=SCHEMES[:1] if quick else SCHEMES,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    results: tuple[CaseResult, ...] = ()
    if not quick:
        ops = [op for op in map(specs.get, specs.names()) if op.family in JOB_FAMILIES]
        cases = run_cases(ops, seed=seed, implementations=implementations, kinds=KINDS, device=device)
        results = cases.results
    return run_record(results, watch=watch, seed=seed, device=device, models=(found.section(),))


def deliver(
    record: RunRecord,
    json_file: Path | None,
    report: Path | None,
    *,
    brief: bool = False,
    ladder: LadderRecord | None = None,
) -> int:
    """Prints a record, writes the files that were asked for, and returns the exit status.

    brief: one row per operation instead of one per case; the files hold everything either way.
    ladder: a walk through Intel's compilers, for the report.
    """
    out = console()
    if record.results and brief:
        print_section(out, operations_section(record.results))
        for result in record.results:
            if result.status == "failed":
                say(out, f"failed: {result.op}, {result.case}, {result.pair}: {result.reason}")
    elif record.results:
        print_record(record, out)
    for model in record.models:
        print_section(out, model_section(model))
        print_section(out, similarity_section(model))
        for linear in model.linears:
            if linear.reason:
                where = f"{linear.scheme}, layer {linear.layer}, {linear.linear}, {linear.pair}"
                say(out, f"{linear.status}: {where}: {linear.reason}")
    if json_file is not None:
        _write(json_file, to_json(record))
        say(out, f"record: {json_file}")
    if report is not None:
        from parity.report import render

        _write(report, render(record, ladder))
        say(out, f"report: {report}")
    return 1 if failed(record) else 0


def operations_section(results: Sequence[CaseResult]) -> Section:
    """One row per operation: how many comparisons ended how, twins that were identical, and the largest share."""
    rows: list[Row] = []
    for op in dict.fromkeys(result.op for result in results):
        mine = tuple(result for result in results if result.op == op)
        counts = ", ".join(f"{n} {status}" for status, n in count(mine).items() if n)
        ran = [r for r in mine if r.exact_twin != "not applicable" and r.status in ("passed", "failed")]
        twins = sum(r.exact_twin == "identical" for r in ran)
        share = max((r.bound_share for r in mine if r.bound_share is not None), default=None)
        rows.append((op, counts, f"{twins} of {len(ran)}", wording.share(share)))
    columns = ("operation", "comparisons", "exact twins identical", "of bound, random data")
    return Section(title="Every operation, every case that a CPU can take", columns=columns, rows=tuple(rows))


def similarity_section(model: ModelSection) -> Section:
    """Cosines of neighbouring sentences (paraphrases of each other), and the largest of any other two."""
    tables = model.similarities
    columns = ("sentences", *(f"{t.scheme} {t.implementation.partition(':')[0]}" for t in tables))
    rows: list[Row] = []
    for i in range(0, len(model.sentences) - 1, 2):
        words = " / ".join(f"{model.sentences[j][:24].rsplit(' ', 1)[0]} .." for j in (i, i + 1))
        rows.append((words, *(f"{t.values[i][i + 1]:.4f}" for t in tables)))
    others = [(i, j) for j in range(len(model.sentences)) for i in range(j) if i // 2 != j // 2]
    if others:
        rows.append(("unrelated, at most", *(f"{max(t.values[i][j] for i, j in others):.4f}" for t in tables)))
    return Section(title="Cosine similarities of sentence embeddings", columns=columns, rows=tuple(rows))


def model_section(model: ModelSection) -> Section:
    """One row per scheme and pair: how many linears passed, and the largest numbers among them."""
    rows: list[Row] = []
    for scheme, pair in dict.fromkeys((linear.scheme, linear.pair) for linear in model.linears):
        linears = tuple(x for x in model.linears if (x.scheme, x.pair) == (scheme, pair))
        counts = ", ".join(f"{n} {status}" for status, n in count(linears).items() if n)
        ulp = max((x.max_ulp for x in linears if x.max_ulp is not None), default=None)
        share = max((x.bound_share for x in linears if x.bound_share is not None), default=None)
        rows.append((scheme, pair, counts, wording.ulps(ulp), wording.share(share)))
    columns = ("scheme", "compared", "linears", "max ulp", "of bound")
    return Section(title=f"{model.name}: {model.note}", columns=columns, rows=tuple(rows))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def failed(record: RunRecord) -> bool:
    """Whether anything in the record failed."""
    linears = [linear.status for model in record.models for linear in model.linears]
    return "failed" in (*linears, *(result.status for result in record.results))
