"""The text of a failed comparison: message, histogram, worst elements, and where in the result they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parity.judge.verdict import Histogram, Verdict

WIDTH: Final = 40
"""Characters of the longest bar."""


def told(failed: Sequence[tuple[str, Verdict]], saved: Path) -> str:
    """All failed comparisons."""
    parts = [line for name, verdict in failed for line in _one(name, verdict)]
    return "\n".join(["", *parts, f"inputs and results: {saved}"])


def _one(name: str, verdict: Verdict) -> list[str]:
    lines = [f"{name}: {verdict.message.removeprefix('failed: ')}"]
    if any(math.isnan(worst.actual) and not math.isnan(worst.expected) for worst in verdict.worst):
        lines.append("    NaN is what was computed, or what was never written: allocations of torch are filled with it")
    if verdict.histogram is not None:
        lines += _bars(verdict.histogram)
    for worst in verdict.worst:
        where = ", ".join(map(str, worst.coordinate))
        got = f"got {worst.actual:.9g}, expected {worst.expected:.9g}"
        lines.append(f"    [{where}] {got}, error {worst.error:.3g}, bound {worst.bound:.3g}")
    return lines


def _bars(histogram: Histogram) -> list[str]:
    """A line per bin that is not empty."""
    rows = [("identical", histogram.identical)] if histogram.identical else []
    edges = zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False)
    rows += [(f"{low:g} to {high:g}", count) for low, high, count in edges if count]
    most = max((count for _, count in rows), default=1)
    bars = [f"    {name:>14} {count:>9} {'█' * math.ceil(WIDTH * count / most)}" for name, count in rows]
    return [f"    {histogram.quantity}:", *bars]
