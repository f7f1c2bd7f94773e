"""From products of queries and keys to scores: cap, slopes, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.attention.softmax import LOG2_E, MINUS_INFINITY
from specs.flash.work import Work
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, absolute, arange, exp2, load, maximum, minimum, where


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a program does to products. Scores are kept times log2(e).

    scale: of the products, log2(e) included unless they are capped: a number, or a scalar where arguments scale too.
    slope: per row, times log2(e). left, right: keys that a query sees before and after its own position; -1: all.
    """

    scale: Tile | float
    cap: float
    slope: Tile | None
    left: int
    right: int

    @property
    def plain(self) -> bool:
        """Whether a score is a positive multiple of the product, so that the factor can be applied later."""
        known = not isinstance(self.scale, float) or self.scale > 0.0
        return known and self.cap == 0.0 and self.slope is None

    def scores(self, at: Work, product: Tile, tile: Tile, keys: int, masked: bool) -> Tile:
        """Scores [rows, keys] of tile number `tile`; -inf where a query does not see a key.

        Those that are `plain` are left as products. masked: whether there is any such key.
        """
        score = product if self.plain else self._scored(at, product, tile, keys)
        if not masked:
            return score
        distance = _distance(at, tile, keys)
        position = (tile * keys + arange(keys))[None, :]
        seen = position < at.request.keys
        if self.right >= 0:
            seen = seen & (distance <= self.right)
        if self.left >= 0:
            seen = seen & (distance >= -self.left)
        return where(seen, score, MINUS_INFINITY)

    def _scored(self, at: Work, product: Tile, tile: Tile, keys: int) -> Tile:
        score = product * self.scale
        if self.cap:
            # c tanh(x / c) = c - 2 c / (1 + e^(2 x / c)): right at both ends, and in units of c in between
            grown = exp2(score * (2.0 * LOG2_E / self.cap))
            score = self.cap * LOG2_E - (2.0 * self.cap * LOG2_E) / (grown + 1.0)
        if self.slope is not None:
            distance = _distance(at, tile, keys).to(self.slope.element)
            score = score - self.slope[:, None] * absolute(distance)
        return score


def _distance(at: Work, tile: Tile, keys: int) -> Tile:
    """How far after a query's own position each key is [rows, keys]."""
    own = at.position + (at.request.keys - at.request.queries)
    return (tile * keys + arange(keys))[None, :] - own[:, None]


def descale(p: Any, factors: ArrayHandle, at: Work) -> Tile:
    """The factor of a request's keys or values: one for all requests or heads, or for each."""
    row = minimum(at.request.number, maximum(p.DESCALE_ROWS, 1) - 1)
    return load(factors, (row, minimum(at.head, p.DESCALE_HEADS - 1)))


def scoring(p: Any, at: Work) -> Scoring:
    """What the arguments ask for."""
    static = p.D**-0.5 if p.softmax_scale is None else p.softmax_scale
    scale: Tile | float = float(static) * (1.0 if p.softcap else LOG2_E)
    if p.q_descale is not None:
        scale = load(p.q_descale, (at.request.number, at.head)) * scale
    if p.k_descale is not None:
        scale = descale(p, p.k_descale, at) * scale
    slope = None
    if p.alibi_slopes is not None:
        row = minimum(at.request.number, maximum(p.SLOPES, 1) - 1)
        slope = load(p.alibi_slopes, (row, at.query_head), at.live) * LOG2_E
    return Scoring(scale, float(p.softcap), slope, p.window_left, 0 if p.causal else p.window_right)
