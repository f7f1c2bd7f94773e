"""Tables of measured figures: what a cell shows, and that the page shows the records that are kept beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import BEGIN, END, cells, column_of, inserted, table, tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def _row(variant: str, microseconds: float, **figures: float) -> dict[str, Any]:
    samples = [microseconds * 1e-6 * factor for factor in (1.0, 0.9, 5.0)]
    return {"section": "fp8", "case": "1x2x3", "variant": variant, "timing": {"samples": samples}, "figures": figures}


@pytest.mark.parametrize(
    ("variant", "column"),
    [
        ("ours torch", "ours, Triton"),
        ("ours torch, plain", None),
        ("ours jax", "ours, JAX `pallas`"),
        ("ours jax, triton", "ours, JAX `triton`"),
        ("vllm triton shipped 64x64", "vLLM Triton"),
        ("torch rowwise, fast sums", "cuBLASLt rowwise"),
        ("somebody else", None),
    ],
)
def test_columns_are_named_by_how_a_variant_begins(variant: str, column: str | None) -> None:
    assert column_of(variant) == column


def test_a_cell_shows_the_median_of_the_fastest_variant_and_the_highest_floor() -> None:
    found = cells(
        [
            _row("ours torch", 20.0, **{"share of copy": 0.5}),
            _row("vllm triton a", 40.0, **{"vs ours": 2.0}),
            _row("vllm triton b", 30.0, **{"vs ours": 1.5}),
            _row("floor: bytes", 5.0),
            _row("floor: flops", 7.0),
        ]
    )
    assert {column: str(cell) for column, cell in found.items()} == {
        "ours, Triton": "20.0",
        "vLLM Triton": "30.0 (1.50)",
        "floor": "7.00",
    }
    assert found["ours, Triton"].share == 0.5


def test_a_case_without_a_peer_has_an_empty_cell_and_a_failed_variant_none() -> None:
    failed = {**_row("FlashMLA", 1.0), "timing": None}
    rows = [_row("ours torch", 1234.4), failed, {**_row("ours jax", 2.0, **{"vs ours": 1.0}), "case": "other"}]
    assert table("fp8", rows).splitlines()[2:] == ["| 1x2x3 | 1234 |  |", "| other |  | 2.00 (1.00) |"]


def test_a_page_without_marks_is_refused() -> None:
    assert inserted(f"a\n{BEGIN}old{END}b", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}b"
    with pytest.raises(ValueError, match="figures: begin"):
        inserted("no marks", "new")


def test_the_page_shows_the_records_that_are_kept() -> None:
    records = sorted((ROOT / "docs" / "figures").glob("*.json"))
    assert records
    text = tables([json.loads(path.read_text(encoding="utf-8")) for path in records])
    page = PAGE.read_text(encoding="utf-8")
    assert page == inserted(page, text), "python -m benchmarks.figures docs/figures/*.json --write docs/benchmarks.md"
