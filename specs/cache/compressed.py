"""Where compressed entries lie: lists of all visible entries (ratio 128 has no indexer), and slots of new ones.

Entry c of a request holds tokens ratio c .. ratio c + ratio - 1, and exists once the last of them is there. A page of
the cache covers `block_size` original tokens or has `block_size` entries, depending on the operation.
"""

from __future__ import annotations

from typing import Any

from specs.cache.batches import Arrays, around, owners, slots, table
from specs.cache.declared import (
    EXACT,
    NB,
    B,
    T,
    block_table,
    positions,
    result,
    slot_mapping,
    token_to_req,
    tunables,
    whole,
)
from specs.cache.index_oracle import c128a_decode_oracle, c128a_prefill_oracle, compressed_slots_oracle
from specs.cache.lookup import slot_of
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Constraint, Kernel
from specs.lang.declare.op import Case, Independent, Op, Sample, single
from specs.lang.formats.elements import INT32, INT64
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, load, maximum, minimum, program_id, store, where
from specs.tuned import everywhere

P = Axis(name="P", doc="tokens, including padding")

_RATIO = whole("ratio", "original tokens per compressed entry", default=128)
_WIDTH = whole("width", "entries of a list", required=True)


def entries_of(p: Any, token: Tile) -> Tile:
    """Number of entries that a token sees, at most `width`."""
    position = load(p.positions, (token,)).to(INT32)
    # Complete entries only: entry c exists once token ratio * c + ratio - 1 does. Padding has position -1.
    return minimum(maximum(position + 1, 0) // p.ratio, p.width)


def c128a_decode_metadata(p: Any) -> None:
    """BLOCK_W entries of one token."""
    token, block = program_id(0), program_id(1)
    column = block * p.BLOCK_W + arange(p.BLOCK_W)
    # No slot: a token of padding, whose position may be stale.
    count = where(load(p.slot_mapping, (token,)) >= 0, entries_of(p, token), 0)
    request = load(p.token_to_req, (token,))
    # -1 past the last entry, to the end of the row: captured graphs reuse the buffer.
    slot = slot_of(p, request, column, column < count, p.block_size)
    store(p.indices, (token, column), slot, column < p.width)
    # Every block of a token computes the same count; one stores it.
    store(p.lens, (token,), count, block == 0)


def c128a_prefill_metadata(p: Any) -> None:
    """BLOCK_W entries of one token."""
    token = program_id(0)
    column = program_id(1) * p.BLOCK_W + arange(p.BLOCK_W)
    store(p.indices, (token, column), where(column < entries_of(p, token), column, -1), column < p.width)


def compressed_slot_mapping(p: Any) -> None:
    """BLOCK_T tokens."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    # slot_mapping and slots are padded to P; positions and requests have only the T tokens of the step.
    own = load(p.slot_mapping, (token,), token < p.P, other=-1)
    live = (token < p.T) & (own >= 0)
    position = load(p.positions, (token,), live, other=-1).to(INT32)
    request = load(p.token_to_req, (token,), live, other=-1)
    # Before the modulo, whose sign for negative operands differs between targets.
    position = maximum(position, -1)
    # Only the last token of every `ratio` completes an entry, and only that one is written.
    live = live & ((position + 1) % p.ratio == 0) & (position >= 0)
    entry = maximum(position, 0) // p.ratio
    # A page spans block_size original tokens, hence block_size / ratio compressed entries.
    slot = slot_of(p, request, entry, live, p.block_size // p.ratio, p.slots.element)
    store(p.slots, (token,), slot, token < p.P)


DECODE_KERNEL = Kernel(
    name="c128a_decode_metadata",
    doc="Cache slots of all compressed entries that a decode token sees.",
    axes=(T, B, NB),
    arrays=(
        positions(),
        token_to_req(),
        slot_mapping(),
        block_table(),
        result("indices", "slots, -1 after the last; all -1 for tokens of padding", T, Ref("width")),
        result("lens", "entries of every list; 0 for tokens of padding", T),
    ),
    attributes=(_WIDTH, _RATIO, whole("block_size", "compressed entries of a page", default=2)),
    tunables=tunables(BLOCK_W=(128, 256, 512, 1024)),
    configs=everywhere("c128a_decode_metadata"),
    grid=(T, cdiv(Ref("width"), Ref("BLOCK_W"))),
    body=c128a_decode_metadata,
)
PREFILL_KERNEL = Kernel(
    name="c128a_prefill_metadata",
    doc="Numbers, in their request, of all compressed entries that a prefill token sees.",
    axes=(T,),
    arrays=(positions(), result("indices", "0, 1, .. as far as entries exist, then -1", T, Ref("width"))),
    attributes=(_WIDTH, _RATIO),
    tunables=tunables(BLOCK_W=(128, 256, 512, 1024)),
    configs=everywhere("c128a_prefill_metadata"),
    grid=(T, cdiv(Ref("width"), Ref("BLOCK_W"))),
    body=c128a_prefill_metadata,
)
SLOTS_KERNEL = Kernel(
    name="compressed_slot_mapping",
    doc="Slot of the compressed entry that a token completes, where it completes one.",
    axes=(T, P, B, NB),
    arrays=(
        positions(),
        token_to_req(),
        slot_mapping(P),
        block_table(),
        result("slots", "slots; -1 for tokens that complete no entry, and for padding", P, formats="slot_mapping"),
    ),
    attributes=(
        _RATIO,
        whole("block_size", "original tokens per page, a multiple of ratio", default=256),
    ),
    tunables=tunables(BLOCK_T=(64, 128, 256, 512, 1024)),
    configs=everywhere("compressed_slot_mapping"),
    grid=(cdiv(P, Ref("BLOCK_T")),),
    body=compressed_slot_mapping,
)


def sample(case: Sample) -> Arrays:
    """Tokens of unrelated requests at positions around the ends of entries, the page's end and the list's."""
    tokens, ratio = case.sizes["T"], int(case.attributes["ratio"])  # type: ignore[call-overload]
    found = {"positions": around(case, tokens, ratio, 3 * ratio)}
    if "slot_mapping" in case.shapes:
        found["slot_mapping"] = slots(case, case.sizes.get("P", tokens))
        found["token_to_req"] = owners(case, tokens)
        found["block_table"] = table(case)
    return found


def _case(name: str, sizes: dict[str, int], **fields: Any) -> Case:
    attributes = tuple(fields.pop("attributes", {}).items())
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


_SOURCE = "DeepSeek-V4 sparse attention: metadata of a step"
_WIDE = (("positions", INT64), ("slot_mapping", INT64))


def _decode(name: str, tokens: int, rows: int, pages: int, width: int, **fields: Any) -> Case:
    settings = {"width": width, **fields.pop("attributes", {})}
    return _case(name, {"T": tokens, "B": rows, "NB": pages}, attributes=settings, **fields)


C128A_DECODE_METADATA: Op = single(
    DECODE_KERNEL,
    family="cache",
    independent=(Independent(T),),
    source=_SOURCE,
    sample=sample,
    oracle=c128a_decode_oracle,
    accuracy=(("indices", EXACT), ("lens", EXACT)),
    cases=(
        _decode("decode", 13, 4, 6, 128),
        _decode("int64", 17, 4, 6, 128, formats=_WIDE),
        _decode("full-lists", 13, 4, 6, 4),
        _decode("short-table", 13, 4, 2, 300),
        _decode("ratio-4", 13, 4, 3, 20, attributes={"ratio": 4, "block_size": 64}),
        _decode("no-tokens", 0, 4, 6, 128),
        _decode("no-table", 5, 0, 0, 16),
        _decode("large", 1024, 1024, 4096, 8192, large=True, golden=True),
    ),
)


def _prefill(name: str, tokens: int, width: int, ratio: int = 128, **fields: Any) -> Case:
    return _case(name, {"T": tokens}, attributes={"width": width, "ratio": ratio}, **fields)


C128A_PREFILL_METADATA: Op = single(
    PREFILL_KERNEL,
    family="cache",
    independent=(Independent(T),),
    source=_SOURCE,
    sample=sample,
    oracle=c128a_prefill_oracle,
    accuracy=(("indices", EXACT),),
    cases=(
        _prefill("prefill", 31, 128),
        _prefill("int64", 37, 128, formats=_WIDE[:1]),
        _prefill("full-lists", 31, 3),
        _prefill("ratio-4", 17, 300, 4),
        _prefill("no-tokens", 0, 128),
        _prefill("large", 8192, 8192, large=True, golden=True),
    ),
)


def _mapping(name: str, tokens: int, padded: int, rows: int, pages: int, **fields: Any) -> Case:
    return _case(name, {"T": tokens, "P": padded, "B": rows, "NB": pages}, **fields)


COMPRESSED_SLOT_MAPPING: Op = single(
    SLOTS_KERNEL,
    family="cache",
    source=_SOURCE,
    constraints=(
        Constraint(
            argument="slot_mapping", holds=T <= P, message="a slot for every token", failure="{P} slots for {T} tokens"
        ),
        Constraint(
            argument="block_size",
            holds=(Ref("block_size") % Ref("ratio")).equals(0),
            message="a multiple of ratio",
        ),
    ),
    sample=sample,
    oracle=compressed_slots_oracle,
    accuracy=(("slots", EXACT),),
    cases=(
        _mapping("c128a", 60, 64, 5, 3),
        _mapping("c128a-int64", 65, 70, 5, 3, formats=_WIDE),
        _mapping("c4a", 60, 60, 5, 2, attributes={"ratio": 4}),
        _mapping("c4a-int64", 300, 320, 8, 1, attributes={"ratio": 4}, formats=_WIDE),
        _mapping("every-token", 60, 64, 5, 9, attributes={"ratio": 1, "block_size": 4}),
        _mapping("padding-only", 0, 16, 5, 2),
        _mapping("nothing", 0, 0, 5, 2),
        _mapping("large", 8192, 8192, 1024, 4096, attributes={"ratio": 4}, large=True, golden=True),
    ),
)
