"""Verdict of a comparison, with its worst elements and histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

RECORD_CONFIG: Final[dict[str, Any]] = {
    "ser_json_inf_nan": "strings",
    "use_attribute_docstrings": True,
    "extra": "forbid",
}
"""How records cross the JSON border: inf and nan as strings, field docstrings as descriptions, nothing
unknown.
"""

WORST_KEPT: Final = 8
"""Worst elements that a verdict keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """One element that came out worst."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    coordinate: tuple[int, ...]
    """Index of the element in the output."""
    actual: float
    """Value that was computed."""
    expected: float
    """Value of the reference."""
    error: float
    """|actual - expected|; inf where NaN or infinity is misplaced."""
    bound: float
    """Largest error allowed here; 0 for an exact comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Distribution of the errors over all elements of one output."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    quantity: Literal["share of bound", "log2 ulp"]
    """What the edges measure."""
    edges: tuple[float, ...]
    """One more than `counts`, increasing; the first and the last may be infinite."""
    counts: tuple[int, ...]
    """Elements with edge[i] < quantity <= edge[i + 1], those without any error left out."""
    identical: int
    """Elements without any error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMap:
    """Where elements are outside of what is allowed: a grid over the output, folded into rows."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    shape: tuple[int, int]
    """Rows and columns of the folded output."""
    step: tuple[int, int]
    """Rows and columns of a cell; the last ones may have fewer."""
    outside: tuple[tuple[int, ...], ...]
    """Elements outside, of every cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome of one comparison of one output."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    status: Literal["passed", "failed", "flushed"]
    """Whether every element is within what the comparison allows; "flushed" where only elements are outside that
    subnormal numbers taken for zero account for.
    """
    comparison: Literal["exact", "bounded"]
    """Which rule was applied."""
    elements: int
    """Elements expected."""
    mismatches: int
    """Elements outside the bound; all of them when shape or dtype differ."""
    unwritten: int
    """Elements that still hold the poison pattern and should not."""
    max_error: float
    """Largest |actual - expected|; inf where NaN or infinity is misplaced."""
    max_ulp: float
    """Largest distance in steps of the output format (formula in `parity.judge.ulp`)."""
    bound_share: float
    """max(error / bound): at most 1 when passed; 0 or inf for an exact comparison."""
    worst: tuple[Worst, ...]
    """Up to eight elements with an error, worst first."""
    histogram: Histogram | None
    """None when shape or dtype differ."""
    message: str
    """One line for a terminal or an assertion."""
    flushed: int = 0
    """Elements outside the bound because the platform flushes subnormal numbers."""
    error_map: ErrorMap | None = None
    """Where the mismatches are; None where there are none, or shape or dtype differ."""

    @property
    def passed(self) -> bool:
        """True when `status` is "passed"."""
        return self.status == "passed"
