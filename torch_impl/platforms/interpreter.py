"""Triton's interpreter: one call at a time, and no access outside of the arguments.

While it runs, it puts its own functions into `triton.language`. It reads and writes the host's memory through bare
pointers: a missing mask would crash the process or corrupt neighbouring memory.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from threading import RLock
from types import FrameType, SimpleNamespace
from typing import Any

import numpy as np

from specs.lang.errors import SpecError

_running = RLock()
_Spans = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

_PLACE = re.compile(r"# .*?(\S+\.py:\d+)$")


@contextmanager
def interpreting_alone() -> Iterator[None]:
    """Waits until no other thread interprets a kernel."""
    with _running:
        yield


if hasattr(os, "register_at_fork"):
    # A child must start with the functions of `triton.language` in their places, and with a free lock.
    os.register_at_fork(before=_running.acquire, after_in_parent=_running.release, after_in_child=_running.release)


@contextmanager
def confined(tensors: Sequence[Any]) -> Iterator[None]:
    """Refuses accesses outside of these tensors, by kernels that are interpreted inside, alone.

    Raises:
        SpecError: an access was out of bounds (names the line of the body); it was not performed.
    """
    memory = _memory()
    ends = [(t.data_ptr(), t.data_ptr() + _extent(t)) for t in tensors]
    first, last = (np.array(bounds, np.uint64) for bounds in zip(*ends, strict=True))
    before, memory.spans = memory.spans, (first, last)
    try:
        with _prepared_once():
            yield
    except Exception as error:
        if isinstance(error.__cause__, SpecError):  # the interpreter wraps what a kernel raises
            raise error.__cause__ from None
        raise
    finally:
        memory.spans = before


@contextmanager
def _prepared_once() -> Iterator[None]:
    """Leaves out two things that the interpreter does again and again without effect on a result.

    It puts its functions into `triton.language` for every call of a device function too, although the kernel's call
    has done so; and it computes each integer sum twice, in 64 bits for a check that only `debug` makes. Together they
    are two thirds of the time of most kernels.
    """
    from triton import language as tl
    from triton.language import core
    from triton.runtime import interpreter

    builder, put_functions = interpreter.interpreter_builder, interpreter._patch_lang
    options = builder.options

    def put_once(function: Any) -> Any:
        languages = [value for value in function.__globals__.values() if value is core or value is tl]
        if any(core.is_builtin(language.load) for language in languages):
            return put_functions(function)
        return SimpleNamespace(restore=lambda: None)

    interpreter._patch_lang, builder.options = put_once, replace(options, sanitize_overflow=False)
    try:
        yield
    finally:
        interpreter._patch_lang, builder.options = put_functions, options


def _extent(tensor: Any) -> int:
    """Bytes from the first element of a tensor to the end of the last one."""
    if not tensor.numel():
        return 0
    steps = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return (1 + int(steps)) * int(tensor.element_size())


class _Memory:
    """The interpreter's loads and stores, bounds-checked while `spans` (first bytes, ends) are set."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain
        self.spans: _Spans | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def load(self, pointers: Any, mask: Any, other: Any, dtype: Any) -> Any:
        self.look("reads", pointers, mask, np.dtype(dtype).itemsize)
        return self.plain.load(pointers, mask, other, dtype)

    def store(self, pointers: Any, values: Any, mask: Any) -> Any:
        self.look("writes", pointers, mask, values.dtype.itemsize)
        return self.plain.store(pointers, values, mask)

    def look(self, what: str, pointers: Any, mask: Any, size: int) -> None:
        if self.spans is None:
            return
        first, last = self.spans
        live = np.asarray(pointers, np.uint64)[np.broadcast_to(mask, np.shape(pointers))]
        inside = (live[:, None] >= first) & (live[:, None] + np.uint64(size) <= last)
        if outside := int((~inside.any(axis=1)).sum()):
            where, hint = _author(), "mask what lies beyond the edge; `parity check` names the array and the index"
            raise SpecError(f"{what} {outside} elements outside of every argument", where=where, hint=hint)


@cache
def _memory() -> _Memory:
    """Wraps the interpreter's memory accesses; other kernels are not affected."""
    from triton.runtime import interpreter

    memory = _Memory(interpreter._interpreter)
    interpreter._interpreter = memory
    return memory


def _author() -> str | None:
    """The last place in the author's files that comments of the generated source name at or above the running line."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith("<generated"):
        frame = frame.f_back
    if frame is None:
        return None
    above = reversed(linecache.getlines(frame.f_code.co_filename)[: frame.f_lineno])
    return next((found[1] for found in map(_PLACE.search, above) if found is not None), None)
