"""Default implementations where the first available one is not the best: one table.

The reasons come from documentation of devices and compilers, not from measurements. A measurement that says
otherwise changes a row here, or puts one in front (the first that fits is taken), and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from specs.lang.declare.op import Op
from specs.lang.declare.readiness import DEQUANT_ON_CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """One row: `implementation` for operations on a platform, and why.

    ops: their names; empty for all others. products: only operations that have a weight to dequantise.
    """

    platform: str
    ops: tuple[str, ...] = ()
    products: bool = False
    implementation: str
    reason: str

    def holds(self, op: Op, platform: str) -> bool:
        """Whether the row applies to this operation."""
        wanted = not self.ops or op.name in self.ops
        return platform == self.platform and wanted and (not self.products or op.framework_product is not None)


DEFAULTS = (
    Default(
        platform="cpu",
        products=True,
        implementation="dequant",
        reason=DEQUANT_ON_CPU,
    ),
    # XLA's form is a loop over blocks of scales: 457 launches for an FP8 product of 64 rows, 1137 for 4096 rows, 2024
    # for MXFP4, and 93 MB of decoded weights for INT4 16x8192x28672 (`parity xpu --step`). Only its dots go to oneDNN.
    Default(
        platform="oneapi",
        products=True,
        implementation="pallas",
        reason="one kernel on the matrix units, where XLA would launch hundreds and write decoded weights to memory "
        "(compiled for both, timed on no card)",
    ),
    Default(
        platform="oneapi",
        implementation="pallas",
        reason="one kernel reads each array once, where XLA would write decoded values to memory (not measured)",
    ),
)


def default(op: Op, platform: str) -> Default | None:
    """The row for an operation, None where the first implementation that can run is taken."""
    return next((row for row in DEFAULTS if row.holds(op, platform)), None)
