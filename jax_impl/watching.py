"""A hook for calls of public operations: a function that is asked for their results in place of the launcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from specs.lang.declare.op import Op

Watcher = Callable[[Op, Sequence[Any], tuple[object, ...], str | None], list[Any]]
"""Takes what `jax_impl.launch.run` does and returns what that does."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher | None) -> Iterator[None]:
    """A context in which every call of a public operation is passed to `watcher`; None switches an outer one off.

    Calls that are traced are passed once, while they are traced.
    """
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


def current() -> Watcher | None:
    """The innermost watcher."""
    return _watcher.get()
