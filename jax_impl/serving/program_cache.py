"""The folder in which compiled programs are kept from one start to the next, by XLA's persistent cache.

JAX never replaces an entry that is there. One that a full disk or a killed process cut short would fail at every start,
and one with a wrong byte would be run. So the SHA-256 of every entry is kept beside them, and entries that do not have
theirs are removed before JAX reads any. A folder that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import jax
from jax.experimental.compilation_cache import compilation_cache

_ENTRIES: Final = "*-cache"
_SUMS: Final = "sums.json"
_OFTEN: Final = 8
_FAILURES: Final = ("Error writing persistent compilation cache", "Error reading persistent compilation cache")
"""Beginnings of JAX's warnings, one for every program."""


class ProgramCache:
    """A folder of compiled programs."""

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        """told: is called with a line where programs cannot be kept, or were damaged."""
        self._folder: Final = folder
        self._told: Final = told
        self._usable = False
        self._whole: dict[str, str] = {}
        """Sums of the entries that were there before the last compiles."""

    def open(self) -> None:
        """Removes damaged programs, and points JAX at the folder; without it where it cannot be used."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            removed = self._remove_all_but(self._read())
            self._whole = self._record()
        except OSError as error:
            self._told(f"{self._folder}: programs cannot be kept, and are compiled at every start: {error}")
            return
        if removed:
            self._told(f"{self._folder}: {removed} damaged or unfinished programs are compiled again")
        jax.config.update("jax_compilation_cache_dir", str(self._folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        compilation_cache.reset_cache()  # JAX decides once, at the first program, whether it has a cache
        self._usable = True

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Around compiles: programs that could not be kept are told once, and the others' sums are written."""
        if not self._usable:
            yield
            return
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield
        failures = [one for one in seen if str(one.message).startswith(_FAILURES)]
        for other in (one for one in seen if one not in failures):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        reason = str(failures[0].message) if failures else None
        try:
            if failures:
                self._remove_all_but(self._whole)  # it is not known which of the new ones are whole
            self._whole = self._record()
        except OSError as error:
            reason = reason or str(error)
        if reason is not None:
            self._told(f"{self._folder}: new programs were not kept, and are compiled at the next start: {reason}")

    def progress(self, done: int, _: int) -> None:
        """Writes the sums every few programs, so that a start that is cut short keeps what it compiled."""
        if self._usable and done % _OFTEN == 0:
            with suppress(OSError):  # told when all are compiled
                self._record()

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads((self._folder / _SUMS).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def _remove_all_but(self, sums: Mapping[str, str]) -> int:
        damaged = [path for path in self._folder.glob(_ENTRIES) if sums.get(path.name) != _sum(path)]
        for path in damaged:
            path.unlink(missing_ok=True)  # another server may have removed it
        return len(damaged)

    def _record(self) -> dict[str, str]:
        found = ((path.name, _sum(path)) for path in sorted(self._folder.glob(_ENTRIES)))
        sums = {name: own for name, own in found if own is not None}
        unfinished = self._folder / f"{_SUMS}.new"
        unfinished.write_text(json.dumps(sums, indent=0), encoding="utf-8")
        unfinished.replace(self._folder / _SUMS)
        return sums


def _sum(path: Path) -> str | None:
    """None for a file that has gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
