"""`parity fuzz`: drawn calls of some operations, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from parity.fuzz import calls as fuzz
from parity.record.assemble import Stopwatch, run_record
from parity.record.records import CaseResult, Pictures, RunRecord
from parity.record.saving import ran, save
from parity.show.printing import console, say
from parity.show.table import progress
from specs.lang.declare.op import Op


def run_fuzz(
    ops: Sequence[Op],
    *,
    seed: int,
    count: int,
    implementations: Sequence[str],
    device: str,
    folder: Path | None = None,
) -> RunRecord:
    """Drawn calls of some operations, the seeds following each other from `seed`; an interrupt ends it early.

    implementations: run every call; by default `parity.fuzz.calls.implementations_of`.
    folder: where the inputs of failed calls (or of the only call) are saved.
    """
    watch, found, interrupted = Stopwatch(), list[CaseResult](), False
    with progress(len(ops) * count) as step:
        try:
            for op, number in ((op, number) for op in ops for number in range(seed, seed + count)):
                step(f"{op.name}, seed {number}")
                rows = fuzz.run(op, number, tuple(implementations) or fuzz.implementations_of(number), device)
                # Pictures of thousands of calls that passed would fill the record.
                found += [row if row.status == "failed" else replace(row, pictures=Pictures()) for row in rows]
                if folder is not None and (count == 1 or any(row.status == "failed" for row in rows)):
                    say(console(), f"saved: {save_drawn(folder, op, number, device, rows)}")
        except KeyboardInterrupt:
            interrupted = True
    return run_record(found, watch=watch, seed=seed, device=device, interrupted=interrupted)


def save_drawn(folder: Path, op: Op, seed: int, device: str, rows: Sequence[CaseResult]) -> Path:
    """Writes the inputs of a drawn call, and a script for everything that ran on them; returns their folder."""
    names, target = ran(rows), folder / f"{op.name}-fuzz-{seed}"
    save(
        fuzz.draw(op, seed).inputs,
        target,
        implementations=names,
        device=device,
        title=f"{op.name}, drawn call, seed {seed}",
        repeat=fuzz.repeat_call(op, seed, device, names),
    )
    return target
