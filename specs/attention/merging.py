"""Split-KV: the partial results of the splits of a row's keys, and their merge.

Each split stores its largest score, its sum of exponentials and its unnormalised accumulators in float32. They are
merged in order, so that every run gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specs.attention.softmax import MINUS_INFINITY, State, merge
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Tunable
from specs.lang.formats.elements import F32
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, load, program_id


def part_arrays(splits: Axis, tokens: Axis, heads: Axis, columns: Axis, access: Access) -> tuple[Array, ...]:
    """Arrays of the splits' partial results: peak, total and accumulators."""

    def array(name: str, doc: str, *inner: Axis) -> Array:
        shape = (splits, tokens, heads, *inner)
        return Array(name=name, doc=f"{doc} of each part", shapes=(shape,), formats=(F32,), access=access)

    return array("partial", "sums", columns), array("partial_peak", "largest score"), array("partial_total", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """MERGE_H heads of one token and MERGE_D columns of their values.

    token: i32 scalar. head: i32 [MERGE_H], of which those in `live` exist. column: i32 [MERGE_D]. inside: which of
    [MERGE_H, MERGE_D] exist. state: peak and total of the heads, and one tile of sums, over all parts.
    """

    token: Tile
    head: Tile
    column: Tile
    live: Tile
    inside: Tile
    state: State

    @property
    def first(self) -> Tile:
        """Whether this program has the first columns and therefore stores the values per head."""
        return program_id(1) == 0


def merged(p: Any, heads: Tile, columns: Tile) -> Merged:
    """Loads and merges the partial results of one program of `merge_grid`; heads, columns: their numbers."""
    # Tokens and head blocks share dimension 0: the others are limited to 65535 programs on CUDA.
    blocks = (heads + (p.MERGE_H - 1)) // p.MERGE_H
    tile = program_id(0)
    token, head = tile // blocks, (tile % blocks) * p.MERGE_H + arange(p.MERGE_H)
    column = program_id(1) * p.MERGE_D + arange(p.MERGE_D)
    live = head < heads
    inside = live[:, None] & (column < columns)[None, :]
    # -inf for heads past the last, as for splits without keys: their weights are 0.
    peaks = [load(p.partial_peak, (part, token, head), live, other=MINUS_INFINITY) for part in range(p.SPLITS)]
    # All peaks first, so that every part is scaled once, by its final weight.
    state = merge(
        peaks,
        lambda part: (
            load(p.partial_total, (part, token, head), live),
            load(p.partial, (part, token, head[:, None], column[None, :]), inside),
        ),
    )
    return Merged(token=token, head=head, column=column, live=live, inside=inside, state=state)


MERGE_TUNABLES = (
    Tunable(name="MERGE_H", values=(1, 2, 4, 8, 16, 64)),
    Tunable(name="MERGE_D", values=(64, 128, 256, 512)),
    Tunable(name="num_warps", values=(1, 2, 4, 8)),
)


def merge_grid(tokens: Axis, heads: Axis, columns: Axis) -> tuple[Expr, ...]:
    """Programs of a kernel that calls `merged`."""
    return tokens * cdiv(heads, Ref("MERGE_H")), cdiv(columns, Ref("MERGE_D"))
