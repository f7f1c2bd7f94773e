"""Functions of float32 tiles made of `exp2` and arithmetic, so that every target has them, to a few units of roundoff.

sigmoid(x)      relative error (4 + |x|) 2 u
tanh(x)         relative error 8 u
normal_cdf(x)   relative error (1 + x^2) 16 u, in the tail of negative x too
"""

from __future__ import annotations

import math

from specs.tile.frontend.trace import Tile
from specs.tile.language import absolute, exp2, where

LOG2_E = math.log2(math.e)
# log(erfc(z) / t) + z^2 as a polynomial in t = 1 / (1 + z / 2), 0 < t <= 1: minimax, error 9.6e-8. The ansatz, an
# exponential of a polynomial in t, is Numerical Recipes' (section 6.2).
_ERFC = (
    -1.265512228012085,
    1.0000239610671997,
    0.37410038709640503,
    0.09659887850284576,
    -0.18493826687335968,
    0.2739754021167755,
    -1.1253639459609985,
    1.4773586988449097,
    -0.8154776692390442,
    0.1692347377538681,
)
# (tanh(x) / x - 1) / x^2 as a polynomial in x^2, |x| < 0.55: minimax, error 1e-9.
_TANH = (
    -0.33333319425582886,
    0.13332602381706238,
    -0.05385388806462288,
    0.021077854558825493,
    -0.006282569840550423,
)
_SMALL = 0.55


def sigmoid(x: Tile) -> Tile:
    """1 / (1 + exp(-x)); 0 where exp(-x) overflows."""
    return 1.0 / (1.0 + exp2(x * -LOG2_E))


def tanh(x: Tile) -> Tile:
    """Hyperbolic tangent."""
    magnitude = absolute(x)
    decay = exp2(magnitude * (-2.0 * LOG2_E))
    large = (1.0 - decay) / (1.0 + decay)
    square = x * x
    # The difference above cancels for small x.
    small = x + x * (square * _polynomial(square, _TANH))
    return where(magnitude < _SMALL, small, where(x < 0.0, -large, large))


def normal_cdf(x: Tile) -> Tile:
    """(1 + erf(x / sqrt 2)) / 2, the distribution function of the normal distribution."""
    z = absolute(x) * math.sqrt(0.5)
    t = 1.0 / (1.0 + 0.5 * z)
    # The tail itself, rather than 1 + erf, which has no digits left in it.
    tail = (0.5 * t) * exp2((_polynomial(t, _ERFC) - z * z) * LOG2_E)
    return where(x < 0.0, tail, 1.0 - tail)


def _polynomial(x: Tile, coefficients: tuple[float, ...]) -> Tile:
    *lower, total = coefficients
    value: Tile | float = total
    for coefficient in reversed(lower):
        value = value * x + coefficient
    assert isinstance(value, Tile)
    return value
