"""The short tables of the main job: what they count, and what they would show if something were wrong."""

from __future__ import annotations

from dataclasses import replace

from parity.commands.comparing import operations_section
from parity.record.records import ModelSection, Similarity
from parity.show.model_sections import similarity_section
from tests.report.sample import record


def test_one_row_per_operation_counts_every_comparison() -> None:
    results = record().results
    section = operations_section(results)
    assert [row[0] for row in section.rows] == list(dict.fromkeys(result.op for result in results))
    counted = sum(int(part.split()[0]) for row in section.rows for part in row[1].split(", "))
    assert counted == len(results)


def test_a_twin_that_differs_is_not_counted_as_identical() -> None:
    result = next(r for r in record().results if r.exact_twin == "identical")
    (row,) = operations_section((result, replace(result, exact_twin="differs", status="failed"))).rows
    assert row[1] == "1 passed, 1 failed"
    assert row[2] == "1 of 2"


def test_neighbours_are_pairs_and_the_rest_is_unrelated() -> None:
    values = ((1.0, 0.9, 0.1, 0.2), (0.9, 1.0, 0.3, 0.0), (0.1, 0.3, 1.0, 0.8), (0.2, 0.0, 0.8, 1.0))
    table = Similarity(scheme="float32", implementation="numpy:float32", values=values)
    model = ModelSection(name="a model", sentences=("a b", "c d", "e f", "g h"), similarities=(table,))
    section = similarity_section(model)
    assert section.columns == ("sentences", "float32 numpy")
    assert [row[1] for row in section.rows] == ["0.9000", "0.8000", "0.3000"]
