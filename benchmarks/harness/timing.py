"""Host time of calls, and how many input sets a measurement needs; device work is timed by `parity.tune.timing`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter

from parity.tune.timing import Queue, Timing, describe_error, interleave, ratio

__all__ = ["PASS_BYTES", "Queue", "Timing", "describe_error", "host_samples", "interleave", "ratio", "sets_needed"]

PASS_BYTES = 1_500_000_000
"""Least bytes moved by one pass, if enough sets are allowed: a third of a millisecond on a large GPU.
A JAX executable with a hundred arguments takes the host 0.1 to 0.2 ms, and the device waits if it has less to do."""


def host_samples(
    variants: Mapping[str, Callable[[], object]], wait: Callable[[], None], *, calls: int = 100, rounds: int = 30
) -> dict[str, tuple[float, ...]]:
    """Host time of one call that returns without waiting, per round; the device is idle before each sample.

    Variants take turns within a round: the speed of a shared host changes from one moment to the next, and what one
    variant adds to another is the difference within a round.
    """
    for call in variants.values():
        for _ in range(20):
            call()
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            wait()
            start = perf_counter()
            for _ in range(calls):
                call()
            samples[name].append((perf_counter() - start) / calls)
    wait()
    return {name: tuple(found) for name, found in samples.items()}


def sets_needed(bytes_per_set: int, cache_bytes: int, *, factor: float = 3.0, most: int = 64) -> int:
    """How many input sets to rotate through: enough that no set is still in the cache when its turn comes again, and
    that one pass keeps the device busy for longer than a framework needs to dispatch it (see `PASS_BYTES`).
    """
    needed = max(factor * cache_bytes, PASS_BYTES) / max(bytes_per_set, 1)
    return max(2, min(most, 1 + math.ceil(needed)))
