"""Rows of figures: printed as they come, again as one table at the end, and kept as JSON after every row."""

from __future__ import annotations

import json
import math
import platform
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic

from benchmarks.harness.timing import Timing, describe_error

PACKAGES = ("torch", "triton", "jax", "jaxlib", "numpy", "ml_dtypes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant of one case.

    figures: derived numbers by column, such as "vs ours" or "TFLOP/s".
    note: why there is no time, or what a reader should know.
    minor: kept in the JSON file, left out of the closing table.
    """

    section: str
    case: str
    variant: str
    timing: Timing | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    minor: bool = False

    def cells(self, columns: tuple[str, ...]) -> list[str]:
        """Texts of one table line."""
        timed = ["-", "-", "-"]
        if self.timing is not None:
            timed = [
                _number(self.timing.seconds * 1e6),
                f"{100 * self.timing.spread:.1f}",
                _number(self.timing.host * 1e6),
            ]
        figures = [_number(self.figures[name]) if name in self.figures else "" for name in columns]
        method = "" if self.timing is None or self.timing.method in ("graph", "one executable") else self.timing.method
        return [self.variant, *timed, *figures, self.note or method]


@dataclass(slots=True, kw_only=True)
class Report:
    """Collects rows.

    path: JSON file that is rewritten after every row; None writes nothing.
    limit: seconds after which no new case is started.
    """

    path: Path | None = None
    limit: float = float("inf")
    rows: list[Row] = field(default_factory=list)
    machine: dict[str, object] = field(default_factory=dict)
    started: float = field(default_factory=monotonic)

    def add(self, row: Row) -> None:
        """Keeps and prints a row."""
        self.rows.append(row)
        columns = tuple(row.figures)
        cells = row.cells(columns)
        figures = [f"{name} {cells[4 + i]}" for i, name in enumerate(columns)]
        texts = [row.section, row.case, cells[0], f"{cells[1]} us", *figures, cells[-1]]
        print("  ".join(text for text in texts if text), flush=True)
        self.save()

    def out_of_time(self, section: str, case: str) -> bool:
        """Whether the limit has passed; then the case is noted as not run."""
        late = monotonic() - self.started > self.limit
        if late:
            self.add(Row(section=section, case=case, variant="-", note="not run: out of time"))
        return late

    @contextmanager
    def guard(self, section: str, case: str = "-", variant: str = "-") -> Iterator[None]:
        """Turns an exception into a row, so that what follows still runs."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the report carries it
            traceback.print_exc(limit=-4)
            self.add(Row(section=section, case=case, variant=variant, note=describe_error(error)))

    def save(self) -> None:
        """Writes everything so far."""
        if self.path is None:
            return
        data = {"machine": self.machine, "rows": [asdict(row) for row in self.rows]}
        text = json.dumps(data, indent=1, default=str)
        temporary = self.path.with_suffix(".partial")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)

    def table(self) -> str:
        """All rows but the minor ones, one block per case; columns that no row of a case fills are left out."""
        cases: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if not row.minor:
                cases.setdefault((row.section, row.case), []).append(row)
        blocks: list[str] = []
        for (section, case), rows in cases.items():
            columns = tuple(dict.fromkeys(name for row in rows for name in row.figures))
            timed = [row for row in rows if row.timing is not None]
            header = [f"{section} {case}", "us", "+-%", "host us", *columns, "note"]
            if timed:
                blocks.append(format_table([header, *(row.cells(columns) for row in timed)]))
            elif case != "-":
                blocks.append(header[0])
            blocks += [f"  {row.variant}: {row.note}" for row in rows if row.timing is None]
        return "\n".join(blocks)


def format_table(lines: list[list[str]]) -> str:
    """Columns padded to their widest cell."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def machine_facts(device: str) -> dict[str, object]:
    """Device, driver-side facts and versions of the packages that take part."""
    import torch

    facts: dict[str, object] = {"python": platform.python_version(), "device": device}
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = None
    if device != "cpu":
        properties = torch.cuda.get_device_properties(0)
        facts |= {"name": properties.name, "processors": properties.multi_processor_count}
        facts |= {"l2_bytes": cache_bytes(device), "cuda": torch.version.cuda}
    return facts


def cache_bytes(device: str) -> int:
    """Size of the second-level cache."""
    import torch

    if device == "cpu":
        return 1 << 20
    return int(getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)) or 60 << 20


def _number(value: float) -> str:
    """Three significant digits or more, without an exponent in the usual range."""
    if not math.isfinite(value):
        return "-"
    digits = math.floor(math.log10(abs(value))) if value else 0
    if digits not in range(-2, 5):
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - digits)}f}"
