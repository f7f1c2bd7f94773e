"""The terminal: every case in every width, brackets kept, and no bar where nobody looks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from parity.show import wording
from parity.show.table import WIDE, print_record, progress, watched
from tests.report.sample import record


def _printed(width: int) -> str:
    out = io.StringIO()
    print_record(record(), Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, WIDE - 1, WIDE, 200])
def test_nothing_is_cut_off(width: int) -> None:
    text = _printed(width)
    sample = record()
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    for op in sample.by_op:
        assert op in words
    for status, count in sample.counts.items():
        assert f"{wording.SYMBOLS[status]} {count} {status}" in words
    assert words.count(wording.SYMBOLS["failed"]) == 3 + 3 + 1


def test_formats_are_not_taken_for_markup() -> None:
    assert "e4m3 × e4m3, f32[128×128] → bf16" in _printed(220)


def test_failures_print_their_reason_and_their_bound() -> None:
    words = " ".join(_printed(100).split())
    assert "256 of 6432 elements of bf16 outside the bound; worst at [1, 28]" in words
    assert "bound: u(bf16) |ref|" in words
    assert "triton: no kernel can be launched without a GPU" in words


@pytest.mark.parametrize(
    ("terminal", "ci", "seen"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_the_bar_is_shown_to_people_only(
    terminal: bool, ci: str | None, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    assert watched(console) == seen
    with progress(2, console) as step:
        step("first")
        step("[second]")
    assert bool(out.getvalue()) == seen
    assert ("[second]" in out.getvalue()) == seen
