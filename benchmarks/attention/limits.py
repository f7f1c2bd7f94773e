"""Lower time bounds of attention calls on this machine, from copy bandwidth and matmul flops."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.attention.problems import Case
from benchmarks.harness.report import Report
from benchmarks.harness.session import Ceilings, Settings, measure_ceilings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the machine reaches in this run: bytes per second of a copy, flops per second of a bf16 product."""

    copy: float
    product: float

    def floors(self, case: Case) -> dict[str, float]:
        """Seconds that the case takes at least, by what bounds it."""
        return {
            "bytes at copy bandwidth": case.nbytes / self.copy,
            "flops of a bf16 product": case.flops / self.product,
        }


def ceilings(settings: Settings, report: Report) -> Limits | None:
    """The two ceilings, from the rows that `measure_ceilings` adds."""
    ceilings: Ceilings | None = measure_ceilings(settings, report)
    rates = [row.figures["TFLOP/s"] for row in report.rows if row.section == "machine" and "TFLOP/s" in row.figures]
    if ceilings is None or not rates:
        return None
    return Limits(copy=ceilings.copy, product=rates[0] * 1e12)
