"""Two small bars: the shares of the statuses, and a share of a bound with its number."""

from __future__ import annotations

from math import isnan

from parity.record.records import Status
from parity.report import svg
from parity.report.markup import Markup, tag


def status_bar(counts: dict[Status, int]) -> Markup:
    """Statuses side by side, each with a fill of its own; it keeps its height at every width."""
    description = ", ".join(f"{count} {status}" for status, count in counts.items())
    drawn = [
        tag("span", class_=f"part {slug(status)}", style=f"flex-grow:{count}")
        for status, count in counts.items()
        if count
    ]
    return tag("div", *drawn, class_="status-bar", role="img", aria_label=f"Cases by status: {description}")


def meter(share: float | None) -> Markup:
    """A share of the bound from nothing to all of it; hatched when beyond. Its number is printed next to it."""
    if share is None or isnan(share):
        return Markup("")
    beyond = share > 1
    filled = svg.rect(0, 0, 60 * min(share, 1.0), 6, "over" if beyond else "fill")
    track = svg.rect(0, 0, 60, 6, "track")
    return tag("svg", track, filled, class_="meter", viewBox="0 0 60 6", aria_hidden="true")


def slug(status: Status) -> str:
    """Class of a status."""
    return status.replace(" ", "-")
