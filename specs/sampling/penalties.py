"""apply_penalties: logit bias, repetition, frequency and presence penalties, and the mask of allowed tokens, in place.

    l += bias                                              of the listed tokens
    l = l / repetition if l > 0 else l * repetition        of tokens of the prompt or the output
    l = l - fp32(frequency * count), l = l - presence      of tokens that the output has `count` > 0 times
    l = -inf                                               of tokens that are not allowed

One float32 operation after the other in this order, so results are the same bytes everywhere. Counts follow from the
tokens of each request, prompt first, output after it, and from nothing that a step before has left. Ids outside of
[0, V) are ignored; of equal ids of a bias the first one counts. Only logits of tokens that occur are read and written,
unless there is a mask: L + L * outputs comparisons of ids per row, not V.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Constraint, Kernel, Role
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import BOOL, F32, INT32, INT64
from specs.sampling.declared import B, V, parameter, tunables
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    fori_loop,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_sum,
    store,
    when,
    where,
)
from specs.tile.language import (
    cdiv as tiles_of,
)
from specs.tuned import everywhere

L = Axis(name="L", doc="tokens of the longest request")
NB = Axis(name="NB", static=True, maximum=1024, doc="entries of the bias")
_OUTPUTS = 64
"""Tokens of the output that are compared at once."""
_LARGEST = 3.4028234663852886e38


def _ids(p: Any, array: Any, row: Tile, place: Tile, inside: Tile) -> Tile:
    """Token ids, -1 where there is none or it is outside of the vocabulary."""
    token = load(array, (row, place), inside, other=-1)
    return where((token >= 0) & (token < p.V.to(token.element)), token, -1).to(INT32)


def add_bias(p: Any) -> None:
    """The bias of one row."""
    row, place = program_id(0), arange(1 << max(p.NB - 1, 0).bit_length())
    token = _ids(p, p.bias_ids, row, place, place < p.NB)

    def earlier(i: Tile, repeated: Tile) -> Tile:
        other = load(p.bias_ids, (row, i))
        return repeated | ((token.to(other.element) == other) & (place > i)).to(INT32)

    repeated = fori_loop(0, p.NB, earlier, full(place.shape, 0, INT32))
    there = (token >= 0) & (repeated == 0)
    value = load(p.logits, (row, token), there) + load(p.bias_values, (row, place), place < p.NB)
    store(p.logits, (row, token), value, there)


def _lengths(p: Any, row: Tile) -> tuple[Tile, Tile]:
    """Tokens of prompt, and of prompt and output."""
    end = maximum(minimum(load(p.lens, (row,)), p.L), 0)
    return maximum(minimum(load(p.prompt_lens, (row,)), end), 0), end


def penalise(p: Any) -> None:
    """Penalised logits of a block of a request's tokens."""
    row, block = program_id(0), program_id(1)
    start, end = _lengths(p, row)

    def some() -> None:
        place = block * p.BLOCK + arange(p.BLOCK)
        token = _ids(p, p.tokens, row, place, place < end)

        def compare(i: Tile, count: Tile) -> Tile:
            at = start + i * _OUTPUTS + arange(_OUTPUTS)
            other = _ids(p, p.tokens, row, at, at < end)
            return count + reduce_sum((token[:, None] == other[None, :]).to(INT32), axis=1)

        count = fori_loop(0, tiles_of(end - start, _OUTPUTS), compare, full((p.BLOCK,), 0, INT32))
        there = token >= 0
        value = load(p.logits, (row, token), there)
        repetition = load(p.repetition, (row,))
        value = where(value > 0.0, value / repetition, value * repetition)
        # The minimum keeps compilers from contracting the product and the difference into one rounding.
        value = value - minimum(load(p.frequency, (row,)) * count.to(F32), _LARGEST)
        value = value - where(count > 0, load(p.presence, (row,)), 0.0)
        store(p.penalised, (row, place), value, place < p.L)

    when(block * p.BLOCK < end, some)


def write_penalised(p: Any) -> None:
    """Writes penalised logits; equal tokens write the same value."""
    row, place = program_id(0), program_id(1) * p.BLOCK + arange(p.BLOCK)
    _, end = _lengths(p, row)
    token = _ids(p, p.tokens, row, place, place < end)
    there = token >= 0
    store(p.logits, (row, token), load(p.penalised, (row, place), there), there)


def mask_tokens(p: Any) -> None:
    """-inf where a token is not allowed."""
    row, column = program_id(0), program_id(1) * p.BLOCK + arange(p.BLOCK)
    refused = ~load(p.allowed, (row, column), column < p.V, other=True)
    store(p.logits, (row, column), full((p.BLOCK,), float("-inf"), F32), refused)


def _logits(access: Access) -> Array:
    doc = "logits, rows of any stride"
    return Array(name="logits", doc=doc, shapes=((B, V),), formats=(F32,), access=access, role=Role.INDEX)


def _penalised(access: Access) -> Array:
    return parameter("penalised", "penalised logits of tokens", B, L, formats=(F32,), access=access)


_IDS = (INT32, INT64)
_TOKENS = (
    parameter("tokens", "token ids of every request: prompt, then output", B, L, formats=_IDS),
    parameter("prompt_lens", "tokens of the prompt", B),
    parameter("lens", "tokens of prompt and output; at most L", B),
)
_FACTORS = tuple(
    parameter(name, f"{name} penalty of every row; {off}: none", B, formats=(F32,))
    for name, off in (("repetition", 1), ("frequency", 0), ("presence", 0))
)
_BIAS_IDS = parameter("bias_ids", "token ids with a bias; negative: none", B, NB, formats=_IDS, optional=True)
_BIAS = parameter("bias_values", "what is added to them", B, NB, formats=(F32,), optional=True)
_ALLOWED = parameter("allowed", "whether tokens are allowed", B, V, formats=(BOOL,), optional=True)
_BLOCK = tunables(BLOCK=(16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192))


def _kernel(body: Any, doc: str, arrays: tuple[Array, ...], grid: tuple[Any, ...], axes: tuple[Axis, ...]) -> Kernel:
    name = body.__name__
    return Kernel(
        name=name, doc=doc, axes=axes, arrays=arrays, tunables=_BLOCK if len(grid) > 1 else tunables(),
        configs=everywhere(name), grid=grid, body=body,
    )  # fmt: skip


_BLOCKS = (B, cdiv(L, Ref("BLOCK")))
_ADD = _kernel(add_bias, "Adds the bias.", (_logits(Access.INOUT), _BIAS_IDS, _BIAS), (B,), (B, V, NB))
_PENALISE = _kernel(
    penalise, "Penalised logits of the tokens that occur.",
    (_logits(Access.IN), *_TOKENS, *_FACTORS, _penalised(Access.OUT)), _BLOCKS, (B, V, L),
)  # fmt: skip
_WRITE = _kernel(
    write_penalised, "Puts penalised logits in place.",
    (_logits(Access.INOUT), *_TOKENS, _penalised(Access.IN)), _BLOCKS, (B, V, L),
)  # fmt: skip
_MASK = _kernel(
    mask_tokens, "-inf for tokens that are not allowed.", (_logits(Access.INOUT), _ALLOWED),
    (B, cdiv(V, Ref("BLOCK"))), (B, V),
)  # fmt: skip


def oracle(inputs: Any) -> dict[str, Reference]:
    """Row by row, in float32."""
    logits = np.array(inputs["logits"], np.float32)
    width = logits.shape[1]
    for b, row in enumerate(logits):
        if inputs.get("bias_ids") is not None:
            ids = np.asarray(inputs["bias_ids"][b], np.int64)
            firsts = [i for i, token in enumerate(ids) if 0 <= token < width and token not in ids[:i]]
            row[ids[firsts]] += np.asarray(inputs["bias_values"][b], np.float32)[firsts]
        given = np.asarray(inputs["tokens"][b], np.int64)[: max(int(inputs["lens"][b]), 0)]
        output = given[max(int(inputs["prompt_lens"][b]), 0) :]
        seen = given[(given >= 0) & (given < width)]
        count = np.bincount(output[(output >= 0) & (output < width)], minlength=width)
        repetition, frequency, presence = (
            np.float32(inputs[name][b]) for name in ("repetition", "frequency", "presence")
        )
        with np.errstate(all="ignore"):
            changed = np.where(row > 0, row / repetition, row * repetition)
            changed = changed - frequency * count.astype(np.float32)
            changed = changed - np.where(count > 0, presence, np.float32(0))
        row[seen] = changed[seen]
        if inputs.get("allowed") is not None:
            row[~np.asarray(inputs["allowed"][b], bool)] = -np.inf
    return {"logits": Reference(value=logits.astype(np.float64))}


def sample(case: Sample) -> dict[str, Any]:
    """Tokens that repeat, and that do not exist; lengths that do not fit."""
    rng, (rows, width) = case.rng, case.shapes["logits"]
    length, bias = case.sizes["L"], case.sizes.get("NB", 0)
    lens = rng.choice([0, length, length // 2, length + 3, -1], rows)
    return {
        "logits": rng.standard_normal((rows, width)) * 8,
        "tokens": rng.integers(-2, min(width, 40) + 2, (rows, length)),
        "prompt_lens": rng.choice([0, length // 3, length], rows),
        "lens": lens,
        "repetition": rng.choice([1.0, 1.2, 0.7], rows),
        "frequency": rng.choice([0.0, 0.3, -0.7], rows),
        "presence": rng.choice([0.0, 1.1], rows),
        "bias_ids": rng.integers(-1, width + 1, (rows, bias)),
        "bias_values": rng.choice([-100.0, 1.37, 5.0], (rows, bias)),
        "allowed": rng.random((rows, width)) < 0.8,
    }


def _case(name: str, rows: int, width: int, length: int, bias: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("B", rows), ("V", width), ("L", length), ("NB", bias)), **fields)


_HAS_BIAS = Ref("has_bias_ids")
APPLY_PENALTIES = Op(
    name="apply_penalties",
    family="sampling",
    doc="Logit bias, penalties of tokens that occur, and the mask of allowed tokens, in place.",
    definition=definition_of(__doc__),
    source="CTRL (Keskar et al., 2019) for repetition; OpenAI's API for frequency and presence; the order is vLLM's",
    axes=(B, V, L, NB),
    arrays=(_logits(Access.INOUT), *_TOKENS, *_FACTORS, _BIAS_IDS, _BIAS, _ALLOWED),
    temporaries=(_penalised(Access.OUT),),
    constraints=(
        Constraint(
            argument="bias_values",
            holds=_HAS_BIAS.equals(Ref("has_bias_values")),
            message="bias_ids and bias_values together, or neither",
        ),
    ),
    steps=(
        Step(kernel=_ADD, when=_HAS_BIAS),
        Step(kernel=_PENALISE),
        Step(kernel=_WRITE),
        Step(kernel=_MASK, when=Ref("has_allowed")),
    ),
    independent=(Independent(B),),
    oracle=oracle,
    sample=sample,
    accuracy=(("logits", Accuracy(exact=True)),),
    cases=(
        _case("everything", 7, 61, 90, 5),
        _case("long", 3, 300, 260, 1, formats=(("tokens", INT64), ("bias_ids", INT64))),
        _case("penalties-only", 6, 50, 40, 0, absent=("bias_ids", "bias_values", "allowed")),
        _case("mask", 3, 33, 4, 0, absent=("bias_ids", "bias_values")),
        _case("no-tokens", 2, 20, 0, 3, absent=("allowed",)),
        _case("no-rows", 0, 64, 8, 2),
        _case("large", 256, 151936, 4096, 16, absent=("allowed",), large=True, golden=True),
    ),
)
