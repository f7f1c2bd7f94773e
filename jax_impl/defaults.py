"""Which implementation a call gets that asks for none, where the first that can run is not the best: one table.

The reasons are arithmetic on what is known of devices and compilers, not measurements. A measurement that says
otherwise changes a row here, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from specs.lang.op import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """One row: `implementation` for operations on a platform, and why.

    ops: names of operations; empty for all. rows: size of the axis M from which on the row holds.
    """

    platform: str
    ops: tuple[str, ...] = ()
    rows: int = 0
    implementation: str
    reason: str

    def holds(self, op: str, platform: str, rows: int) -> bool:
        """Whether the row speaks about this call."""
        return platform == self.platform and (not self.ops or op in self.ops) and rows >= self.rows


GEMMS = ("fp8_gemm", "fp8_bmm", "fp8_gemm_w8a16", "int4_gemm_w4a16", "fp4_gemm")

_VECTOR_FLOPS = 13.7e12
_BANDWIDTH = 456e9
"""Arc B580 by its data sheet: float32 operations outside the matrix units, and bytes of memory, per second."""

RIDGE = int(_VECTOR_FLOPS / (2 * _BANDWIDTH)) + 1
"""Rows from which on a GEMM over one-byte weights is bound by arithmetic there: two operations per weight and row."""

DEFAULTS = (
    Default(
        platform="oneapi",
        ops=GEMMS,
        rows=RIDGE,
        implementation="xla",
        reason="XLA hands dots to oneDNN, which uses the matrix units; in Triton's pipeline for oneapi they are "
        f"multiplications and additions on vectors, which limit a GEMM from {RIDGE} rows on (computed, not measured)",
    ),
    Default(
        platform="oneapi",
        implementation="pallas",
        reason="one kernel reads each array once, where XLA would write what it decodes to memory (not measured)",
    ),
)


def default(op: Op | str, platform: str, rows: int = 1) -> Default | None:
    """The row for an operation, None where the first implementation that can run is taken.

    rows: size of the operation's axis M, where it has one.
    """
    name = op if isinstance(op, str) else op.name
    return next((row for row in DEFAULTS if row.holds(name, platform, rows)), None)
