"""Tries one configuration in a process of its own: compiles, runs once, compares with the default, reads resources.

A compiler that hangs, or a kernel that reads where it must not, ends that process and nothing else. What it compiled is
in Triton's cache on disk, so the process that measures afterwards compiles nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import make_problem
from benchmarks.harness.timing import describe_error
from benchmarks.harness.variants import generated
from benchmarks.tuning.candidates import tuned
from parity.tune.space import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem in a form that travels between processes."""

    op: str
    shape: tuple[int, ...]
    attributes: dict[str, object]
    absent: tuple[str, ...] | None
    device: str
    quick: bool = False

    def problem(self) -> Problem:
        """The problem itself."""
        return make_problem(self.op, self.shape, attributes=self.attributes, absent=self.absent, quick=self.quick)

    @property
    def implementation(self) -> str:
        """What runs it."""
        return generated("torch_impl", self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one configuration.

    error: why it cannot be used; empty where it can.
    difference: ||result - default|| / ||default||, the largest over the results.
    resources: registers, spills, shared memory and instruction counts on one line.
    fatal: the process that tried it is of no further use.
    """

    config: Config
    error: str = ""
    difference: float = 0.0
    resources: str = ""
    details: dict[str, float] = field(default_factory=dict)
    fatal: bool = False


def serve(connection: Connection, task: Task, timeout: int) -> None:
    """Answers configurations with trials until the other end closes.

    Args:
        timeout: seconds for one configuration; the process dies when they pass (the compiler does not return to Python
            while it works, so nothing gentler is heard).
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    worker: _Worker | None = None
    while True:
        try:
            config = connection.recv()
        except EOFError:
            return
        signal.alarm(timeout if worker else 3 * timeout)
        try:
            worker = worker or _Worker(task)
            answer = worker.run(config)
        except Exception as error:  # noqa: BLE001 - the other end reports it
            answer = Trial(config=config, error=describe_error(error), fatal=worker is None or _broken(task.device))
        signal.alarm(0)
        connection.send(answer)
        if answer.fatal:
            return


def _broken(device: str) -> bool:
    """Whether the device no longer answers this process, as after an access to memory that is not its own."""
    if device == "cpu":
        return False
    import torch

    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


class _Worker:
    """Input data and the default's results, made once per process."""

    def __init__(self, task: Task) -> None:
        self.task, self.given = task, task.problem()
        self.tensors = random_sets(self.given, 1, task.device)[0]
        self.reference = self._call()

    def _call(self) -> Sequence[Any]:
        from torch_impl.launch import prepare

        results = prepare(self.given.op, self.tensors, self.given.values, self.task.implementation)(self.tensors)
        if self.task.device != "cpu":
            import torch

            torch.cuda.synchronize()
        return results

    def run(self, config: Config) -> Trial:
        from benchmarks.resources import describe, recording, resources

        with tuned(config), recording() as launches:
            results = self._call()
        problem, largest = self._compare(results)
        compiled = [launched.compiled for launched in launches if hasattr(launched.compiled, "n_regs")]
        return Trial(
            config=config,
            error=problem,
            difference=largest,
            resources="; ".join(describe(each) for each in compiled),
            details=resources(compiled[0]) if compiled else {},
        )

    def _compare(self, results: Sequence[Any]) -> tuple[str, float]:
        """The problem with the results, and the largest relative difference from the default's.

        An exact result has to have the same bytes. Any other may differ by the order of its sums, which random data
        hides well under one rounding of the result's format: a difference of that size or NaN is a wrong kernel.
        """
        from benchmarks.harness.variants import difference, torch_float

        largest = 0.0
        for array, new, old in zip(self.given.op.outputs, results, self.reference, strict=True):
            found = difference(torch_float(new), torch_float(old))
            exact = self.given.op.accuracy_of(array.name).exact
            allowed = 0.0 if exact else self.given.element(array).unit_roundoff
            if not found <= allowed:
                return f"wrong: {array.name} differs from the default's by {found:.3g}", found
            largest = max(largest, found)
        return "", largest
