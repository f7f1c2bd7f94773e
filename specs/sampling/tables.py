"""The table of logarithms and exponentials that sampling reads: integers, so that every backend draws the same token.

    LN[j]   = round(ln(1 + j/1024) 2**26),                                0 <= j <= 1024
    CORR[j] = round(ln(-ln(1 - j/1024) / (j/1024)) 2**26), CORR[0] = 0,   0 <= j <= 512
    LN2[n]  = round(n ln(2) 2**26),                                       0 <= n <= 31
    EXP[j]  = round(exp(-j/1024) 2**29),                                  0 <= j <= 710

They lie in one int32 array in this order, made on the host once, like the cos/sin cache of a rotary embedding.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np

PIECES: Final = 1024
"""Linear pieces per unit of the tabulated functions."""
LN_AT: Final = 0
CORR_AT: Final = LN_AT + PIECES + 1
LN2_AT: Final = CORR_AT + PIECES // 2 + 1
EXP_AT: Final = LN2_AT + 32
SIZE: Final = EXP_AT + 711
"""Elements of the whole table."""

NOISE_ERROR: Final = 7e-7
"""Largest error of the noise: half a step of Q20, and what linear pieces of the logarithms leave."""
MIN_P_ERROR: Final = 2e-6
"""Largest error of the quantised ln(min_p): two steps of Q20."""
MASS_ERROR: Final = 1.3e-7
"""Relative error of masses, of linear pieces of h = 1/1024: h**2 / 8 and roundings, besides units of Q29."""
MASS_UNITS: Final = 1.6
NUCLEUS_ERROR: Final = 1.3e-6
"""Error of the cumulative mass, relative to the whole: a step of Q20, as q is rounded down, and that of masses."""


def ln_table() -> list[int]:
    """ln(1 + j/1024) in Q26."""
    return [round(math.log1p(j / PIECES) * 2**26) for j in range(PIECES + 1)]


def correction_table() -> list[int]:
    """ln(-ln(1 - u) / u) at u = j/1024 in Q26."""
    rest = (j / PIECES for j in range(1, PIECES // 2 + 1))
    return [0, *(round(math.log(-math.log1p(-u) / u) * 2**26) for u in rest)]


def ln2_table() -> list[int]:
    """n ln(2) in Q26."""
    return [round(n * math.log(2) * 2**26) for n in range(32)]


def exp_table() -> list[int]:
    """exp(-j/1024) in Q29, a little past ln(2)."""
    return [round(math.exp(-j / PIECES) * 2**29) for j in range(711)]


@cache
def _table() -> np.ndarray[Any, Any]:
    table = np.array([*ln_table(), *correction_table(), *ln2_table(), *exp_table()], np.int32)
    table.setflags(write=False)
    return table


def sampling_table() -> np.ndarray[Any, Any]:
    """The `table` argument of the sampling operations: int32 [2281], to be copied to the device once."""
    return _table().copy()
