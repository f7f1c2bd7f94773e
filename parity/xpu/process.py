"""Child processes that answer one JSON object per line, and may crash or hang on any of them."""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from parity.record.environment import for_child
from specs.lang.errors import Unsupported

Reply = dict[str, Any]


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers requests until standard input ends. Whatever else is printed goes to standard error."""
    replies: IO[str]
    replies, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Unsupported as refusal:
            reply = {"unsupported": str(refusal)}
        except Exception as error:  # noqa: BLE001 - the error goes to the parent, whatever it is
            reply = {"failed": f"{type(error).__name__}: {str(error).strip()[:1000]}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class Child:
    """A program that reads requests and writes replies; started when it is first asked, and again after a crash."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path) -> None:
        """
        Args:
            command: program and arguments.
            variables: set for it, in addition to our own.
            log: where its standard error goes.
            folder: it runs here.
        """
        self._command, self._variables, self._log, self._folder = tuple(command), dict(variables), log, folder
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Mapping[str, Any], seconds: float) -> Reply:
        """The reply; the key "crash" says why there is none: the child has ended, or took too long and was ended."""
        process = self._running()
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None
        try:
            to.write(json.dumps(request) + "\n")
            to.flush()
        except BrokenPipeError:
            return {"crash": self._ended()}
        line = _line(back, seconds)
        if line is None:
            process.kill()
            self._ended()
            return {"crash": f"no answer after {seconds:.0f} s"}
        if not line:
            return {"crash": self._ended()}
        reply: Reply = json.loads(line)
        return reply

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            _close(process)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    bufsize=1,
                    env=for_child(self._variables),
                    cwd=self._folder,
                )
        return self._process

    def _ended(self) -> str:
        """How the process came to its end; its last words are quoted."""
        process, self._process = self._process, None
        assert process is not None
        status = process.wait()
        _close(process)
        words = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        last = f": {words[-1][:200]}" if words else ""
        return f"crashed with {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}{last}"


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        # Closing flushes the rest, which a terminated process does not read.
        with suppress(BrokenPipeError):
            pipe.close()


def _line(pipe: IO[str], seconds: float) -> str | None:
    """The next line; None when none comes in time, empty at the end of the stream."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return None
            # Replies are written whole; what else is printed goes to standard error.
            return pipe.readline()
