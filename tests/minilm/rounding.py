"""How far rounding can move the embeddings of the encoder, found by perturbing it (the idea of Monte Carlo arithmetic,
D. S. Parker, 1997).

A rigorous worst-case bound through 24 linears in a row, four in each of six layers, says nothing: each of them
multiplies it by the ratio of sum |terms| to |sum|. Instead every linear of a float64 run is disturbed by as much as
rounding with unit roundoff u may disturb it, with random signs, and what comes out is compared with the run that was
left alone:

    y = sum of K products and a bias: K + 1 rounded operations, whose errors of random sign add up to
        sqrt(K + 1) u (|x| |W| + |b|)        (N. Higham and T. Mary, "A new approach to probabilistic rounding error
                                              analysis", 2019, Theorem 2.4 with lambda = 1)
    x = what elementwise operations made of earlier linears: at most ELEMENTWISE of them lie between two linears, each
        with an error of u relative to the largest element of its row (not of the element: x - mean and 1 + erf cancel)
        ELEMENTWISE u max|x|
    z = the embeddings, what elementwise operations made of the last linear: the same, once more.

Scores of attention are sums of 32 products of outputs of linears, which were sums of 384: their rounding is the smaller
part of a disturbance that is already there. Every disturbance has the full size of its limit, where errors of rounding
are anywhere below it, so no factor of safety is added. The largest of RUNS disturbed runs counts.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from parity.models.minilm.arrays import HostArray, numpy_arrays
from parity.models.minilm.assets import Assets, Tokens
from parity.models.minilm.encoder import encode

ELEMENTWISE: Final = 16
"""Rounded operations one after the other: residual addition and layer norm 11 (two of them sums over a row); scaling,
mask, softmax and division 6; GELU 5, of which erf counts for a few.
"""
RUNS: Final = 4


def distance(one: HostArray, other: HostArray) -> HostArray:
    """Euclidean distance of the embeddings of each sentence, float64 [sentences]."""
    return np.linalg.norm(np.asarray(one, np.float64) - np.asarray(other, np.float64), axis=1)


def envelope(assets: Assets, tokens: Tokens, roundoff: float, rng: np.random.Generator) -> HostArray:
    """Largest distance of a sentence's embedding from the exact one that rounding explains, float64 [sentences].

    roundoff: unit roundoff of the arithmetic.
    """
    exact = reference(assets, tokens)
    wide = numpy_arrays(np.float64)

    def signs(x: HostArray) -> HostArray:
        return rng.choice([-1.0, 1.0], x.shape)

    def elementwise(x: HostArray) -> HostArray:
        return x + ELEMENTWISE * roundoff * np.abs(x).max(-1, keepdims=True) * signs(x)

    def linear(_name: str, x: HostArray, weight: HostArray, bias: HostArray) -> Any:
        x, weight = elementwise(x), weight.astype(np.float64)
        terms = np.abs(x) @ np.abs(weight.T) + np.abs(bias)
        return x @ weight.T + bias + np.sqrt(x.shape[1] + 1) * roundoff * terms * signs(terms)

    runs = [elementwise(encode(wide, assets, tokens, linear)) for _ in range(RUNS)]
    return np.max([distance(run, exact) for run in runs], axis=0)


def stored_envelope(assets: Assets, tokens: Tokens, roundoff: float, rng: np.random.Generator) -> HostArray:
    """As `envelope` where arithmetic is exact, and only what is stored between operations is rounded.

    The weights of linears, what goes into them and what comes out of them are each disturbed by their roundoff.
    """
    exact = reference(assets, tokens)
    wide = numpy_arrays(np.float64)

    def stored(x: HostArray) -> HostArray:
        return x * (1 + roundoff * rng.choice([-1.0, 1.0], x.shape))

    def linear(_name: str, x: HostArray, weight: HostArray, bias: HostArray) -> Any:
        return stored(stored(x) @ stored(weight.astype(np.float64)).T + bias)

    runs = [encode(wide, assets, tokens, linear) for _ in range(RUNS)]
    return np.max([distance(run, exact) for run in runs], axis=0)


def reference(assets: Assets, tokens: Tokens) -> HostArray:
    """Embeddings computed in float64."""
    return encode(numpy_arrays(np.float64), assets, tokens)
