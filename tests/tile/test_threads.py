"""Kernels are traced when they are first called, which may be in several threads at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from specs.tile.frontend.trace import Tracer, tracing
from specs.tile.language import arange

SIZES = (16, 32, 64)


def test_every_thread_records_into_its_own_trace() -> None:
    barrier = Barrier(len(SIZES), timeout=30)

    def trace(size: int) -> list[object]:
        with tracing(Tracer()) as tracer:
            barrier.wait()  # all threads are tracing
            arange(size)
            barrier.wait()  # none has ended
        return [op.attrs["n"] for op in tracer.ops]

    with ThreadPoolExecutor(len(SIZES)) as pool:
        assert list(pool.map(trace, SIZES)) == [[size] for size in SIZES]
