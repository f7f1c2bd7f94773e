"""The short tables of the main job: what they show, and what they would show if something were wrong."""

from __future__ import annotations

from parity.record.records import ModelSection, Similarity
from parity.show.model_sections import similarity_section


def test_neighbours_are_pairs_and_the_rest_is_unrelated() -> None:
    values = ((1.0, 0.9, 0.1, 0.2), (0.9, 1.0, 0.3, 0.0), (0.1, 0.3, 1.0, 0.8), (0.2, 0.0, 0.8, 1.0))
    table = Similarity(scheme="float32", implementation="numpy:float32", values=values)
    model = ModelSection(name="a model", sentences=("a b", "c d", "e f", "g h"), similarities=(table,))
    section = similarity_section(model)
    assert section.columns == ("sentences", "float32 numpy")
    assert [row[1] for row in section.rows] == ["0.9000", "0.8000", "0.3000"]
