"""Records of a walk: JSON there and back, the table, the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parity import report
from parity.show import wording
from parity.xpu.ladder import RUNGS
from parity.xpu.page import render, section
from parity.xpu.record import (
    EXECUTED,
    LOWERED,
    NO_CARD,
    REAL,
    KernelRow,
    LadderRecord,
    Rung,
    from_json,
    native,
    to_json,
)
from parity.xpu.table import cell, reasons, sections
from tests.report import sample


def row(kernel: str, *rungs: Rung) -> KernelRow:
    return KernelRow(op="scale_op", case="one", backend="pallas", kernel=kernel, tunables={"BLOCK": 4}, rungs=rungs)


def record(*rows: KernelRow) -> LadderRecord:
    return LadderRecord(
        started="2026-11-21T12:00:00+00:00",
        command="python -m parity xpu",
        seed=0,
        seconds=1.5,
        environment={"system": "Linux"},
        versions={"jax": "0"},
        rungs=RUNGS,
        rows=rows,
    )


REFUSED = row(
    "<scale>",
    Rung(name=LOWERED, answer="yes", note="9 lines of Triton IR"),
    Rung(name=EXECUTED, answer="no", reason="exact data: 3 of 4 elements"),
    Rung(name=native("B580"), answer="yes", spill=2048, note="stack calls"),
    Rung(name=REAL, answer="not run", reason=NO_CARD),
)
STANDING = row("other", Rung(name=LOWERED, answer="yes"), Rung(name=REAL, answer="not run", reason=NO_CARD))


def test_json_is_read_back() -> None:
    before = record(REFUSED, STANDING)
    assert from_json(to_json(before)) == before


def test_json_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="surprise"):
        from_json(to_json(record(STANDING)).replace('"seed"', '"surprise"'))


def test_rung_that_was_not_reached_is_not_run() -> None:
    assert STANDING.rung(EXECUTED).answer == "not run"
    assert record(REFUSED, STANDING).counts(EXECUTED) == {"yes": 0, "no": 1, "not run": 1}


def test_record_fails_when_a_kernel_was_refused() -> None:
    assert record(REFUSED, STANDING).failed
    assert not record(STANDING).failed


def test_cells_say_what_was_seen() -> None:
    assert cell(REFUSED.rung(native("B580"))) == f"yes (spills {wording.whole(2048)} B, stack calls)"
    assert cell(REFUSED.rung(EXECUTED)) == "NO"
    assert cell(REFUSED.rung(LOWERED)) == "yes"
    assert cell(REFUSED.rung(REAL)) == "-"


def test_reasons_are_told_once_with_their_kernels() -> None:
    found = reasons((REFUSED, STANDING, *(row(f"k{i}", *STANDING.rungs) for i in range(4))), "not run")
    ((rung, reason, kernels),) = found
    assert (rung, reason) == (REAL, NO_CARD)
    assert kernels.endswith("and 3 more")


def test_table_has_every_rung_and_every_reason() -> None:
    table, totals, refused, absent, _ = sections(record(REFUSED, STANDING))
    assert table.columns[4:] == RUNGS
    assert all(len(line) == len(table.columns) for line in table.rows)
    assert (REAL, "0", "0", "2") in totals.rows
    assert refused.rows[0][1] == "exact data: 3 of 4 elements"
    assert absent.rows[0][1] == NO_CARD


def test_page_shows_the_same_and_escapes_names() -> None:
    page = render(record(REFUSED, STANDING))
    assert "&lt;scale&gt;" in page
    assert "<scale>" not in page
    for text in ("exact data: 3 of 4 elements", NO_CARD, f"spills {wording.whole(2048)} B", "python -m parity xpu"):
        assert text in page


@pytest.mark.parametrize("ladder", [None, record(REFUSED, STANDING)])
def test_report_of_a_run_says_that_no_card_was_there(ladder: LadderRecord | None) -> None:
    page = report.render(sample.record(), (section(ladder),))
    assert "Real card: not run" in page
    assert ("Intel ladder: not run" in page) == (ladder is None)
    assert ("exact data: 3 of 4 elements" in page) == (ladder is not None)


def test_report_shows_a_card_that_was_there() -> None:
    ran = row("scale", Rung(name=LOWERED, answer="yes"), Rung(name=REAL, answer="yes"))
    page = render(record(ran, STANDING))
    assert "Real card: 1 kernels" in page
    assert "Real card: not run" not in page


def test_walk_with_other_specifications_is_out_of_date() -> None:
    run = sample.record()
    op = next(iter(run.spec_hashes))
    same = replace(record(STANDING), spec_hashes={op: run.spec_hashes[op]})
    other = replace(record(STANDING), spec_hashes={op: "0" * 64})
    assert "out of date" not in report.render(run, (section(same, run.spec_hashes),))
    assert "out of date" in report.render(run, (section(other, run.spec_hashes),))
