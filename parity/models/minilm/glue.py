"""Glue between the library's operations (layer norm, GELU, pooling) in float64, with float32 error bounds.

First-order error analysis with u = 2**-24 (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3): a sum of n
terms in any order is off by at most n u times the sum of their magnitudes. Neither framework promises more: they add in
their own order, and a quotient may be a product with a rounded reciprocal. Errors are in units of u, as a reference's
`magnitude` has them; the second order is far below what a worst case adds.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from parity.models.minilm import encoder
from parity.models.minilm.arrays import numpy_arrays
from parity.models.minilm.assets import Norm, Tokens
from specs.lang.declare.op import Reference

Float64 = npt.NDArray[np.float64]

_WIDE: Final = numpy_arrays(np.float64)
_ERF: Final = 8.0
"""Error of erf in float32, in units of u of its value. No framework states it; torch stays below 2 and JAX below 6 for
600000 arguments up to 6.
"""


def add_norm(addends: tuple[Float64, ...], norm: Norm, eps: float) -> Reference:
    """The layer norm of a sum of arrays [T, hidden]."""
    total = sum(addends[1:], addends[0])
    n = total.shape[-1]
    off = (len(addends) - 1) * sum(np.abs(part) for part in addends)  # of a sum; 0 where there is nothing to add
    centred = total - total.mean(-1, keepdims=True)
    # Of the mean: n - 1 additions and a division. Of the difference: that, the sum's own and one rounding.
    off = off + (off + n * np.abs(total)).mean(-1, keepdims=True) + np.abs(centred)
    square = (centred * centred).mean(-1, keepdims=True)
    wide = square + eps
    deviation = np.sqrt(wide)
    relative = ((n + 1) * square + 2 * (np.abs(centred) * off).mean(-1, keepdims=True)) / wide + 1
    factor = np.abs(norm.weight) / deviation
    # Half of the variance's error is the root's; the root, the quotient (two roundings) and the product round.
    error = factor * (off + np.abs(centred) * (relative / 2 + 4))
    value = encoder.layer_norm(_WIDE, total, norm, eps)
    return Reference(value=value, magnitude=error + np.abs(value))


def gelu(x: Float64) -> Reference:
    """x * Phi(x)."""
    value = encoder.gelu(_WIDE, x)
    t = x * math.sqrt(0.5)
    # The constant and the product are rounded before erf, whose slope is 2 / sqrt(pi) exp(-t^2).
    step = 2 / math.sqrt(math.pi) * np.exp(-t * t) * 2 * np.abs(t)
    phi = np.abs(value / np.where(x == 0, 1.0, x))
    inside = step + _ERF * np.abs(2 * phi - 1) + 2 * phi
    return Reference(value=value, magnitude=np.abs(x) / 2 * inside + 2 * np.abs(value))


def pool(x: Float64, tokens: Tokens) -> Reference:
    """Means of the tokens of each sentence, scaled to length 1."""
    members = np.arange(tokens.sentences)[:, None] == tokens.sentence[None, :]
    weights = members / members.sum(1, keepdims=True)
    mean, size = weights @ x, x.shape[-1]
    # A matrix product over all tokens: other sentences' tokens add zeros, which rounds nothing.
    off = (members.sum(1, keepdims=True) + 1) * (weights @ np.abs(x))
    square = (mean * mean).sum(-1, keepdims=True)
    relative = size + 1 + 2 * (np.abs(mean) * off).sum(-1, keepdims=True) / square
    length = np.sqrt(square)
    value = encoder.pool(_WIDE, x, tokens)
    return Reference(value=value, magnitude=(off + np.abs(mean) * (relative / 2 + 4)) / length)
