"""save_partial_states: keys and scores of a step's tokens, into the state that windows are compressed from.

    state_cache[page, row, :W] = kv[t]
    state_cache[page, row, W:] = score[t] + ape[positions[t] mod R]        slot_mapping[t] = page * rows + row

One float32 addition, and one rounding where the state is bfloat16. Tokens whose slot is negative or past the last page,
or whose position is negative, are skipped; no other element changes.

Source: DeepSeek-V4, KV compressor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.cache.declared import EXACT, T, positions, slot_mapping
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel, Tunable
from specs.lang.declare.op import Case, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F32, INT64, ElementFormat
from specs.tile.language import arange, both, load, maximum, program_id, store
from specs.tuned import everywhere

W = Axis(name="W", minimum=1, doc="columns of a token: of keys, and of scores")
R = Axis(name="R", minimum=1, doc="tokens of a window")
STATE_PAGES = Axis(name="STATE_PAGES", doc="pages of the state")
STATE_ROWS = Axis(name="STATE_ROWS", minimum=1, doc="tokens of a page")


def save(p: Any) -> None:
    """BLOCK_T tokens, BLOCK_W columns."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    column = program_id(1) * p.BLOCK_W + arange(p.BLOCK_W)
    live = token < p.T
    slot, position = load(p.slot_mapping, (token,), live, other=-1), load(p.positions, (token,), live, other=-1)
    # Clamped, because // and % of negatives differ between targets; masked below.
    safe, phase = maximum(slot, 0), maximum(position, 0) % p.R.to(position.element)
    page, row = safe // p.STATE_ROWS.to(slot.element), safe % p.STATE_ROWS.to(slot.element)
    live = live & (slot >= 0) & (position >= 0) & (page < p.STATE_PAGES.to(slot.element))
    mask = both(live[:, None], None if p.even_w else (column < p.W)[None, :])
    place, page, row = (token[:, None], column[None, :]), page[:, None], row[:, None]
    kv = load(p.kv, place, mask)
    score = load(p.score, place, mask) + load(p.ape, (phase[:, None], column[None, :]), mask)
    store(p.state_cache, (page, row, column[None, :]), kv.to(p.state_cache.element), mask)
    store(p.state_cache, (page, row, (column + p.W)[None, :]), score.to(p.state_cache.element), mask)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, in float32."""
    state, ape, width = np.array(inputs["state_cache"]), inputs["ape"], inputs["kv"].shape[1]
    slots, positions_ = (np.asarray(inputs[name], np.int64) for name in ("slot_mapping", "positions"))
    live = (slots >= 0) & (slots < state.shape[0] * state.shape[1]) & (positions_ >= 0)
    page, row = np.divmod(slots[live], state.shape[1])
    score = np.float32(inputs["score"][live]) + np.float32(ape[positions_[live] % len(ape)])
    state[page, row, :width], state[page, row, width:] = inputs["kv"][live], score
    return {"state_cache": Reference(value=state)}


def sample(case: Sample) -> dict[str, Any]:
    """Distinct slots and positions, some of them to be skipped."""
    sizes, rng = case.sizes, case.rng
    total, count = sizes["STATE_PAGES"] * sizes["STATE_ROWS"], sizes["T"]
    slots, where = rng.permutation(max(total, count))[:count].astype(np.int64), rng.integers(0, 1000, count)
    slots[3::7], where[5::11] = -1, -1
    return {"slot_mapping": slots, "positions": where}


def state_cache(access: Access, width: Axis = W) -> Array:
    """Keys and scores of tokens, in pages."""
    return Array(
        name="state_cache",
        doc="keys, then scores with their bias, of every token; pages may lie further apart than they are long",
        shapes=((STATE_PAGES, STATE_ROWS, width * 2),),
        formats=(F32, BF16),
        access=access,
    )


def _float32(name: str, doc: str, rows: Axis) -> Array:
    return Array(name=name, doc=doc, shapes=((rows, W),), formats=(F32,))


def _case(name: str, t: int, w: int, r: int, pages: int, rows: int, **fields: Any) -> Case:
    sizes = (("T", t), ("W", w), ("R", r), ("STATE_PAGES", pages), ("STATE_ROWS", rows))
    return Case(name=name, sizes=sizes, **fields)


_INT64 = (("positions", INT64), ("slot_mapping", INT64))
_BF16: tuple[tuple[str, ElementFormat], ...] = (("state_cache", BF16),)

SAVE_PARTIAL_STATES: Op = single(
    Kernel(
        name="save_partial_states",
        doc="Keys and scores of a step's tokens, into the state that windows are compressed from.",
        axes=(T, W, R, STATE_PAGES, STATE_ROWS),
        arrays=(
            _float32("kv", "keys", T),
            _float32("score", "scores", T),
            _float32("ape", "bias of the scores, by position in the window", R),
            positions(),
            state_cache(Access.INOUT),
            slot_mapping(),
        ),
        tunables=(
            Tunable(name="BLOCK_T", values=(1, 2, 4, 8), doc="tokens per program"),
            Tunable(name="BLOCK_W", values=(128, 256, 512, 1024), doc="columns per program"),
            Tunable(name="num_warps", values=(1, 2, 4, 8)),
        ),
        configs=everywhere("save_partial_states"),
        static_conditions=(("even_w", (W % Ref("BLOCK_W")).equals(0)),),
        grid=(cdiv(T, Ref("BLOCK_T")), cdiv(W, Ref("BLOCK_W"))),
        body=save,
    ),
    family="compressor",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, KV compressor",
    sample=sample,
    oracle=oracle,
    accuracy=(("state_cache", EXACT),),
    cases=(
        _case("c4a", 13, 256, 4, 4, 4),
        _case("c128a-int64", 9, 128, 128, 2, 8, formats=_INT64),
        _case("bf16-ragged", 5, 72, 4, 1, 4, formats=_BF16),
        _case("no-tokens", 0, 64, 4, 2, 4),
        _case("large", 8192, 1024, 4, 4096, 4, large=True, golden=True),
    ),
)
