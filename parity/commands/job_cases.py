"""Runs the cases of many operations in a second process, in parallel to other work, if a core is free."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from parity.judge.inputs import KINDS
from parity.judge.runner import run_all
from parity.models.minilm.engines import thread_limit
from parity.record.records import CaseResult
from specs.lang.declare.op import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Every case of some operations, one after the other."""

    ops: tuple[str, ...]
    seed: int
    implementations: tuple[str, ...]
    device: str

    def run(self, op: str) -> tuple[CaseResult, ...]:
        """The results of one operation; torch computes on one thread (see `thread_limit`)."""
        names = self.implementations
        with thread_limit(names):
            return run_all((op,), seed=self.seed, implementations=names, device=self.device, kinds=KINDS)


class Cases:
    """Cases that are being run."""

    def __init__(self, request: Request, begun: dict[str, Future[tuple[CaseResult, ...]]]) -> None:
        self._request = request
        self._begun = begun

    def results(self) -> tuple[CaseResult, ...]:
        """Results of all operations, in their order; cases not yet begun are run here, last ones first."""
        here = {}
        for op in reversed(self._request.ops):
            if op not in self._begun or self._begun[op].cancel():
                here[op] = self._request.run(op)
        found = (here[op] if op in here else self._begun[op].result() for op in self._request.ops)
        return tuple(result for results in found for result in results)


@contextmanager
def beside(
    ops: Sequence[Op], *, seed: int, implementations: Sequence[str], device: str, cores: int | None = None
) -> Iterator[Cases]:
    """Starts the cases of some operations, and goes on.

    Only the CPU is shared: a GPU's memory belongs to one process.

    Args:
        cores: processes that can run at once, this one among them; None: as many as this machine has.
    """
    names = tuple(op.name for op in ops)
    request = Request(ops=names, seed=seed, implementations=tuple(implementations), device=device)
    workers = min(len(names), (os.cpu_count() or 1 if cores is None else cores) - 1)
    if device != "cpu" or workers < 1:
        yield Cases(request, {})
        return
    # Not forked: JAX has threads.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield Cases(request, {name: pool.submit(request.run, name) for name in names})
    finally:
        pool.shutdown(cancel_futures=True)
