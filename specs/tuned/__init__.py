"""Tuned configurations: one table per target, `specs/tuned/TARGET.json`.

A kernel says which classes of calls there are, in the order in which they are tried; the table has the tunables of
each. Tables are written by `parity xpu --search OPERATION --write` and `python -m benchmarks.tuning`, specs by hand.
What `parity tune` has measured on a user's device goes before them: `load`, `save`, `use` (`specs.tuned.measured`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from specs.lang.declare.axes import Expr
from specs.lang.declare.check import KINDS_OF_DEVICE
from specs.lang.declare.kernel import Config
from specs.lang.errors import SpecError
from specs.tuned.files import default_file, save
from specs.tuned.measured import load, use
from specs.tuned.rows import Measured

__all__ = [
    "FOLDER", "Measured", "WITHOUT_MATRIX_UNITS", "default_file", "everywhere", "load", "save", "table", "text",
    "tuned", "use", "write",
]  # fmt: skip

FOLDER: Final = Path(__file__).parent

WITHOUT_MATRIX_UNITS: Final = "xpu.vector"
"""Rows for Intel GPUs whose matrix units are not used, of kernels for which others are better with them: the same
classes as for "xpu", before whose rows they are tried."""

Table = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Kernel, or what several kernels share -> class of calls -> tunable -> value."""


@cache
def table(target: str) -> Table:
    """The table of a target.

    Raises:
        SpecError: there is none.
    """
    file = FOLDER / f"{target}.json"
    if not file.exists():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.json")))
        raise SpecError(f"there is no table of configurations for target '{target}'", hint=f"there are {known}")
    found: Table = json.loads(file.read_text(encoding="utf-8"))
    return found


def text(rows: Table) -> str:
    """A table as its file has it: kernels and classes in the order given, one line per class."""
    kernels = []
    for kernel, classes in rows.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(dict(values))}" for name, values in classes.items()]
        kernels.append(f" {json.dumps(kernel)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(kernels) + "\n}\n"


def write(found: Iterable[tuple[Config, Mapping[str, int]]]) -> tuple[Path, ...]:
    """Replaces rows by what a search has found for them; specifications that are loaded keep the old ones.

    Returns:
        Files that were written.

    Raises:
        SpecError: a configuration is written in the spec, not in a table.
    """
    tables: dict[str, dict[str, dict[str, Mapping[str, int]]]] = {}
    for row, values in found:
        if not row.name:
            message = f"a configuration for target '{row.target}' is written in the spec"
            raise SpecError(message, where=row.where, hint=f"make it a row of specs/tuned/{row.target}.json")
        known = table(row.target)
        rows = tables.setdefault(row.target, {kernel: dict(classes) for kernel, classes in known.items()})
        # In the order of the row that is there, so that a difference shows what has changed.
        rows[row.table][row.name] = {tunable: values[tunable] for tunable, _ in row.values}
    for target, rows in tables.items():
        (FOLDER / f"{target}.json").write_text(text(rows), encoding="utf-8")
    table.cache_clear()
    return tuple(FOLDER / f"{target}.json" for target in tables)


def tuned(target: str, kernel: str, **classes: Expr | None) -> tuple[Config, ...]:
    """Configurations of a kernel for a target, from its table; for "xpu" those without matrix units as well.

    Args:
        kernel: its name, or what its rows are called where kernels share them.
        classes: name of a class of calls -> condition under which a call belongs to it, None where all do that are
            left; in the order in which they are tried.

    Raises:
        SpecError: the table does not have exactly these classes for the kernel.
    """
    if target == "xpu" and kernel in table(WITHOUT_MATRIX_UNITS):
        return (*tuned(WITHOUT_MATRIX_UNITS, kernel, **classes), *_rows(target, kernel, **classes))
    return _rows(target, kernel, **classes)


def _rows(target: str, kernel: str, **classes: Expr | None) -> tuple[Config, ...]:
    rows = table(target).get(kernel, {})
    if set(rows) != set(classes):
        raise SpecError(
            f"{kernel}: classes {', '.join(classes)} are declared for target '{target}', the table has "
            f"{', '.join(rows) or 'none'}",
            hint=f"give specs/tuned/{target}.json one row per class; any values that the tunables allow are a start",
        )
    return tuple(
        Config(target=target, values=tuple(rows[name].items()), when=when, table=kernel, name=name)
        for name, when in classes.items()
    )


def everywhere(kernel: str, **classes: Expr | None) -> tuple[Config, ...]:
    """As `tuned`, for every kind of device: the same classes, or one (`every`) where none is named."""
    named = classes or {"every": None}
    return tuple(row for target in KINDS_OF_DEVICE for row in tuned(target, kernel, **named))
