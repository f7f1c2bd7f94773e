"""Processes that try configurations side by side; one that dies is replaced and its configuration reported."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic

from benchmarks.tuning.trial import Task, Trial, serve
from parity.tune.space import Config


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    connection: Connection
    busy: Config | None = None


class Pool:
    """`run` answers every configuration with a trial."""

    def __init__(self, task: Task, *, workers: int, timeout: int) -> None:
        # A fresh interpreter per worker: a process with a GPU context must not be forked.
        self.context = multiprocessing.get_context("spawn")
        self.task, self.timeout = task, timeout
        self.members = [self._start() for _ in range(workers)]

    def _start(self) -> _Member:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=serve, args=(theirs, self.task, self.timeout), daemon=True)
        process.start()
        theirs.close()
        return _Member(process, ours)

    def run(self, configs: Sequence[Config], deadline: float = float("inf")) -> list[Trial]:
        """Trials of the configurations, in the order they finish.

        Args:
            deadline: `time.monotonic` value after which no further configuration is started.
        """
        waiting, finished = list(configs), list[Trial]()
        while True:
            for member in self.members:
                if member.busy is None and waiting and monotonic() < deadline:
                    member.busy = waiting.pop(0)
                    member.connection.send(member.busy)
            busy = {member.connection: member for member in self.members if member.busy is not None}
            if not busy:
                return finished
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                finished.append(self._answer(busy[connection]))

    def _answer(self, member: _Member) -> Trial:
        config = member.busy
        assert config is not None
        try:
            answer: Trial = member.connection.recv()
            member.busy = None
            if answer.fatal:
                self._replace(member)
        except (EOFError, ConnectionError):
            member.process.join()
            code = member.process.exitcode
            why = f"no answer within {self.timeout} s" if code == -14 else f"the process ended with {code}"
            answer = Trial(config=config, error=why)
            self._replace(member)
        return answer

    def _replace(self, member: _Member) -> None:
        member.connection.close()
        self.members[self.members.index(member)] = self._start()

    def close(self) -> None:
        """Ends the processes of this pool."""
        for member in self.members:
            member.connection.close()
        for member in self.members:
            member.process.join(timeout=10)
            if member.process.is_alive():
                member.process.terminate()
