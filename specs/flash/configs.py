"""Tile sizes of variable-length attention, per target."""

from __future__ import annotations

from specs.flash.arrays import DV, GROUP, LONGEST_Q, D
from specs.lang.declare.axes import Expr
from specs.lang.declare.kernel import Config, Tunable
from specs.tuned import tuned

TUNABLES = (
    Tunable(name="BLOCK_M", values=(16, 32, 64, 128), doc="rows (queries times heads of a group) per program"),
    Tunable(name="BLOCK_N", values=(16, 32, 64, 128), doc="keys per step"),
    Tunable(name="CHUNK", values=(16, 32, 64, 128, 256, 512), doc="columns per dot"),
    Tunable(name="RELOAD", values=(0, 1), doc="whether queries are loaded for every key tile, not once"),
    Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)),
    Tunable(name="num_stages", values=(1, 2, 3, 4)),
)


def _config(target: str, m: int, n: int, chunk: int, warps: int, stages: int, when: Expr | None = None) -> Config:
    values = {"BLOCK_M": m, "BLOCK_N": n, "CHUNK": chunk, "RELOAD": 0, "num_warps": warps, "num_stages": stages}
    return Config(target=target, values=tuple(values.items()), when=when)


_FEW = LONGEST_Q * GROUP <= 16
_SMALL = (D <= 64).and_(DV <= 64)
_NARROW = (D <= 128).and_(DV <= 128)
_MIDDLE = (D <= 256).and_(DV <= 256)


def configs(kernel: str) -> tuple[Config, ...]:
    """The configurations of a kernel of this name."""
    return (
        # Half the columns per dot. With all of them, decode over pages of 16 (64 requests of 8192 keys, H200) takes
        # 673 us and not 492: fewer programs fit a multiprocessor. Pages of 64 take 488 us either way.
        _config("cuda", 16, 64, 64, 4, 3, when=_FEW.and_(_NARROW)),
        _config("cuda", 16, 32, 128, 4, 2, when=_FEW),
        # XLA's Triton puts a fence before every dot that Triton's own code has not: there the fewest dots won.
        _config("cuda.pallas", 128, 64, 128, 8, 3, when=_NARROW),
        _config("cuda", 64, 64, 64, 4, 3, when=_NARROW),
        _config("cuda", 64, 64, 256, 8, 2, when=_MIDDLE),
        _config("cuda", 64, 32, 64, 8, 2),
        *tuned("xpu", kernel, small=_SMALL, narrow=_NARROW, rest=None),
        _config("cpu", 64, 64, 512, 4, 1),
        _config("interpret", 32, 64, 512, 4, 1),
    )
