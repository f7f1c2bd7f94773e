"""Host time of making a kernel's source, which a process pays once per specialisation: `python -m benchmarks.emitting`.

Every kernel of every case is traced, legalised and emitted for one device, past the caches that a call goes through. No
GPU and no compiler takes part.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import cast

import specs
from benchmarks.harness.report import format_table
from parity.write.sources import DEVICE, emitters
from specs.tile.ir import Program, walk
from specs.tile.launch.cases import case_launches
from specs.tile.launch.plan import Launch
from specs.tile.launch.specialise import trace
from specs.tile.passes.legalise import legalise
from specs.tile.targets import Target

NAMES: tuple[str, ...] = tuple(emitters())
Emit = Callable[[Program], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kernel and one emitter: milliseconds, each the median over the runs."""

    emitter: str
    op: str
    case: str
    kernel: str
    operations: int
    trace: float
    legalise: float
    emit: float
    total: float

    def cells(self) -> list[str]:
        """The row as text."""
        return [f"{value:.1f}" if isinstance(value, float) else str(value) for value in asdict(self).values()]


def launches(ops: Iterable[str], target: Target, *, strided: bool) -> Iterator[tuple[str, str, Launch]]:
    """Operation, case and launch of every kernel; of several cases that run one program the first."""
    seen: set[Program] = set()
    for name in ops:
        op = specs.get(name)
        for case in op.cases:
            for found in case_launches(op, case, target.config, strided=strided):
                if found.program not in seen:
                    seen.add(found.program)
                    yield name, case.name, found


def measure(launch: Launch, target: Target, emit: Emit, runs: int) -> dict[str, float]:
    """Milliseconds of the three steps and of all, each the median over the runs."""
    samples: dict[str, list[float]] = {"trace": [], "legalise": [], "emit": [], "total": []}
    for _ in range(runs):
        start = time.perf_counter()
        traced = trace.__wrapped__(launch.kernel, launch.key)
        recorded = time.perf_counter()
        legal = legalise.__wrapped__(traced, target)
        rewritten = time.perf_counter()
        emit(legal)
        end = time.perf_counter()
        steps = (recorded - start, rewritten - recorded, end - rewritten, end - start)
        for times, seconds in zip(samples.values(), steps, strict=True):
            times.append(seconds * 1e3)
    return {step: median(times) for step, times in samples.items()}


def rows(emitter: str, ops: Iterable[str], device: str, runs: int) -> list[Row]:
    """Every kernel of the operations through one emitter, the slowest first."""
    source = emitters()[emitter]
    target, emit = source.targets[device], cast(Emit, inspect.unwrap(source.emit))
    found = list(launches(ops, target, strided=source.strided))
    # Keeps garbage collection of all cases' kernels out of the time.
    gc.collect()
    gc.freeze()
    made = [
        Row(
            emitter=emitter,
            op=op,
            case=case,
            kernel=launch.kernel.name,
            operations=len(walk(launch.program.ops)),
            **measure(launch, target, emit, runs),
        )
        for op, case, launch in found
    ]
    return sorted(made, key=lambda row: -row.total)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="host time of tracing and emitting every kernel, slowest first")
    parser.add_argument("--ops", nargs="+", default=list(specs.names()), help="names of operations")
    parser.add_argument("--emitters", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--device", default=DEVICE, help="whose sources are made")
    parser.add_argument("--runs", type=int, default=7, help="runs per kernel, of which the median counts")
    parser.add_argument("--rows", type=int, default=8, help="kernels to print per emitter")
    parser.add_argument("--json", type=Path, default=None, help="file for all rows")
    given = parser.parse_args(arguments)
    everything = [row for name in given.emitters for row in rows(name, given.ops, given.device, given.runs)]
    heads = ["emitter", "operation", "case", "kernel", "IR ops", "trace ms", "legalise ms", "emit ms", "all ms"]
    shown = [row for name in given.emitters for row in [r for r in everything if r.emitter == name][: given.rows]]
    print(format_table([heads, *(row.cells() for row in shown)]))
    print(f"{len(everything)} kernels, median of {given.runs} runs; the slowest {given.rows} of each emitter")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(row) for row in everything], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
