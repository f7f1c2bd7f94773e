"""embedding and gguf_embedding: rows of a table by token id.

    out[t] = table[ids[t]]                                     0 <= ids[t] < V
    out[t] = 0                                                 any other id

The table is dense, or its rows are blocks of a type of GGUF files (`quant_type`), decoded in float32 as the block type
declares (`specs.lang.formats.ggml`, docs/gguf.md), then rounded once to the format of the result, zeros positive. Ids
of no row are not an error: padding, and tokens of other shards of a table, are zeros, whatever they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from specs.gguf.weights import QUANT_TYPE, SOURCE, exact_values, quant_type, sampled_rows
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref, as_expr, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32, INT32, INT64, UINT8, ElementFormat
from specs.lang.formats.ggml import BLOCKS, BY_NAME
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, both, load, program_id, store, where
from specs.tile.library.packed import PackedTile, segment
from specs.tuned import everywhere, tuned

T = Axis(name="T", doc="tokens")
V = Axis(name="V", doc="rows of the table")
D = Axis(name="D", doc="columns of the table")
ROW_BYTES = Axis(name="ROW_BYTES", doc="bytes of a row of the table")
_FLOATS = (BF16, F16, F32)


def _rows(p: Any) -> tuple[Tile, Tile, Tile]:
    """Tokens of a program; the row of each, 0 where the id is of none; which have a row, and exist."""
    token = program_id(0) * p.BLOCK_T + arange(p.BLOCK_T)
    inside = token < p.T
    row = load(p.ids, (token,), inside, other=-1)
    live = (row >= 0) & (row < p.V.to(row.element))
    # Ids are user data, of 64 bits perhaps: compared before they are narrowed.
    row = where(live, row, 0)
    return token, row.to(INT32), live & inside


def gather(p: Any) -> None:
    """BLOCK_T tokens, BLOCK_D columns."""
    token, row, live = _rows(p)
    column = program_id(1) * p.BLOCK_D + arange(p.BLOCK_D)
    fits = None if p.even_d else (column < p.D)[None, :]
    # Rows of no token are zeros: nothing is read for them.
    value = load(p.table, (row[:, None], column[None, :]), both(live[:, None], fits))
    store(p.out, (token[:, None], column[None, :]), value, both((token < p.T)[:, None], fits))


def gather_packed(p: Any) -> None:
    """BLOCK_T tokens, one block of the type."""
    token, row, live = _rows(p)
    form, block = BY_NAME[p.quant_type], program_id(1)
    packed, depth = PackedTile(p.table, form, row, block, live), segment(form)
    inside = (token < p.T)[:, None]
    for first in range(0, form.elements, depth):
        value = packed.values(first, depth)
        # Rows of no token have codes of zeros, which are values where an offset is subtracted. Zeros are positive.
        value = where(live[:, None] & (value != 0.0), value, 0.0)
        column = block * form.elements + first + arange(depth)
        store(p.out, (token[:, None], column[None, :]), value.to(p.out.element), inside)


def _chosen(inputs: Mapping[str, Any], *tables: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Rows of tables by id, zeros where there is none."""
    ids = np.asarray(inputs["ids"], np.int64)
    live = (ids >= 0) & (ids < len(tables[0]))
    found = []
    for table in tables:
        rows = table[np.where(live, ids, 0)] if len(table) else np.zeros((*ids.shape, table.shape[1]))
        found.append(np.where(live[..., None], rows, 0.0))
    return found


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, of a dense table."""
    (value,) = _chosen(inputs, inputs["table"])
    return {"out": Reference(value=value)}


def packed_oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, of a table of blocks, float64."""
    value, magnitude = _chosen(inputs, *exact_values(BY_NAME[inputs["quant_type"]], np.asarray(inputs["table"])))
    return {"out": Reference(value=value, magnitude=magnitude)}


def sample(case: Sample) -> dict[str, Any]:
    """Ids, some of which are of no row; a table in blocks where the call has one."""
    size, rows = case.sizes["T"], case.sizes["V"]
    ids = case.rng.integers(0, max(rows, 1), size)
    ids[1::5], ids[3::5] = -1 - ids[1::5], rows + ids[3::5]
    if case.formats["ids"] == INT64:
        ids[2::7] = (1 << 32) + ids[2::7]  # whose low 32 bits are a row
    drawn = {"ids": ids}
    if "quant_type" in case.attributes:
        form = BY_NAME[str(case.attributes["quant_type"])]
        drawn["table"] = sampled_rows(case, rows, case.sizes["ROW_BYTES"] // form.bytes * form.elements)
    return drawn


_IDS = Array(
    name="ids",
    doc="token ids; any that is no row of the table gives zeros",
    shapes=((Rows(T),),),
    formats=(INT32, INT64),
    layout=Dense(inner=Inner.FREE),
    role=Role.INDEX,
)
_BLOCK_T = Tunable(name="BLOCK_T", values=(1, 2, 4, 8, 16, 32, 64), doc="tokens per program")
_LAUNCH = (Tunable(name="num_warps", values=(1, 2, 4, 8)), Tunable(name="num_stages", values=(1,)))


def _case(name: str, t: int, v: int, d: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("T", t), ("V", v), ("D", d)), **fields)


def _packed_case(name: str, quant_type: str, t: int, v: int, blocks: int, **fields: Any) -> Case:
    sizes = (("T", t), ("V", v), ("ROW_BYTES", blocks * BY_NAME[quant_type].bytes))
    return Case(
        name=name, sizes=sizes, attributes=(("quant_type", quant_type), *fields.pop("attributes", ())), **fields
    )


def _blocks() -> Expr:
    """Blocks of a row."""
    total = as_expr(0)
    for form in BLOCKS:
        total = total + QUANT_TYPE.equals(form.name) * (ROW_BYTES // form.bytes)
    return total


def _whole_blocks() -> Constraint:
    whole = QUANT_TYPE.differs(BLOCKS[0].name).or_((ROW_BYTES % BLOCKS[0].bytes).equals(0))
    for form in BLOCKS[1:]:
        whole = whole.and_(QUANT_TYPE.differs(form.name).or_((ROW_BYTES % form.bytes).equals(0)))
    sizes = ", ".join(f"{form.name} {form.bytes}" for form in BLOCKS)
    return Constraint(
        argument="table",
        holds=whole,
        message=f"rows of whole blocks; bytes of one: {sizes}",
        failure=f"rows of {{ROW_BYTES}} bytes are not whole {{quant_type}} blocks; bytes of one: {sizes}",
    )


def _configs() -> tuple[Config, ...]:
    # A program decodes one block of every row. 28672 rows of 128 blocks in Q8_0 take an H200 558 us four at a time, and
    # 150 us in 32; 16 blocks in Q4_K 120 and 101.
    others = (tuned(target, "gguf_embedding", every=None) for target in ("xpu", "cpu", "interpret"))
    return (*tuned("cuda", "gguf_embedding", many_rows=T > 512, rest=None), *chain.from_iterable(others))


EMBEDDING: Op = single(
    Kernel(
        name="embedding",
        doc="Rows of a dense table by token id; zeros for ids of no row.",
        axes=(T, V, D),
        arrays=(
            _IDS,
            Array(name="table", doc="one row per id", shapes=((V, D),), formats=_FLOATS),
            Array(name="out", doc="a row per token", shapes=((Rows(T), D),), formats="table", access=Access.OUT),
        ),
        tunables=(
            _BLOCK_T,
            Tunable(name="BLOCK_D", values=(64, 128, 256, 512, 1024, 2048), doc="columns per program"),
            *_LAUNCH,
        ),
        configs=everywhere("embedding"),
        static_conditions=(("even_d", (D % Ref("BLOCK_D")).equals(0)),),
        grid=(cdiv(T, Ref("BLOCK_T")), cdiv(D, Ref("BLOCK_D"))),
        body=gather,
    ),
    family="gguf",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source="torch.nn.functional.embedding, vLLM VocabParallelEmbedding",
    sample=sample,
    oracle=oracle,
    accuracy=(("out", Accuracy(exact=True)),),
    cases=(
        _case("bf16", 9, 33, 96),
        _case("f16-lead", 6, 7, 64, lead=(2, 3), formats=(("ids", INT64), ("table", F16))),
        _case("f32", 3, 1, 130, formats=(("table", F32),)),
        _case("no-tokens", 0, 5, 64),
        _case("no-rows", 3, 0, 64),
        _case("large", 4096, 128256, 4096, large=True, golden=True),
    ),
)

GGUF_EMBEDDING: Op = single(
    Kernel(
        name="gguf_embedding",
        doc="Rows of a table in a block type of GGUF files by token id, decoded; zeros for ids of no row.",
        axes=(T, V, ROW_BYTES),
        arrays=(
            _IDS,
            Array(
                name="table",
                doc="one row of blocks per id",
                shapes=((V, ROW_BYTES),),
                formats=(UINT8,),
                layout=Dense(inner=Inner.PACKED, alignment=4),
                role=Role.CODES,
            ),
            Array(
                name="out",
                doc="a row per token",
                by="quant_type",
                shapes_by=tuple((form.name, ((Rows(T), ROW_BYTES // form.bytes * form.elements),)) for form in BLOCKS),
                formats="out_dtype",
                access=Access.OUT,
            ),
        ),
        attributes=(
            quant_type(),
            Attribute(name="out_dtype", kind=ElementFormat, default=BF16, choices=_FLOATS, doc="format of the result"),
        ),
        tunables=(_BLOCK_T, *_LAUNCH),
        configs=_configs(),
        grid=(cdiv(T, Ref("BLOCK_T")), _blocks()),
        body=gather_packed,
    ),
    family="gguf",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source=SOURCE,
    constraints=(_whole_blocks(),),
    sample=sample,
    oracle=packed_oracle,
    accuracy=(("out", Accuracy(extra=4)),),
    cases=(
        _packed_case("q4-0", "Q4_0", 9, 33, 2),
        _packed_case("q4-1", "Q4_1", 4, 5, 1, attributes=(("out_dtype", F32),)),
        _packed_case("q5-0", "Q5_0", 4, 5, 1),
        _packed_case("q5-1-lead", "Q5_1", 6, 5, 1, lead=(2, 3), attributes=(("out_dtype", F16),)),
        _packed_case("q8-0", "Q8_0", 4, 5, 3, formats=(("ids", INT64),)),
        _packed_case("q2-k", "Q2_K", 2, 3, 1),
        _packed_case("q3-k", "Q3_K", 2, 3, 1),
        _packed_case("q4-k", "Q4_K", 5, 3, 2),
        _packed_case("q5-k", "Q5_K", 2, 3, 1),
        _packed_case("q6-k", "Q6_K", 2, 3, 1),
        _packed_case("iq4-nl", "IQ4_NL", 4, 5, 1),
        _packed_case("mxfp4", "MXFP4", 4, 5, 1, attributes=(("out_dtype", F32),)),
        _packed_case("no-tokens", "Q4_0", 0, 5, 1),
        _packed_case("no-rows", "Q4_0", 3, 0, 1),
        _packed_case("large", "Q6_K", 4096, 128256, 16, large=True, golden=True),
    ),
)
