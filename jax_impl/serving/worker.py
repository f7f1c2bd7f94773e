"""The thread that owns the engine: requests come in from any thread or event loop, outputs go back to their own.

An engine is not safe for threads, and a step takes too long for an event loop.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jax_impl.serving.engine import Engine, Output
from jax_impl.serving.metrics import Metrics
from jax_impl.serving.request import FinishReason, SamplingParams
from jax_impl.serving.scheduler import QueueFull

Sink = Callable[[Output], None]
"""Called in the engine's thread with every output of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Add:
    id: str
    prompt: Sequence[int]
    params: SamplingParams
    sink: Sink


class _EndAll:
    """Ends every request with an error."""


@dataclass(slots=True, kw_only=True)
class _Live:
    sink: Sink
    arrived: float
    last: float | None = None


class EngineWorker:
    """Runs an engine in a thread of its own."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        """Call `start` before requests come."""
        self.engine: Final = engine
        self.metrics: Final = metrics
        self._inbox: queue.SimpleQueue[_Add | _EndAll | str | None] = queue.SimpleQueue()
        self._live: dict[str, _Live] = {}
        self._backlog: deque[_Add] = deque()
        self._accepted = 0
        self._lock = threading.Lock()
        self._stopping = False
        self._ended = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests are served."""
        return self._thread.is_alive() and self.failure is None and not self._stopping

    def add(self, id: str, prompt: Sequence[int], params: SamplingParams, sink: Sink) -> None:  # noqa: A002
        """Hands a request to the engine.

        Raises:
            QueueFull: as many requests are accepted as run and wait at most. RuntimeError: the engine does not run.
        """
        limits = self.engine.settings.limits
        with self._lock:
            if not self.alive:
                raise RuntimeError("the server is stopping" if self._stopping else "the engine is not running")
            if self._accepted >= limits.requests + limits.waiting:
                raise QueueFull(f"{self._accepted} requests are running or waiting")
            self._accepted += 1
            self._inbox.put(_Add(id=id, prompt=prompt, params=params, sink=sink))

    def abort(self, id: str) -> None:  # noqa: A002
        """Ends a request; nothing more is heard of it."""
        self._inbox.put(id)

    def stop(self, timeout: float) -> int:
        """Accepts nothing more and lets requests finish; how many had not after `timeout` seconds, and were ended."""
        with self._lock:  # whoever is accepted now is in the queue before the message that ends all
            self._stopping = True
        self._inbox.put(None)
        self._thread.join(timeout)
        if not self._thread.is_alive():
            return 0
        self._inbox.put(_EndAll())
        self._thread.join(timeout=10.0)
        return self._ended

    def _run(self) -> None:
        try:
            while True:
                self._receive()
                self._hand_over()
                if not self.engine.busy:
                    if self._stopping and self._inbox.empty():
                        return
                    continue
                self._send(self.engine.step())
                self.metrics.observe(self.engine)
        except BaseException as error:  # noqa: BLE001 - whatever it is, no client may wait for ever
            self.failure = error
            for id in list(self._live):  # noqa: A001
                self._end(Output(request=id, finished=FinishReason.ERROR, error=f"the engine failed: {error}"))

    def _receive(self) -> None:
        """Takes in what has come; waits where there is nothing else to do."""
        wait = not self.engine.busy and not self._backlog and not self._stopping
        while True:
            try:
                message = self._inbox.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if isinstance(message, _Add):
                self._accept(message)
            elif isinstance(message, _EndAll):
                self._end_all()
            elif message is not None and message in self._live:
                self.engine.abort(message)
                self._forget(message)
                self.metrics.finished(FinishReason.ABORT)

    def _end_all(self) -> None:
        for id in list(self._live):  # noqa: A001
            self.engine.abort(id)
            self.metrics.finished(FinishReason.ABORT)
            self._ended += 1
            self._end(Output(request=id, finished=FinishReason.ABORT, error="the server is stopping"))

    def _accept(self, message: _Add) -> None:
        self._live[message.id] = _Live(sink=message.sink, arrived=time.perf_counter())
        self._backlog.append(message)

    def _hand_over(self) -> None:
        """Gives requests to the engine, as many as its queue has room for before the next step."""
        while self._backlog:
            message = self._backlog[0]
            if message.id in self._live:  # not aborted in the meantime
                try:
                    self.engine.add(message.id, message.prompt, message.params)
                except QueueFull:
                    return
                except ValueError as error:
                    self._end(Output(request=message.id, finished=FinishReason.ERROR, error=str(error)))
                else:
                    self.metrics.arrived(len(message.prompt))
            self._backlog.popleft()

    def _send(self, outputs: Sequence[Output]) -> None:
        now = time.perf_counter()
        for output in outputs:
            live = self._live.get(output.request)
            if live is None:
                continue
            self.metrics.token(now - (live.last or live.arrived), first=live.last is None)
            live.last = now
            if output.finished is None:
                live.sink(output)
            else:
                self.metrics.finished(output.finished)
                self._end(output)

    def _end(self, output: Output) -> None:
        live = self._live[output.request]
        self._forget(output.request)
        live.sink(output)

    def _forget(self, id: str) -> None:  # noqa: A002
        del self._live[id]
        with self._lock:
            self._accepted -= 1
