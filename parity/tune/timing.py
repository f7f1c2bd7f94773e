"""Time per call of queued device work, the same way for every framework.

A `Queue` holds one pass: a fixed list of calls over different input sets, so that no call finds its inputs in the
second-level cache. A sample queues many passes without waiting, then waits once; it is the host clock over the whole
queue, divided by the number of calls. Starting and waiting cost tens of microseconds, which a sample of tens of
milliseconds makes small. Variants are sampled in turn, round after round in an order that changes, so that clocks and
temperature drift over all of them alike, and ratios are taken within a round before the median over rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

WARM_PASSES = 3
HOST_PASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One pass of device work.

    enqueue: queues one pass, returns without waiting for the device.
    wait: returns when everything queued is done.
    calls: calls of the operation in one pass.
    method: how the pass is launched, for the report.
    measure: seconds per call by another method, for work that cannot be queued.
    keep: what has to stay alive (input sets, graphs).
    """

    enqueue: Callable[[], None]
    wait: Callable[[], None]
    calls: int
    method: str
    measure: Callable[[], float] | None = None
    keep: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Samples of one variant, in seconds per call, one per round.

    host: seconds per call that queueing takes on the host; where it is near the time per call, the device waited.
    """

    samples: tuple[float, ...]
    host: float
    method: str

    @property
    def seconds(self) -> float:
        """Median time per call."""
        return median(self.samples)

    @property
    def spread(self) -> float:
        """(largest - smallest sample) / median."""
        return (max(self.samples) - min(self.samples)) / self.seconds


def interleave(
    queues: Mapping[str, Queue], *, rounds: int = 7, sample_seconds: float = 0.03
) -> tuple[dict[str, Timing], dict[str, str]]:
    """Times the variants in turn.

    Returns:
        timings by name, and the error text of each variant that failed.
    """
    failures: dict[str, str] = {}
    passes: dict[str, int] = {}
    host: dict[str, float] = {}
    samples: dict[str, list[float]] = {}
    for name, queue in queues.items():
        try:
            passes[name], host[name] = _calibrate(queue, sample_seconds)
            samples[name] = []
        except Exception as error:  # noqa: BLE001 - one variant's failure must not lose the others
            failures[name] = describe_error(error)
    for turn in range(rounds):
        # Another order every time: at a card's power limit, a sample depends on what ran before it.
        for name in Random(turn).sample(list(passes), len(passes)):  # noqa: S311 - no secret
            try:
                samples[name].append(_sample(queues[name], passes[name]))
            except Exception as error:  # noqa: BLE001
                failures[name] = describe_error(error)
                del passes[name]
    timings = {
        name: Timing(samples=tuple(samples[name]), host=host[name], method=queues[name].method) for name in passes
    }
    return timings, failures


def ratio(a: Timing, b: Timing) -> float:
    """Time of `a` over time of `b`: the median over rounds, each ratio within one round."""
    return median(x / y for x, y in zip(a.samples, b.samples, strict=True))


def _calibrate(queue: Queue, sample_seconds: float) -> tuple[int, float]:
    """(passes per sample, host seconds per call)."""
    if queue.measure is not None:
        return 1, math.nan
    for _ in range(WARM_PASSES):
        queue.enqueue()
    queue.wait()
    start = perf_counter()
    for _ in range(HOST_PASSES):
        queue.enqueue()
    queued = perf_counter()
    queue.wait()
    per_pass = (perf_counter() - start) / HOST_PASSES
    host = (queued - start) / (HOST_PASSES * queue.calls)
    return max(1, math.ceil(sample_seconds / per_pass)), host


def _sample(queue: Queue, passes: int) -> float:
    if queue.measure is not None:
        return queue.measure()
    queue.wait()
    start = perf_counter()
    for _ in range(passes):
        queue.enqueue()
    queue.wait()
    return (perf_counter() - start) / (passes * queue.calls)


def describe_error(error: BaseException) -> str:
    """An exception on one line, short enough for a table."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return text if len(text) <= 160 else text[:157] + "..."
