"""The terminal: every case in every width, brackets kept, and no bar where nobody looks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from parity.record.records import CaseResult
from parity.show import wording
from parity.show.table import WIDE, is_interactive, print_record, progress
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


def _summary(*results: CaseResult) -> str:
    out = io.StringIO()
    sample = replace(record(), results=results or record().results)
    print_record(sample, Console(file=out, width=100), rows=False)
    return out.getvalue()


def test_a_summary_has_one_line_per_operation_and_every_failure() -> None:
    text, sample = _summary(), record()
    table, _, rest = text.partition("\n\n")
    for op in sample.by_op:
        assert len([line for line in table.splitlines() if f" {op} " in line]) == 1
    for result in sample.results:
        if result.status == "failed":
            assert " ".join(result.reason.split()) in " ".join(rest.split())
    assert " ".join(rest.split()).count("✕") == sample.counts["failed"] + 1


def test_a_summary_says_once_why_comparisons_did_not_run() -> None:
    skipped = next(r for r in record().results if r.status == "unsupported")
    reason = "is not supported here: no device is of kind cuda"
    rows = [replace(skipped, reason=f"torch:{name}: {skipped.op} with {name!r} {reason}") for name in ("a", "b")]
    words = " ".join(_summary(*rows).split())
    assert words.count("no device is of kind cuda") == 1
    assert "2 unsupported: no device is of kind cuda" in words


def test_commands_stay_in_one_line() -> None:
    result = next(r for r in record().results if r.status == "failed")
    command = "python -m parity run fp8_gemm " + "--implementations torch:eager " * 6
    text = _summary(replace(result, repeat=command.strip()))
    assert f"  repeat: {command.strip()}" in text.splitlines()


def test_results_that_differ_are_not_counted_as_identical() -> None:
    result = next(r for r in record().results if r.bit_identical == "identical")
    words = " ".join(_summary(result, replace(result, bit_identical="differs", status="failed")).split())
    assert "1 passed, 1 failed" in words
    assert "1 of 2" in words


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
    assert is_interactive(console) == seen
    with progress(2, console) as step:
        step("first")
        step("[second]")
    assert bool(out.getvalue()) == seen
    assert ("[second]" in out.getvalue()) == seen
