"""Tile sizes of variable-length attention, per target."""

from __future__ import annotations

from specs.flash.arrays import DV, GROUP, LONGEST_Q, PAGE, PAGES, D
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Config, Tunable
from specs.tuned import tuned

TUNABLES = (
    Tunable(name="BLOCK_M", values=(4, 16, 32, 64, 128), doc="rows (queries times heads of a group) per program"),
    Tunable(name="BLOCK_N", values=(16, 32, 64, 128), doc="keys per step"),
    Tunable(name="CHUNK", values=(16, 32, 64, 128, 256, 512), doc="columns per dot"),
    Tunable(name="RELOAD", values=(0, 1), doc="whether queries are loaded for every key tile, not once"),
    Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)),
    Tunable(name="num_stages", values=(1, 2, 3, 4)),
)


FREE_TILES = Ref("invariant").equals(0)
"""Whether tiles and parts may follow the number of queries."""
_FEW = FREE_TILES.and_(LONGEST_Q * GROUP <= 16)
_FEWEST = FREE_TILES.and_(LONGEST_Q * GROUP <= 4)  # no matrix units of a CPU ask for more
_SMALL = (D <= 64).and_(DV <= 64)
_NARROW = (D <= 128).and_(DV <= 128)
_MIDDLE = (D <= 256).and_(DV <= 256)


# Whose keys do not come as tiles of 32 within a page, which one message loads.
_SHORT_PAGES = PAGES.differs(1).and_((PAGE % 32).differs(0))


def configs(kernel: str) -> tuple[Config, ...]:
    """The configurations of a kernel of this name."""
    return (
        # `few_rows_narrow` has half the columns per dot. With all of them, decode over pages of 16 (64 requests of 8192
        # keys, H200) takes 673 us and not 492: fewer programs fit a multiprocessor. Pages of 64 take 488 us either way.
        *tuned(
            "cuda",
            "flash_attention",
            few_rows_narrow=_FEW.and_(_NARROW),
            few_rows=_FEW,
            narrow=_NARROW,
            middle=_MIDDLE,
            rest=None,
        ),
        # XLA's Triton puts a fence before every dot that Triton's own code has not: there the fewest dots won.
        *tuned("cuda.pallas", "flash_attention", narrow=_NARROW),
        *tuned(
            "xpu",
            kernel,
            few_rows=_FEW.and_(_NARROW),
            short_pages=_SHORT_PAGES.and_(_NARROW),
            small=_SMALL,
            narrow=_NARROW,
            rest=None,
        ),
        *tuned("cpu", "flash_attention", fewest_rows=_FEWEST, few_rows=_FEW, every=None),
        *tuned("interpret", "flash_attention", every=None),
    )
