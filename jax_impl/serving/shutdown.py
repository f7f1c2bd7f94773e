"""The end of a server: after SIGTERM it refuses new requests, lets the others finish for a time, and exits with 0."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from jax_impl.serving.worker import EngineWorker


class GracefulServer(uvicorn.Server):
    """uvicorn, which goes on listening until the engine is done: new requests are answered with 503 until then."""

    def __init__(
        self, config: uvicorn.Config, worker: EngineWorker, *, grace: float, told: Callable[[str], None]
    ) -> None:
        """grace: seconds that requests have to finish. told: is called with how the end went."""
        super().__init__(config)
        self._worker: Final = worker
        self._grace: Final = grace
        self._told: Final = told
        self._drain: threading.Thread | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn for SIGTERM and SIGINT; the second signal ends the server at once.

        uvicorn's own would stop listening now, and end the process by the signal afterwards.
        """
        if self._drain is None:
            self._drain = threading.Thread(target=self._finish, name="drain", daemon=True)
            self._drain.start()
        else:
            self.should_exit = self.force_exit = True

    def _finish(self) -> None:
        self._told(f"stopping: requests have {self._grace:g} s to finish, new ones are refused")
        ended = self._worker.stop(self._grace)
        self._told(f"stopped; {ended} requests were ended before they had finished" if ended else "stopped")
        self.should_exit = True
