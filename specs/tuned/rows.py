"""Measured configurations as values: per place and class of calls, and merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where calls run. device: its name. implementation: as "framework:implementation"."""

    device: str
    implementation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The best configuration measured for a class of calls.

    values: of all tunables. ratio: its time over the default configuration's, the median over rounds. least, most: the
    range of that ratio over rounds. case: the call that was measured.
    """

    values: Mapping[str, int]
    ratio: float
    least: float
    most: float
    case: str


Key = tuple[Place, str]
"""Where, and the class of calls (`class_of`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Rows by place and class of calls."""

    rows: Mapping[Key, Row] = field(default_factory=dict)

    def __or__(self, other: Measured) -> Measured:
        """Both tables; of two rows for the same calls the one with the smaller ratio, the first of equal ones."""
        rows = dict(self.rows)
        for key, row in other.rows.items():
            if key not in rows or row.ratio < rows[key].ratio:
                rows[key] = row
        return Measured(rows=rows)

    def devices(self, implementation: str) -> tuple[str, ...]:
        """Devices on which an implementation was measured."""
        return tuple(dict.fromkeys(p.device for p, _ in self.rows if p.implementation == implementation))
