"""From results to the record of a run, with everything needed to repeat it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter

import specs
from parity.record.environment_report import machine, record_devices, versions
from parity.record.records import CaseResult, ModelSection, RunRecord
from specs.export import content_hash


class Stopwatch:
    """When a run began, and how long it has taken."""

    def __init__(self) -> None:
        self.started = datetime.now().astimezone().isoformat(timespec="seconds")
        self._start = perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return perf_counter() - self._start


def run_record(
    results: Sequence[CaseResult],
    *,
    watch: Stopwatch,
    seed: int,
    device: str,
    models: Sequence[ModelSection] = (),
    interrupted: bool = False,
) -> RunRecord:
    """The record of a run on `device` that is over now. Models count as users of every operation."""
    ops = specs.names() if models else dict.fromkeys(result.op for result in results)
    return RunRecord(
        started=watch.started,
        command=command(),
        seed=seed,
        seconds=watch.seconds,
        environment=machine(),
        versions=versions(),
        spec_hashes={name: _hash(name) for name in ops},
        devices=record_devices(device),
        results=tuple(results),
        models=tuple(models),
        interrupted=interrupted,
    )


def _hash(name: str) -> str:
    """The hash of a spec; empty of one whose kernels cannot be traced, which its failed rows tell."""
    try:
        return content_hash(specs.get(name))
    except Exception:  # noqa: BLE001 - whatever the body of an author raises
        return ""


def command() -> str:
    """What to type to do this again."""
    return shlex.join(["python", "-m", "parity", *sys.argv[1:]])
