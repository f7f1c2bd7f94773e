"""Gated activations as tile arithmetic, their arguments, and the same in float64.

A row x of W columns has the gates g and the factors u, W / 2 of each: the first and the second half, or, in rows of
`swigluoai`, the even and the odd columns. With s(x) = 1 / (1 + exp(-x)):

    silu                      g s(g) u                                              Llama, Qwen, DeepSeek-V3
    mul_and_silu              g u s(u)
    gelu                      g (1 + erf(g / sqrt 2)) / 2 u                         Gemma
    gelu_tanh                 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) / 2 u   Gemma 2 and 3
    swigluoai                 g' s(alpha g') (u' + beta)                            gpt-oss
    swigluoai_uninterleaved   the same of halves
    clamp                     g' s(g') u'                                           DeepSeek-V4
    swiglustep                min(g s(g), limit) u'                                 Step
    situ                      beta tanh(g / beta) s(g) u''                          Kimi

g' = min(g, limit), without a lower bound; u' = u clamped to -limit .. limit; neither is where limit is 0.
u'' = linear_beta tanh(u / linear_beta), or u where linear_beta is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.axes import Axis
from specs.lang.declare.kernel import Array, Attribute, Rows
from specs.lang.formats.elements import BF16, F16, F32
from specs.tile.blocks import Slice, ds, load_block
from specs.tile.frontend.trace import Tile, constant
from specs.tile.language import split_pairs, where
from specs.tile.library.functions import normal_cdf, sigmoid, tanh

NDArray = np.ndarray[Any, Any]

M = Axis(name="M", doc="rows: the product of the leading dimensions")
W = Axis(name="W", minimum=2, multiple_of=2, doc="columns of x: gates and factors")

KINDS = (
    "silu",
    "mul_and_silu",
    "gelu",
    "gelu_tanh",
    "swigluoai",
    "swigluoai_uninterleaved",
    "clamp",
    "swiglustep",
    "situ",
)
INTERLEAVED = "swigluoai"
_CUBIC, _ROOT = 0.044715, math.sqrt(2.0 / math.pi)
EXTRA = 28
"""Rounded operations of the longest activation and its product; arguments of exponentials are in the magnitude."""


def x() -> Array:
    """The argument."""
    doc = "gates, then factors; in turn for the kind swigluoai"
    return Array(name="x", doc=doc, shapes=((Rows(M), W),), formats=(BF16, F16, F32))


def attributes() -> tuple[Attribute, ...]:
    """Kind and parameters."""
    return (
        Attribute(name="kind", kind=str, default="silu", choices=KINDS, doc="which activation"),
        Attribute(
            name="limit",
            kind=float,
            default=7.0,
            minimum=0.0,
            doc="bound of gates and factors for swigluoai, clamp (10 in DeepSeek-V4) and swiglustep; 0 for none",
        ),
        Attribute(name="alpha", kind=float, default=1.702, doc="factor of the gate in the sigmoid of swigluoai"),
        Attribute(
            name="beta",
            kind=float,
            default=1.0,
            minimum=2.0**-20,
            doc="added to the factor in swigluoai; bound of the gate in situ",
        ),
        Attribute(
            name="linear_beta", kind=float, default=0.0, minimum=0.0, doc="bound of the factor in situ, 0 for none"
        ),
    )


def product(p: Any, rows: Slice, start: Tile, count: int, even: bool) -> Tile:
    """Products in the format of x, [rows, count], from column `start` of the result on; zeros beyond the last.

    even: all of these columns exist.
    """
    columns, sure = p.W // 2, True if even else None
    if p.kind == INTERLEAVED:
        both = load_block(p.x, (rows, ds(start * 2, 2 * count, in_bounds=sure)))
        gate, up = split_pairs(both.to(F32))
    else:
        # Gates end where factors begin: what lies beyond the last gate is no padding.
        end = None if even else columns
        gate = load_block(p.x, (rows, ds(start, count, end=end, in_bounds=sure))).to(F32)
        up = load_block(p.x, (rows, ds(start + columns, count, in_bounds=sure))).to(F32)
    return gated(p, gate, up).to(p.x.element)


def gated(p: Any, gate: Tile, up: Tile) -> Tile:
    """The product of the activation, float32."""
    match p.kind:
        case "silu":
            return gate * sigmoid(gate) * up
        case "mul_and_silu":
            return gate * (up * sigmoid(up))
        case "gelu":
            return gate * normal_cdf(gate) * up
        case "gelu_tanh":
            # (1 + tanh(z)) / 2 = s(2 z), which does not cancel.
            inner = gate * (1.0 + (gate * gate) * _CUBIC)
            return gate * sigmoid(inner * (2.0 * _ROOT)) * up
        case "swiglustep":
            return _at_most(gate * sigmoid(gate), p.limit) * _between(up, p.limit)
        case "situ":
            linear: Tile = tanh(up * (1.0 / p.linear_beta)) * p.linear_beta if p.linear_beta else up
            bounded: Tile = tanh(gate * (1.0 / p.beta)) * p.beta
            return bounded * sigmoid(gate) * linear
        case "clamp":
            gate, up = _at_most(gate, p.limit), _between(up, p.limit)
            return gate * sigmoid(gate) * up
    gate, up = _at_most(gate, p.limit), _between(up, p.limit)
    gate = gate * sigmoid(gate * p.alpha)
    shifted: Tile = up + p.beta
    return gate * shifted


def _at_most(x: Tile, limit: float) -> Tile:
    """min(x, limit) that keeps NaN; x where there is no limit."""
    return where(x > limit, constant(limit, F32), x) if limit else x


def _between(x: Tile, limit: float) -> Tile:
    return where(x < -limit, constant(-limit, F32), _at_most(x, limit)) if limit else x


# -- the definition in float64 ---------------------------------------------------------------------------


def definition(values: Mapping[str, Any]) -> tuple[NDArray, NDArray]:
    """The products, float64, and their magnitude for the contract: exp(x) feels an error of its argument |x| times."""
    x, kind, limit = np.asarray(values["x"], np.float64), values["kind"], values["limit"] or np.inf
    alpha, beta, bound = (float(np.float32(values[name])) for name in ("alpha", "beta", "linear_beta"))
    half = x.shape[-1] // 2
    g, u = (x[..., 0::2], x[..., 1::2]) if kind == INTERLEAVED else (x[..., :half], x[..., half:])
    size = np.abs
    with np.errstate(over="ignore"):
        if kind == "silu":
            y, felt = g * _s(g) * u, size(g)
        elif kind == "mul_and_silu":
            y, felt = g * u * _s(u), size(u)
        elif kind == "gelu":
            y, felt = g * _phi(g) * u, g * g / 2
        elif kind == "gelu_tanh":
            z = 2 * math.sqrt(2 / math.pi) * (g + 0.044715 * g**3)
            y, felt = g * _s(z) * u, size(z)
        elif kind == "swiglustep":
            y, felt = np.minimum(g * _s(g), limit) * np.clip(u, -limit, limit), size(g)
        elif kind == "situ":
            y, felt = beta * np.tanh(g / beta) * _s(g) * (bound * np.tanh(u / bound) if bound else u), size(g)
        elif kind == "clamp":
            y, felt = np.minimum(g, limit) * _s(np.minimum(g, limit)) * np.clip(u, -limit, limit), size(g)
        else:
            g, u = np.minimum(g, limit), np.clip(u, -limit, limit)
            gate = g * _s(alpha * g)
            # The sum u + beta may cancel.
            return gate * (u + beta), size(gate) * (size(u) + size(beta)) * (1.0 + size(alpha * g))
    return y, size(y) * (1.0 + felt)


def _s(x: NDArray) -> NDArray:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _phi(x: NDArray) -> NDArray:
    return np.asarray(np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2.0)) / 2.0)
