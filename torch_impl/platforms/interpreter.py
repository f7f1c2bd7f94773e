"""One call of Triton's interpreter at a time: while it runs, it puts its own functions into `triton.language`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_running = RLock()


@contextmanager
def interpreting_alone() -> Iterator[None]:
    """Waits until no other thread interprets a kernel."""
    with _running:
        yield


if hasattr(os, "register_at_fork"):
    # A child must start with the functions of `triton.language` in their places, and with a lock that nobody holds.
    os.register_at_fork(before=_running.acquire, after_in_parent=_running.release, after_in_child=_running.release)
