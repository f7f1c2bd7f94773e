"""Configurations that were measured on a user's device, which calls on a device of the same name take.

`parity tune` writes them to a file (`default_file`), which is read at the first launch. Rows are per device and
implementation: what is best for Triton need not be best for Pallas. A row that does not fit the kernel (any more), or a
file that cannot be read, changes nothing and is logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Final

from specs.lang.declare.kernel import Config, Kernel
from specs.lang.errors import SpecError
from specs.tuned.files import default_file, read
from specs.tuned.rows import Measured, Place

LOG: Final = logging.getLogger("specs.tuned")


def class_of(kernel: Kernel, config: Config) -> str:
    """The class of calls that a configuration is for: target, kernel (or what kernels share) and class of the table.

    Where a spec has the values itself, its kernel and the configuration's place among the target's.
    """
    if config.name:
        return f"{config.target} {config.table} {config.name}"
    mine = [c for c in kernel.configs if c.target == config.target]
    return f"{config.target} {kernel.name} {mine.index(config)}"


# -- in use ----------------------------------------------------------------------------------------------------------


class _InUse:
    """The table of this process. None: the user's file has not been read."""

    table: Measured | None = None
    lock = Lock()
    said: Final[set[str]] = set()


_trying: ContextVar[Mapping[str, int] | None] = ContextVar("tunables of calls planned now", default=None)


def in_use() -> Measured:
    """The table that calls look at: the user's file, unless `use` or `load` came first."""
    if _InUse.table is None:
        with _InUse.lock:
            if _InUse.table is None:
                file = default_file()
                _InUse.table = _lenient(file) if file is not None and file.exists() else Measured()
    return _InUse.table


def use(table: Measured) -> None:
    """Makes a table the one that calls look at; `Measured()` leaves them the configurations of the specs.

    Calls and compiled functions that exist keep the configurations that they were made with.
    """
    _InUse.table = table


def load(path: Path | str | None = None) -> Measured:
    """Adds a file to the table that calls look at, and returns the whole: of two rows for the same calls the faster.

    To be called before the first call: what is compiled stays. A file that is missing, damaged or of a newer version
    adds nothing, which is logged once.

    Args:
        path: None for the user's file (`default_file`).
    """
    file = default_file() if path is None else Path(path)
    table = in_use() if file is None else in_use() | _lenient(file)
    use(table)
    return table


def _lenient(file: Path) -> Measured:
    try:
        return read(file)
    except (OSError, SpecError) as error:
        say(f"no configurations are taken from {file}: {error}")
        return Measured()


def say(text: str) -> None:
    """Logs a warning that has not been logged before."""
    if text not in _InUse.said:
        _InUse.said.add(text)
        LOG.warning(text)


# -- looking up ------------------------------------------------------------------------------------------------------


@contextmanager
def trying(values: Mapping[str, int]) -> Iterator[None]:
    """Calls planned (prepared, or traced and compiled) inside have these tunables, and the default's for the rest."""
    token = _trying.set(values)
    try:
        yield
    finally:
        _trying.reset(token)


def tried() -> Mapping[str, int] | None:
    """The tunables of the innermost `trying`, None outside."""
    return _trying.get()


def values_for(place: Place | None, kernel: Kernel, default: Config) -> Mapping[str, int]:
    """Measured tunables of a kernel where the default configuration would be taken; none where none fit."""
    table = in_use() if place is not None else Measured()
    if place is None or not table.rows:
        return {}
    named = class_of(kernel, default)
    row = table.rows.get((place, named))
    if row is None:
        others = table.devices(place.implementation)
        if others and place.device not in others:
            say(
                f"{place.implementation} was tuned on {', '.join(others)}, and this device is {place.device}: "
                "it takes the configurations of the specs (`parity tune` measures)"
            )
        return {}
    allowed = {tunable.name: tunable.values for tunable in kernel.tunables}
    if row.values.keys() != allowed.keys() or any(value not in allowed[name] for name, value in row.values.items()):
        say(f"the tuned row '{named}' of {place.implementation} does not fit {kernel.name} (any more), and is left out")
        return {}
    return row.values
