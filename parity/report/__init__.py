"""One self-contained HTML page for one run record: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from parity.report.page import render

__all__ = ["render"]
