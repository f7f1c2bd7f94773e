"""What a step computes, and how steps are timed, the same way in both frameworks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from specs.decoder.batch import Request

PAGE: Final = 16
ALONE: Final = 5
"""Steps that are queued while the device has nothing to do, for the time of the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of one step: `tokens` new tokens each, after `context` that are in the caches."""

    requests: int
    tokens: int = 1
    context: int = 0

    @property
    def table(self) -> int:
        """Pages of a request."""
        return -(-(self.context + self.tokens) // PAGE)

    def step(self) -> list[Request]:
        """What the step computes, every request with pages of its own."""
        return [
            Request(
                computed=self.context,
                tokens=range(self.tokens),
                pages=range(index * self.table, (index + 1) * self.table),
            )
            for index in range(self.requests)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds. step: of one of many that follow each other. host: until one is queued on a device that is idle."""

    step: float
    host: float


def timed(queue: Callable[[], None], wait: Callable[[], None], steps: int) -> Times:
    """Queues steps without waiting for each, as the server does, and some one by one."""
    start = time.perf_counter()
    for _ in range(steps):
        queue()
    wait()
    step, hosts = (time.perf_counter() - start) / steps, []
    for _ in range(ALONE):
        start = time.perf_counter()
        queue()
        hosts.append(time.perf_counter() - start)
        wait()
    return Times(step=step, host=median(hosts))
