"""The line of an author's declaration, for the errors that are about it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import FrameType

_LANGUAGE = Path(__file__).parent
_ROOT = str(Path(__file__).parents[3])
# Files whose frames stand between an author and a value: the declarations themselves, and what dataclasses generate.
_BETWEEN = frozenset(
    {*(str(_LANGUAGE / name) for name in ("where.py", "kernel.py", "op.py")), dataclasses.__file__, "<string>"}
)


def declared_at() -> str | None:
    """`file:line` of the innermost frame that declares something; files of the project relative to it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    if frame is None:
        return None
    return f"{frame.f_code.co_filename.removeprefix(_ROOT + '/')}:{frame.f_lineno}"
