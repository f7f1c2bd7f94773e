"""Whole runs of a model, as text and as pictures: nothing is rounded up, and what failed is shown."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from parity.commands.status import FAILED, OK, exit_status
from parity.record.records import Drift, ModelSection
from parity.report import drift, whole
from parity.show import wording
from parity.show.model_sections import cosine_section, drift_section, model_sections, reasons, stages_section
from tests.report.sample import SIDES, STAGES, model_section, record

PAIR = " vs ".join(SIDES)


def levels(drawing: str, series: int) -> list[float]:
    """Heights of the points of one line, in the units of the picture."""
    way = re.findall(rf'<path class="trend trend-{series}" d="M([^"]*)"', drawing)
    assert len(way) == 1
    return [float(point.split()[1]) for point in way[0].split("L")]


def drawn(*errors: tuple[float, ...]) -> str:
    """Lines with these errors."""
    drifts = tuple(Drift(scheme="s", pair=f"pair {i}", errors=found) for i, found in enumerate(errors))
    return drift.draw(drifts, STAGES[: len(errors[0])], drift.decades(drifts), "s", "d")


def test_a_decade_is_the_same_height_everywhere() -> None:
    found = levels(drawn((1e-4, 1e-3, 1e-2, 1e-1)), 0)
    assert found[1:] == [drift.BASE, (drift.BASE + drift.TOP) / 2, drift.TOP]


def test_what_is_below_the_axis_stands_at_its_foot() -> None:
    found = levels(drawn((0.0, 1e-3, 1e-2), (1e-11, 1e-3, 1e-2)), 0)
    assert found[0] == max(found) == drift.BASE
    other = levels(drawn((0.0, 1e-3, 1e-2), (1e-11, 1e-3, 1e-2)), 1)
    assert other[0] == drift.BASE


def test_the_axis_spans_all_stages_but_the_first() -> None:
    one = Drift(scheme="s", pair="p", errors=(1e-11, 2e-5, 0.3))
    assert drift.decades((one, Drift(scheme="s", pair="q", errors=(1.0, 0.04, 0.0)))) == (-5, 0)
    assert drift.decades((Drift(scheme="s", pair="p", errors=(0.5, 0.01, 0.01)),)) == (-2, -1), "never without height"
    low, high = drift.decades((Drift(scheme="s", pair="p", errors=(0.5, 0.0, 0.0)),))
    assert low < high


def test_every_point_says_what_it_is() -> None:
    drawing = drawn((0.0, 1.5e-3, 1e-2))
    titles = re.findall(r"<title>([^<]*)</title>", drawing)
    assert titles == ["embeddings, pair 0: 0", "layer 0, pair 0: 0.0015", "layer 1, pair 0: 0.01"]


def test_the_page_has_a_picture_per_scheme_and_a_table_per_scheme() -> None:
    page = whole.section(model_section(), 0)
    assert page.count("Relative error after every stage") == 2
    assert page.count(f">{PAIR} <") == 2
    assert page.count('data-label="Operands"') == 2 * len(STAGES)
    assert "32 comparisons: 32 passed" in page


def test_a_failed_operation_is_shown_and_fails_the_run() -> None:
    sample = model_section()
    steps = tuple(
        replace(step, status="failed", reason="3 of 9 elements <&>") if i == 5 else step
        for i, step in enumerate(sample.steps)
    )
    assert sample.steps[5].pair == PAIR
    broken = replace(sample, steps=steps)
    page = whole.section(broken, 0)
    assert "✕" in page
    assert "3 of 9 elements &lt;&amp;&gt;" in page
    assert list(reasons(broken)) == [f"failed: bf16, layer 0, query, {PAIR}: 3 of 9 elements <&>"]
    assert any("1 passed, 1 failed" in row for row in stages_section(broken).rows)
    passed = replace(record(), results=(), models=(sample,))
    assert exit_status(passed, ()) == OK
    assert exit_status(replace(passed, models=(broken,)), ()) == FAILED


def test_tables_of_the_terminal_hold_every_number() -> None:
    sample = model_section()
    assert len(stages_section(sample).rows) == 2 * len(STAGES)
    layer = stages_section(sample).rows[1]
    assert layer[:6] == ("bf16", "layer 0", PAIR, "2 passed", "1 of 1", "99.99%"), "never rounded up to all"
    assert all(len(row) == 2 + len(STAGES) for row in drift_section(sample).rows)
    cosines = cosine_section(sample)
    assert len(cosines.rows) == len(sample.sentences)
    assert cosines.rows[2][1] == "1.00000"
    sections = list(model_sections(sample))
    assert len(sections) == 5
    assert all(len(row) == len(section.columns) for section in sections for row in section.rows)


def test_nothing_is_shown_of_what_was_not_run() -> None:
    empty = ModelSection(name="m")
    assert whole.section(empty, 0) == ""
    assert len(list(model_sections(empty))) == 1


@pytest.mark.parametrize(
    ("share", "words"), [(None, wording.NOTHING), (1.0, "100%"), (0.999999, "99.99%"), (0.5, "50.00%"), (0.0, "0.00%")]
)
def test_percent_never_rounds_up(share: float | None, words: str) -> None:
    assert wording.percent(share) == words
