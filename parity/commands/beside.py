"""Pieces of work in other processes, in parallel to this one, if cores are free."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """Pieces of work, none, some or all of which another process has begun."""

    def __init__(self, work: Sequence[Callable[[], T]], futures: Sequence[Future[T]]) -> None:
        self._work = work
        self._futures = futures

    def results(self) -> tuple[T, ...]:
        """Results of all, in their order; what has not been begun is done here, last pieces first."""
        here: dict[int, T] = {}
        for index in reversed(range(len(self._work))):
            if not self._futures or self._futures[index].cancel():
                here[index] = self._work[index]()
        return tuple(here[i] if i in here else self._futures[i].result() for i in range(len(self._work)))


@contextmanager
def beside(work: Sequence[Callable[[], T]], *, device: str, cores: int | None = None) -> Iterator[Begun[T]]:
    """Begins pieces of work, in their order, and goes on.

    Only the CPU is shared: a GPU's memory belongs to one process.

    Args:
        work: functions of modules, or partial ones of them; what they take and return goes through pickle.
        cores: processes that can run at once, this one among them; None: as many as this machine has.
    """
    workers = min(len(work), (os.cpu_count() or 1 if cores is None else cores) - 1)
    if device != "cpu" or workers < 1:
        yield Begun(work, ())
        return
    # Not forked: JAX has threads.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield Begun(work, [pool.submit(piece) for piece in work])
    finally:
        pool.shutdown(cancel_futures=True)
