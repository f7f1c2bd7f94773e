"""Two small bars: the shares of the statuses, and a share of a bound beside its number."""

from __future__ import annotations

from math import isnan

from parity.records import Status
from parity.report import svg
from parity.report.markup import Markup, tag


def status_bar(counts: dict[Status, int], name: str) -> Markup:
    """Statuses side by side, each with a fill of its own; an empty run is one empty bar."""
    total = sum(counts.values())
    width, height, gap = 1000.0, 14.0, 3.0
    drawn, x = [svg.rect(0, 0, width, height, "track", rx=7)] if not total else [], 0.0
    present = [(status, count) for status, count in counts.items() if count]
    # Even a single case stays visible among thousands.
    least = 10.0
    free = width - gap * (len(present) - 1) - least * len(present)
    for status, count in present:
        span = least + free * count / total
        drawn.append(svg.rect(x, 0, span, height, f"part {slug(status)}", rx=2))
        x += span + gap
    description = ", ".join(f"{count} {status}" for status, count in counts.items())
    return svg.picture(name, "Cases by status", description, height, *drawn, width=width)


def meter(share: float | None) -> Markup:
    """A share of the bound from nothing to all of it; hatched when beyond. Its number stands beside it."""
    if share is None or isnan(share):
        return Markup("")
    beyond = share > 1
    filled = svg.rect(0, 0, 60 * min(share, 1.0), 6, "over" if beyond else "fill")
    track = svg.rect(0, 0, 60, 6, "track")
    return tag("svg", track, filled, class_="meter", viewBox="0 0 60 6", aria_hidden="true")


def slug(status: Status) -> str:
    """Class of a status."""
    return status.replace(" ", "-")
