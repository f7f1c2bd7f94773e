"""Attention metadata of a step: requests and positions of tokens, window lists of decode tokens, gather lengths.

Token t of request b has position seq_lens[b] - (tokens of b in this step) + (t - its first one). A token is valid if it
has a slot and a request; tokens after the last request's are padding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specs.cache.batches import Arrays, batch, slots, starts, table
from specs.cache.declared import (
    EXACT,
    NB,
    B,
    R,
    T,
    block_table,
    query_start_loc,
    result,
    seq_lens,
    slot_mapping,
    tunables,
    whole,
)
from specs.cache.index_oracle import gather_lens_oracle, swa_decode_oracle, token_metadata_oracle
from specs.cache.lookup import position_of, request_of, slot_of
from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Constraint, Kernel
from specs.lang.declare.op import Case, Op, Sample, single
from specs.lang.formats.elements import BOOL, INT64
from specs.tile.language import arange, load, maximum, minimum, program_id, store, where
from specs.tuned import everywhere

_REQUEST_BLOCKS = (16, 64, 256, 1024)


def token_metadata(p: Any) -> None:
    """BLOCK_T tokens."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    inside = token < p.T
    request = request_of(p, token)
    live = inside & (request < p.R)
    # Padding gets position 0, a valid index of the rotary table, not -1.
    position = maximum(position_of(p, token, request, live), 0)
    slot = load(p.slot_mapping, (token,), inside, other=-1)
    # All of the padded range is written: captured graphs read it without knowing T of the step.
    store(p.token_to_req, (token,), where(live, request, -1), inside)
    store(p.positions, (token,), position.to(p.positions.element), inside)
    store(p.is_valid, (token,), live & (slot >= 0), inside)


TOKEN_METADATA_KERNEL = Kernel(
    name="token_metadata",
    doc="Request, position and validity of every token of a step.",
    axes=(T, R),
    arrays=(
        query_start_loc(),
        seq_lens(),
        slot_mapping(),
        result("token_to_req", "request of every token; -1 in padding", T),
        result("positions", "position of every token in its request; 0 in padding", T, formats="slot_mapping"),
        result("is_valid", "whether a token has a request and a slot", T, formats=(BOOL,)),
    ),
    tunables=tunables(BLOCK_T=(16, 32, 64, 128), BLOCK_R=_REQUEST_BLOCKS),
    configs=everywhere("token_metadata"),
    grid=(cdiv(T, Ref("BLOCK_T")),),
    body=token_metadata,
)


def swa_decode_metadata(p: Any) -> None:
    """One decode token."""
    token = program_id(0)
    request = request_of(p, token)
    position = position_of(p, token, request, request < p.R)
    # A token without a slot is padding of a captured batch; it attends to nothing.
    live = (load(p.slot_mapping, (token,)) >= 0) & (position >= 0)
    low = maximum(position - (p.window - 1), 0)
    count = where(live, position + 1 - low, 0)
    # One tile for the whole window, padded to a power of two; the store mask keeps the next row intact.
    column = arange(1 << (p.window - 1).bit_length())
    slot = slot_of(p, request, low + column, column < count, p.block_size)
    store(p.indices, (token, column), slot, column < p.window)
    store(p.lens, (token,), count)


_WINDOW = whole("window", "sliding window, the token itself included", default=128)
SWA_DECODE_KERNEL = Kernel(
    name="swa_decode_metadata",
    doc="Cache slots of the window of every decode token, oldest first.",
    axes=(T, R, B, NB),
    arrays=(
        query_start_loc(),
        seq_lens(),
        slot_mapping(),
        block_table(),
        result("indices", "slots, -1 after the last; all -1 for tokens of padding", T, Ref("window")),
        result("lens", "tokens of every window; 0 for tokens of padding", T),
    ),
    attributes=(_WINDOW, whole("block_size", "tokens of a page", default=64)),
    tunables=tunables(BLOCK_R=_REQUEST_BLOCKS),
    configs=everywhere("swa_decode_metadata"),
    grid=(T,),
    body=swa_decode_metadata,
)


def prefill_gather_lens(p: Any) -> None:
    """BLOCK_R requests."""
    request = program_id(0) * p.BLOCK_R + arange(p.BLOCK_R)
    inside = request < p.R
    start = load(p.query_start_loc, (request,), inside)
    query = load(p.query_start_loc, (request + 1,), inside) - start
    # Stale lengths of padding requests may be below the query length.
    before = maximum(load(p.seq_lens, (request,), inside) - query, 0)
    # The first query token sees window - 1 tokens before it; the others see no further back.
    store(p.gather_lens, (request,), query + minimum(before, p.window - 1), inside)


GATHER_LENS_KERNEL = Kernel(
    name="prefill_gather_lens",
    doc="Window rows that every prefill request needs: its tokens' rows, and the window of its first token.",
    axes=(R,),
    arrays=(query_start_loc(), seq_lens(), result("gather_lens", "rows to gather, the last ones of a request", R)),
    attributes=(_WINDOW,),
    tunables=tunables(BLOCK_R=_REQUEST_BLOCKS),
    configs=everywhere("prefill_gather_lens"),
    grid=(cdiv(R, Ref("BLOCK_R")),),
    body=prefill_gather_lens,
)


def sample(case: Sample) -> Arrays:
    """A batch, slots for its tokens, and a block table that lacks some pages in random data."""
    window = int(case.attributes.get("window", 128))  # type: ignore[call-overload]
    if "T" not in case.sizes:  # only the lengths matter
        case = replace(case, sizes={**case.sizes, "T": 5 * case.sizes["R"]})
    found = starts(batch(case, window))
    if "slot_mapping" in case.shapes:
        found["slot_mapping"] = slots(case, case.sizes["T"])
    if "block_table" in case.shapes:
        found["block_table"] = table(case)
    return found


def _case(name: str, sizes: dict[str, int], **fields: Any) -> Case:
    attributes = tuple(fields.pop("attributes", {}).items())
    return Case(name=name, sizes=tuple(sizes.items()), attributes=attributes, **fields)


def _tokens(name: str, tokens: int, requests: int, **fields: Any) -> Case:
    return _case(name, {"T": tokens, "R": requests}, **fields)


_SOURCE = "DeepSeek-V4 sparse attention: metadata of a step"
_WIDE = (("slot_mapping", INT64),)

TOKEN_METADATA: Op = single(
    TOKEN_METADATA_KERNEL,
    family="cache",
    source=_SOURCE,
    sample=sample,
    oracle=token_metadata_oracle,
    accuracy=(("token_to_req", EXACT), ("positions", EXACT), ("is_valid", EXACT)),
    cases=(
        _tokens("mixed", 41, 6),
        _tokens("int64", 45, 6, formats=_WIDE),
        _tokens("one-request", 70, 1),
        _tokens("one-token-requests", 8, 8),
        _tokens("many-requests", 150, 200),
        _tokens("no-tokens", 0, 3),
        _tokens("no-requests", 9, 0),
        _tokens("large", 8192, 4000, large=True, golden=True),
    ),
)


def _decode(name: str, tokens: int, requests: int, rows: int, pages: int, **fields: Any) -> Case:
    return _case(name, {"T": tokens, "R": requests, "B": rows, "NB": pages}, **fields)


SWA_DECODE_METADATA: Op = single(
    SWA_DECODE_KERNEL,
    family="cache",
    source=_SOURCE,
    constraints=(Constraint(argument="block_table", holds=R <= B, message="a row for every request"),),
    sample=sample,
    oracle=swa_decode_oracle,
    accuracy=(("indices", EXACT), ("lens", EXACT)),
    cases=(
        _decode("decode", 7, 7, 7, 12),
        _decode("speculative", 20, 5, 6, 12, formats=_WIDE),
        _decode("window-48", 12, 4, 4, 20, attributes={"window": 48, "block_size": 16}),
        _decode("short-table", 9, 9, 9, 2),
        _decode("window-1", 6, 3, 3, 2, attributes={"window": 1}),
        _decode("no-tokens", 0, 2, 2, 4),
        _decode("no-requests", 3, 0, 0, 4),
        _decode("large", 1024, 512, 512, 4096, large=True, golden=True),
    ),
)


def _requests(name: str, requests: int, window: int = 128, **fields: Any) -> Case:
    return _case(name, {"R": requests}, attributes={"window": window}, **fields)


PREFILL_GATHER_LENS: Op = single(
    GATHER_LENS_KERNEL,
    family="cache",
    source=_SOURCE,
    sample=sample,
    oracle=gather_lens_oracle,
    accuracy=(("gather_lens", EXACT),),
    cases=(
        _requests("eight", 8),
        _requests("window-16", 40, 16),
        _requests("window-1", 9, 1),
        _requests("one", 1),
        _requests("many", 700),
        _requests("none", 0),
        _requests("large", 4000, large=True, golden=True),
    ),
)
