"""One tile program for every scaled matrix product: C = (A * sa) @ (B * sb) + bias.

Serves fp8_gemm in all scale modes, fp8_bmm (one more grid axis) and fp8_gemm_w8a16 (A unquantised). Scales that are
constant along K (tensor, token, channel) are applied once at the end; scales per group of K are applied to the partial
product of each group, in float32, so that their range never limits the operands'.
"""

from __future__ import annotations

from typing import Any

from specs.gemm.tiles import finish, scale_at, span, step_of, steps_of, tile_position
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Attribute, Tunable
from specs.lang.formats.elements import E4M3, E5M2, F32
from specs.tile.blocks import UNDEFINED, Slice, load_block
from specs.tile.frontend.trace import Tile, fail
from specs.tile.language import (
    cdiv,
    dot,
    fori_loop,
    load,
    minimum,
    multiply,
    program_id,
    rescale,
    zeros,
)

M = Axis(name="M", doc="rows of A: the product of its leading dimensions")
N = Axis(name="N", doc="columns of the weight")
K = Axis(name="K", minimum=1, doc="contracted size")
G = Axis(name="G", doc="batches")

GROUPED = ("block", "mx")
SMALL_TILE = 64 * 32
FREE_TILES = Ref("invariant").equals(0)
"""Whether tiles and parts of K may follow the number of rows."""


def scaled_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one part's share of it."""
    batch = (program_id(1),) if p.batched else ()
    splits = 1 if p.batched else p.SPLITS
    split = program_id(1) if splits > 1 else None
    tile_m, tile_n = tile_position(p)
    rows = span(tile_m, p.BLOCK_M, UNDEFINED)
    cols = span(tile_n, p.BLOCK_N, UNDEFINED)

    def step(k: Tile, acc: Tile) -> Tile:
        k = step_of(k, split, splits)
        depth = span(k, p.BLOCK_K)
        # Rows and columns over the edge are not stored, so anything is read for them: a mask would keep loads from
        # being asynchronous copies. Past the end of K both operands are zeros.
        a = load_block(p.a, (*batch, rows, depth))
        b = load_block(p.b, (*batch, depth, cols))
        if p.scale_mode in GROUPED:
            scale = group_scale(p, batch, k, tile_n, rows, cols)
            # Scales multiply the sum of their group in float32, so their range never limits the operands'.
            return acc + rescale(dot(a, b.to(a.element)), scale)
        if a.element in (E4M3, E5M2):
            return acc + dot(a, b)  # a sum of its own per step: fp8 dot units do not accumulate in full float32
        return dot(a, b.to(a.element), acc)

    acc = zeros((p.BLOCK_M, p.BLOCK_N))
    acc = fori_loop(0, steps_of(cdiv(p.K, p.BLOCK_K), split, splits), step, acc, stages=scale_stages(p))
    if p.scale_mode not in GROUPED:
        acc = constant_scales(p, batch, acc, rows, cols)
    finish(p, acc, rows, cols, batch, split)


def scale_stages(p: Any) -> int | None:
    """Stages in which group scales are fetched ahead with the operands; None where they are read when they are needed.

    The products of a small tile are too short to hide a load. On an H200 (mode block, operands from memory)
    fetching ahead takes 64x16 tiles from 19.3 to 17.8 us in Triton and from 21.6 to 18.2 us in Pallas (64x4096x7168),
    and makes 64x128 and 128x128 tiles 1 to 5 % slower.
    """
    return p.num_stages if p.scale_mode in GROUPED and p.BLOCK_M * p.BLOCK_N <= SMALL_TILE else None


def group_scale(p: Any, batch: tuple[Tile, ...], k: Tile, tile_n: Tile, rows: Slice, cols: Slice) -> Tile:
    """sa * sb of one group of K, shaped to multiply a [BLOCK_M, BLOCK_N] tile."""
    size = 32 if p.scale_mode == "mx" else p.group
    within_a_group(p, size)
    group = k if size == p.BLOCK_K else (k * p.BLOCK_K) // size
    if p.scale_mode == "mx":
        b_scale = scale_at(p.b_scale, (*batch, group, cols))[None, :]
    elif p.group % p.BLOCK_N == 0:
        b_scale = scale_at(p.b_scale, (*batch, group, (tile_n * p.BLOCK_N) // p.group))
    else:
        columns = cols.indices() if p.even_n else minimum(cols.indices(), p.N - 1)
        b_scale = load(p.b_scale, (*batch, group, columns // p.group)).to(F32)[None, :]
    if p.a_scale is None:
        return b_scale
    a_scale = scale_at(p.a_scale, (*batch, rows, group))
    return multiply(a_scale, b_scale)[:, None] if not b_scale.shape else multiply(a_scale[:, None], b_scale)


def within_a_group(p: Any, size: int) -> None:
    """Raises where a step of the loop would span several groups of K, of which it would scale only the first."""
    if size % p.BLOCK_K:
        raise fail(f"BLOCK_K = {p.BLOCK_K} spans more than a group of {size}", "let it divide the group")


def constant_scales(p: Any, batch: tuple[Tile, ...], acc: Tile, rows: Slice, cols: Slice) -> Tile:
    """Applies scales that do not depend on K; a missing scale is 1."""
    if p.a_scale is not None:
        by_row = p.scale_mode.startswith("token")
        a_scale = scale_at(p.a_scale, (*batch, rows))[:, None] if by_row else scale_at(p.a_scale, batch)
        acc = rescale(acc, a_scale)
    if p.b_scale is not None:
        by_col = p.scale_mode.endswith("channel")
        b_scale = scale_at(p.b_scale, (*batch, cols))[None, :] if by_col else scale_at(p.b_scale, batch)
        acc = rescale(acc, b_scale)
    return acc


def weight_order(with_scales: str = ", and scales that have both dimensions, are") -> Attribute:
    """How the weight is passed: logical [K, N], or the checkpoint's [N, K].

    with_scales: arrays passed in the same order, and the verb.
    """
    return Attribute(
        name="weight_order",
        kind=str,
        default="kn",
        choices=("kn", "nk"),
        doc=f'"kn": the weight{with_scales} passed as [K, N]; "nk": as [N, K], the usual checkpoint order',
    )


def invariant() -> Attribute:
    """Whether tiles may depend on the number of rows."""
    doc = "the same tiles, and so the same bits of a row, for every number of rows"
    return Attribute(name="invariant", kind=bool, default=False, doc=doc)


def tunables(least_rows: int = 16) -> tuple[Tunable, ...]:
    """Tile sizes and launch parameters of the family.

    least_rows: of a tile; 8 where rows of A are the columns of matrix instructions.
    """
    return (
        Tunable(name="BLOCK_M", values=(*(8,)[: least_rows < 16], 16, 32, 64, 128, 256)),
        Tunable(name="BLOCK_N", values=(16, 32, 64, 128, 256)),
        Tunable(name="BLOCK_K", values=(32, 64, 128, 256)),
        Tunable(name="GROUP_M", values=(1, 8, 16), doc="row tiles per band"),
        Tunable(name="num_warps", values=(2, 4, 8, 16, 32)),
        Tunable(name="num_stages", values=(1, 2, 3, 4, 5, 6)),
    )


def static_conditions() -> tuple[tuple[str, Any], ...]:
    """Whether tiles divide the sizes, so that masks can be left out."""
    return (
        ("even_m", (M % Ref("BLOCK_M")).equals(0)),
        ("even_n", (N % Ref("BLOCK_N")).equals(0)),
        ("even_k", (K % Ref("BLOCK_K")).equals(0)),
    )


def grid() -> tuple[Any, ...]:
    """One program per tile of C."""
    return (cdiv(M, Ref("BLOCK_M")) * cdiv(N, Ref("BLOCK_N")),)
