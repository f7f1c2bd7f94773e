"""A sixth layout is declared, and everything that touches pages works: no body knows the other five."""

from __future__ import annotations

from typing import Any

import pytest

from specs.lang.formats.paged import Paged
from tests.attention.problems import decode
from tests.cache.judging import judge
from tests.cache.problems import gather, insertion, rotation
from tests.cache.sixth import HALVES, THIRDS

BACKENDS = ("torch:eager", "torch:interpret", "jax:xla", "jax:interpret")
ROWS = 5
CALLS: dict[str, Any] = {
    "insert": lambda layout, kind: insertion(layout, ROWS, 7, 6, 3, kind),
    "rope-insert": lambda layout, kind: rotation(layout, ROWS, 5, 5, 3, kind),
    "gather": lambda layout, kind: gather(layout, ROWS, 3, 12, 2, kind),
    "attention": lambda layout, kind: decode(3, 5, 9, 20, layout=layout, rows=ROWS, comp_rows=3, kind=kind),
    "attention-in-parts": lambda layout, kind: decode(3, 5, 70, layout=layout, rows=ROWS, kind=kind, splits=2),
}
# XLA compiles attention for seconds: once will do. What depends on the length of a group shows anywhere.
RUNS = [
    (call, THIRDS, backend)
    for call in CALLS
    for backend in BACKENDS
    if not (call.endswith("parts") and "jax" in backend)
]
RUNS += [(call, HALVES, "torch:eager") for call in CALLS]


def test_its_bytes() -> None:
    """160 bytes of codes and values a row, then 10 of scales and zeros; a page is rounded up to whole 66 bytes."""
    assert (THIRDS.width, THIRDS.row_stride, THIRDS.share) == (128, 160, 10)
    assert (THIRDS.page_bytes(ROWS), THIRDS.page_stride(ROWS)) == (850, 858)
    assert [field.groups for field in (THIRDS.fields[0], HALVES.fields[0])] == [3, 2]


@pytest.mark.parametrize(("call", "layout", "backend"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_it_works_everywhere(call: str, layout: Paged, backend: str) -> None:
    judge(CALLS[call](layout, "random"), backend)
    judge(CALLS[call](layout, "exact"), backend, "exact")
