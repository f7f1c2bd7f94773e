"""Shared code of benchmark sections: settings, machine ceilings, timing one case with all its variants."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import contenders
from benchmarks.harness.queues import jax_empty_queue, torch_empty_queue, torch_queue
from benchmarks.harness.report import Report, Row, cache_bytes, machine_facts
from benchmarks.harness.timing import Queue, Timing, describe_error, interleave, ratio, sets_needed
from benchmarks.harness.variants import OURS_TORCH, Candidate, difference

VERSUS, SHARE = "vs ours", "share of copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to measure.

    quick: tiny sizes, to try the program itself.
    backends: of torch, to be measured beside the default.
    """

    device: str
    rounds: int = 7
    sample_seconds: float = 0.03
    jax: bool = True
    plain: bool = True
    quick: bool = False
    backends: tuple[str, ...] = ()

    def sets(self, nbytes: int) -> int:
        """Input sets for a case that reads and writes `nbytes`."""
        return sets_needed(nbytes, cache_bytes(self.device), most=4 if self.quick else 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What the machine reaches in this run: bytes per second of a copy (read plus written)."""

    copy: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line options that every benchmark has."""
    parser.add_argument("--device", default=None, help="cuda or cpu; by default cuda where torch sees one")
    parser.add_argument("--rounds", type=int, default=7, help="samples per variant")
    parser.add_argument("--sample-ms", type=float, default=30.0, help="length of one sample")
    parser.add_argument("--no-jax", action="store_true", help="leave the JAX variants out")
    parser.add_argument("--no-plain", action="store_true", help="leave out the variants launched call by call")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: tries the program, measures nothing")
    parser.add_argument("--json", type=Path, default=None, help="file for all figures, rewritten after every row")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which no new case starts")


def settings_of(given: argparse.Namespace) -> Settings:
    """Settings from parsed options."""
    import torch

    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Settings(
        device=device,
        rounds=given.rounds,
        sample_seconds=given.sample_ms / 1e3,
        jax=not given.no_jax,
        plain=not given.no_plain,
        quick=given.quick,
        backends=tuple(getattr(given, "backend", ())),
    )


def open_report(given: argparse.Namespace, settings: Settings) -> Report:
    """An empty report with the machine's facts, printed."""
    report = Report(path=given.json, limit=given.limit)
    with report.guard("machine"):
        report.machine.update(machine_facts(settings.device))
    print("  ".join(f"{name}={value}" for name, value in report.machine.items()), flush=True)
    return report


def measure_ceilings(settings: Settings, report: Report) -> Ceilings | None:
    """Copy bandwidth, bf16 product rate, and what a launch costs in each framework."""
    nbytes = 1 << (22 if settings.quick else 30)
    edge = 256 if settings.quick else 8192
    device = settings.device
    builders: dict[str, Callable[[], Queue]] = {
        "copy": lambda: torch_queue(contenders.copy_calls(nbytes, device), device),
        "bf16 product": lambda: torch_queue(
            contenders.matmul_bf16(contenders.bf16_pairs(edge, edge, edge, 2, device)), device
        ),
        "smallest kernel, torch": lambda: torch_empty_queue(device),
    }
    if settings.jax:
        builders["smallest kernel, jax"] = jax_empty_queue
    time_queues("machine", "-", builders, settings, Report(path=None, limit=report.limit))  # clocks rise meanwhile
    timings = time_queues("machine", "-", builders, settings, report)
    for name, timing in timings.items():
        figures = {}
        if name == "copy":
            figures["GB/s"] = 2 * nbytes / timing.seconds / 1e9
        if name == "bf16 product":
            figures["TFLOP/s"] = 2 * edge**3 / timing.seconds / 1e12
        report.add(Row(section="machine", case="-", variant=name, timing=timing, figures=figures))
    return Ceilings(copy=2 * nbytes / timings["copy"].seconds) if "copy" in timings else None


def time_queues(
    section: str, case: str, builders: Mapping[str, Callable[[], Queue]], settings: Settings, report: Report
) -> dict[str, Timing]:
    """Builds and times; what fails becomes a row."""
    queues: dict[str, Queue] = {}
    for name, build in builders.items():
        with report.guard(section, case, name):
            queues[name] = build()
    timings, failures = interleave(queues, rounds=settings.rounds, sample_seconds=settings.sample_seconds)
    for name, why in failures.items():
        report.add(Row(section=section, case=case, variant=name, note=why))
    return timings


def run_case(
    section: str,
    case: str,
    candidates: Mapping[str, Candidate],
    settings: Settings,
    report: Report,
    figures: Callable[[str, float], dict[str, float]],
    reference: str = OURS_TORCH,
    best_of: str | None = None,
) -> dict[str, Timing]:
    """Times the candidates of one case in turn and reports them.

    Args:
        figures: variant and seconds per call -> further columns.
        reference: the variant that times and results are compared with.
        best_of: of the variants whose name begins so, only the fastest goes into the table.
    """
    timings = time_queues(section, case, {n: c.build for n, c in candidates.items()}, settings, report)
    differences = _differences(candidates, timings, reference)
    alike = [name for name in timings if best_of and name.startswith(best_of)]
    fastest = min(alike, key=lambda name: timings[name].seconds) if alike else None
    for name, timing in timings.items():
        columns: dict[str, float] = {}
        note = f"best of {len(alike)}" if name == fastest else ""
        if reference in timings:
            columns[VERSUS] = ratio(timing, timings[reference])
        columns |= figures(name, timing.seconds)
        found = differences.get(name)
        if isinstance(found, float):
            columns["difference"] = found
        elif found is not None:
            note = f"not compared: {found}"
        minor = name in alike and name != fastest
        row = Row(section=section, case=case, variant=name, timing=timing, figures=columns, note=note, minor=minor)
        report.add(row)
    gc.collect()
    return timings


def _differences(
    candidates: Mapping[str, Candidate], timings: Mapping[str, Timing], reference: str
) -> dict[str, float | str]:
    """How far each result is from the reference's, or why that is not known."""
    base = candidates[reference].result if reference in timings else None
    if base is None:
        return {}
    found: dict[str, float | str] = {}
    value: Any = None
    for name in timings:
        result = candidates[name].result
        if result is None or name == reference:
            continue
        try:
            value = base() if value is None else value
            found[name] = difference(result(), value)
        except Exception as error:  # noqa: BLE001 - the times stand without it
            found[name] = describe_error(error)
    return found
