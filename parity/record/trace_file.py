"""Files of traces (`parity.judge.traces`): an .npz with the bits of all arrays, and JSON with everything else."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np

from parity.judge.guard import bit_view
from parity.judge.traces import NoTrace, Statement, Trace, TracedCall

FORMAT: Final = "parity trace 1"


def save(found: Trace, file: Path) -> None:
    """Writes a trace, and the folders that lead to it."""
    facts = {
        "format": FORMAT,
        "call": asdict(found.call),
        "recorded": found.recorded,
        "statements": [asdict(one) for one in found.statements],
    }
    arrays: dict[str, Any] = {name: bit_view(array) for name, array in found.arrays.items()}
    dtypes = {name: array.dtype.name for name, array in found.arrays.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:  # which keeps the name as it is given
        np.savez_compressed(stream, facts=np.array(json.dumps({**facts, "dtypes": dtypes})), **arrays)


def load(file: Path) -> Trace:
    """Reads a trace.

    Raises:
        NoTrace: the file is none, or of another version.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            bits = {name: stored[name] for name in stored.files if name != "facts"}
        if facts["format"] != FORMAT:
            raise NoTrace(f"{file}: expected {FORMAT!r}, got {facts['format']!r}")
        return Trace(
            call=TracedCall(**facts["call"]),
            recorded=facts["recorded"],
            statements=tuple(Statement(**{**one, "dtypes": tuple(one["dtypes"])}) for one in facts["statements"]),
            arrays={name: array.view(_dtype(facts["dtypes"][name])) for name, array in bits.items()},
        )
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, NoTrace):
            raise
        raise NoTrace(f"{file} is no trace of `parity bisect --save`: {error}") from None


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))
