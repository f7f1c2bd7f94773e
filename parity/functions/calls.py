"""Calls of public operations as a function makes them: arguments, results, and where in the function."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from parity.judge.frameworks import Results
from parity.judge.inputs import Inputs

FRAMES: Final = 3
"""Callers that are kept of a call: a layer calls an operation through a helper or two."""
_ROOT: Final = Path(__file__).parents[2]
_LIBRARIES: Final = ("torch", "jax", "contextlib", "functools")
_PUBLIC: Final = ("torch_impl.ops", "torch_impl.transforms", "jax_impl.ops")
"""Packages and modules through which calls go."""

_stage: ContextVar[str] = ContextVar("stage", default="")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Names a part of a function, such as "layer 3", for calls of operations in it; parts may lie in each other.

    The torch and the JAX function that `parity.first_parting` compares name theirs alike.
    """
    outer = _stage.get()
    before = _stage.set(f"{outer}, {name}" if outer else name)
    try:
        yield
    finally:
        _stage.reset(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a function makes a call.

    stage: which it is in, "" outside of all. number: of the call in this stage, from 1.
    frames: "file:line in function" of the caller and of its callers, the innermost first.
    """

    stage: str
    number: int
    frames: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(part for part in (self.stage, f"call {self.number}") if part)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """A call that was made. implementation: "framework:implementation". results: arguments written in place, then
    fresh ones.
    """

    place: Place
    inputs: Inputs
    implementation: str
    results: Results


@dataclass(slots=True)
class Places:
    """Numbers the calls of a run."""

    counts: Counter[str] = field(default_factory=Counter)

    def here(self) -> Place:
        """The place of the call that is being made."""
        name = _stage.get()
        self.counts[name] += 1
        return Place(stage=name, number=self.counts[name], frames=_frames(sys._getframe(1)))


def _frames(frame: FrameType | None) -> tuple[str, ...]:
    """Callers outside of what makes an operation public, up to what runs the function."""
    found: list[str] = []
    while frame is not None and len(found) < FRAMES:
        module, code = str(frame.f_globals.get("__name__", "")), frame.f_code
        own = module.startswith("parity.")
        if own and found:
            break
        public = code.co_filename.startswith("<") or module in _PUBLIC
        if not (own or public or module.partition(".")[0] in _LIBRARIES):
            found.append(f"{_short(code.co_filename)}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    return tuple(found)


def _short(file: str) -> str:
    path = Path(file)
    for base in (_ROOT, Path.cwd()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return file
