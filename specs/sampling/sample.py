"""sample and filter_logits: a token per row by exact Gumbel-max, and the logits that it is drawn from.

    z = l * fp32(1 / T)
    min-p: keep z >= max z + ln(min_p).  top-k: keep l >= the k-th largest l, all of its equals included.
    top-p: sorted by l, ties by lowest id, keep a token if the mass before it is below p of the whole mass
    d = l - max l, q = floor(max(fp32(d * fp32(1 / T)), -1000) 2**20)
    token = the lowest argmax of q + gumbel_q20(threefry2x32(seed, (position, id)))

The filters take turns in this order, or with order="hf" as top-k, top-p, min-p, each on what the ones before it have
left. After the two float32 operations of q everything is integers: masses are exp(q) in Q29 by a table, and are added
up exactly; min-p is q >= ln(min_p) in Q20; p is rounded down to a multiple of 2**-24. So JAX and torch draw the same
token, bit for bit, whatever the machine, batch, row and padding. Masses are within 1.2e-6 of the exact ones, relative,
and tokens below 1e-9 of the largest probability have none, so that the cut of top-p is that of float64 unless the
cumulative mass comes within 1.3e-6 + V 2**-30 of p. Where T is below 1e-5 the token is the lowest argmax of the logits
and nothing is filtered. NaN counts as -inf; a row without any other number gives token 0.

Rows are read once from end to end, for the maxima of groups of 32 columns. Of those follow the groups that can have
tokens which top-k or min-p keeps (256 at most), and only they are read again, into registers, where the filters are
searches for a key. Rows with top-p alone are read twice: their whole mass is needed; so are rows with no filter at all,
each column of which gets its noise. Where more than 256 groups have candidates left, as with top-k above 256 or a
nucleus of hundreds of tokens, the row is read three times more, to count candidates by their distance from the largest
logit and to collect those among which the cut is; it is read for every halving of a search only where these are more
than 8192.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from specs.indexer.topk import named
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Literal, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Kernel
from specs.lang.declare.op import Case, Independent, Op, Sample, Step, definition_of
from specs.lang.formats.elements import BF16, F16, F32, INT64
from specs.sampling import kernels, wide
from specs.sampling.declared import (
    GROUPS,
    TILE,
    B,
    V,
    filters,
    logits,
    order,
    parameter,
    randomness,
    stream,
    table,
    temperature,
    temporary,
    tunables,
    vocab_size,
)
from specs.sampling.oracle import filter_oracle, sample_oracle
from specs.sampling.settings import CHOSEN, FEW, GROUP, HELD, SPAN, SPANS
from specs.sampling.tables import SIZE, sampling_table
from specs.sampling.wide import BINS, KINDS
from specs.tuned import everywhere

_TEMPORARIES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "maxima": ("largest keys of groups of columns", (B, GROUPS)),
    "groups": ("groups with candidates, ascending", (B, CHOSEN)),
    "count": ("number of these groups", (B,)),
    "top": ("largest key of every row", (B,)),
    "bound": ("key below which candidates are missing; that of -inf: none are", (B,)),
    "masses": ("mass of every span of columns, high and low half", (B, SPANS, 2)),
    "pending": ("1 where a row is not finished, 2 where its cut is known", (B,)),
    "cut": ("least key that is kept", (B,)),
    "last": ("last token of this key that is kept", (B,)),
    "listed": ("rows that their groups do not finish", (B,)),
    "number": ("how many these are", (1,)),
    "coarse": ("candidates of every span by their distance, their number and mass", (B, SPANS, KINDS, BINS)),
    "fine": ("the same of one of these distances", (B, SPANS, KINDS, BINS)),
    "collected": ("candidates that are near enough, ascending", (B, HELD)),
    "winners": ("best score of every span, and its token", (B, SPANS, 2)),
}


def _temporaries(*names: str, access: Access = Access.OUT) -> tuple[Array, ...]:
    return tuple(
        temporary(name, doc, *dims, access=access) for name, (doc, dims) in _TEMPORARIES.items() if name in names
    )


def _tokens() -> Array:
    return parameter("tokens", "token of every row", B, access=Access.OUT)


def _kernel(name: str, doc: str, body: Any, reads: str, writes: tuple[Array, ...], **fields: Any) -> Kernel:
    """A kernel of rows; reads: temporaries."""
    settings = (temperature(), *filters(), table())
    return Kernel(
        name=name,
        doc=doc,
        axes=(B, V, TILE),
        arrays=(*fields.pop("first", (logits(),)), *settings, *_temporaries(*reads.split(), access=Access.IN), *writes),
        attributes=(order(), *fields.pop("attributes", ()), vocab_size()),
        configs=everywhere(fields.pop("table")),
        grid=fields.pop("grid", (B,)),
        body=named(body, name),
        tunables=fields.pop("tunables", tunables()),
        **fields,
    )


_BLOCK = tunables(BLOCK=(256, 512, 1024, 2048, 4096, 8192, 16384))
_TURNS = 1 + (B >= kernels.MANY_ROWS) * (kernels.TURNS - 1)
_IN_TURN: dict[str, Any] = {"grid": (Ref("PROGRAMS"),), "tunables": tunables(PROGRAMS=(8, 32, 264, 528, 1056))}
_WIDE = GROUPS > CHOSEN


def _maxima() -> Kernel:
    """The kernel that reads every row."""
    return Kernel(
        name="group_keys",
        doc="Largest keys of groups of 32 columns.",
        axes=(B, V),
        arrays=(logits(), *_temporaries("maxima")),
        attributes=(vocab_size(),),
        tunables=_BLOCK,
        configs=everywhere("sample_maxima"),
        grid=(B, cdiv(V, Ref("BLOCK"))),
        body=kernels.group_keys,
    )


def _settling(draws: bool) -> tuple[Step, ...]:
    """Maxima, groups, whole masses, and the rows whose candidates are few; draws: their tokens, else their cuts."""
    finish = kernels.draw_token if draws else kernels.store_cut
    results = (_tokens(),) if draws else _temporaries("cut", "last")
    noise: dict[str, Any] = {"attributes": (stream(),), "first": (logits(), *randomness())} if draws else {}
    few = _kernel(
        "few_groups", "Rows of few candidates.", partial(kernels.few_groups, finish=finish),
        "groups count top", results, table="sample_few", **noise,
    )  # fmt: skip
    many, most = (
        _kernel(
            name, "Rows of more candidates.", partial(kernels.many_groups, finish=finish),
            reads, (*results, *more), table="sample_many", **noise,
        )
        for name, reads, more in (
            ("many_groups", "groups count top", ()),
            ("most_groups", "groups count top bound masses", _temporaries("pending")),
        )
    )  # fmt: skip
    choose = _kernel(
        "choose_groups", "Groups of columns that can have tokens.", kernels.choose_groups, "maxima",
        _temporaries("groups", "count", "top", "bound"), first=(), table="sample_choose",
    )  # fmt: skip
    masses = _kernel(
        "span_masses", "Masses of spans of columns.", kernels.span_masses, "top bound",
        _temporaries("masses"), table="sample_masses", grid=(B, cdiv(V, SPAN * _TURNS)),
    )  # fmt: skip
    return (
        Step(kernel=_maxima()),
        Step(kernel=choose),
        Step(kernel=masses, when=_WIDE),
        Step(kernel=few),
        Step(kernel=many, when=(GROUPS > FEW) * (GROUPS <= CHOSEN)),
        Step(kernel=most, when=_WIDE),
        *(Step(kernel=kernel, when=_WIDE) for kernel in _wide(results if draws else (), finish, noise)),
    )  # fmt: skip


def _wide(results: tuple[Array, ...], finish: kernels.Finish, noise: dict[str, Any]) -> tuple[Kernel, ...]:
    """The rows that are left: candidates near enough, and the cuts of rows where even they are too many."""
    listing = Kernel(
        name="list_pending",
        doc="Rows that are not finished.",
        axes=(B,),
        arrays=(*_temporaries("pending", access=Access.IN), *_temporaries("listed", "number")),
        tunables=tunables(),
        configs=everywhere("sample_list"),
        grid=(Literal(1),),
        body=wide.list_pending,
    )
    return (
        listing,
        _kernel(
            "count_coarse", "Candidates by their distance.", wide.count_coarse, "top listed number",
            _temporaries("coarse"), table="sample_count", **_IN_TURN,
        ),
        _kernel(
            "count_fine", "Candidates of one distance.", wide.count_fine, "top listed number coarse",
            _temporaries("fine"), table="sample_count", **_IN_TURN,
        ),
        _kernel(
            "collect", "Candidates that are near enough.", wide.collect, "top listed number coarse fine",
            _temporaries("collected"), table="sample_collect", **_IN_TURN,
        ),
        _kernel(
            "settle_collected", "Rows of collected candidates.", partial(wide.settle_collected, finish=finish),
            "top coarse fine collected",
            (*_temporaries("pending", access=Access.INOUT), *_temporaries("cut", "last"), *results),
            table="sample_many", **noise,
        ),
        _kernel(
            "wide_cut", "Cuts of rows of most candidates.", wide.wide_cut, "top pending",
            _temporaries("cut", "last"), table="sample_wide", tunables=_BLOCK,
        ),
    )  # fmt: skip


def _drawing() -> tuple[Step, ...]:
    """Tokens of rows of most candidates."""
    winners = _kernel(
        "span_winners", "Best scores of spans of columns.", wide.span_winners, "top pending cut last listed number",
        _temporaries("winners"), table="sample_spans", attributes=(stream(),), first=(logits(), *randomness()),
        **_IN_TURN,
    )  # fmt: skip
    pick = Kernel(
        name="pick_winner",
        doc="Tokens of rows of most candidates.",
        axes=(B, V),
        arrays=(*_temporaries("pending", "winners", access=Access.IN), _tokens()),
        tunables=tunables(),
        configs=everywhere("sample_pick"),
        grid=(B,),
        body=wide.pick_winner,
    )
    return tuple(Step(kernel=kernel, when=_WIDE) for kernel in (winners, pick))


_WRITE = _kernel(
    "write_filtered", "Scaled logits, -inf where they are dropped.", kernels.write_filtered, "top cut last",
    (Array(name="filtered", doc="logits times 1/T; -inf where they are dropped", shapes=((B, V),), formats=(F32,),
           access=Access.OUT),),
    table="filter_write", grid=(B, cdiv(V, Ref("BLOCK"))), tunables=_BLOCK,
)  # fmt: skip


def filter_inputs(case: Sample) -> dict[str, Any]:
    """Rows of every kind: peaked, flat, with ties, with NaN and infinities, greedy; all settings in one batch."""
    rng, (rows, width) = case.rng, case.shapes["logits"]
    x = rng.standard_normal((rows, width)) * rng.choice([0.1, 1.0, 4.0, 12.0], (rows, 1))
    x[1::3] = np.round(x[1::3] * 2) / 2
    if width:
        x[2::7, ::3], x[3::7, ::5] = -np.inf, np.nan
        x[4::9] = -np.inf
        x[4::18, width // 2] = 1.5
        x[5::9] = 0.25
        x[6::11, width // 3 :: 50] = np.inf
    values: dict[str, Any] = {
        "logits": x,
        # Without rows nothing reads it, and it is all that a seed could decide.
        "table": sampling_table() if rows else rng.integers(0, 1 << 20, SIZE),
        "temperature": rng.choice([0.0, 0.01, 0.7, 1.0, 1.0, 2.0], rows),
        "top_k": rng.choice([0, 1, 2, 5, 50, 300, 600, width], rows),
        "top_p": rng.choice([1.0, 1.0, 0.9, 0.5, 0.99, 1e-6, 0.0], rows),
        "min_p": rng.choice([0.0, 0.0, 0.05, 0.3, 1e-4, 1.0], rows),
    }
    if width > GROUP:
        # The second peak is dropped, though no key of the group of the first one is near it.
        x[7::20], x[7::20, 0], x[7::20, -1] = -5.0, 10.0, 9.9
        for name, value in (("temperature", 1.0), ("top_k", 1), ("top_p", 1.0), ("min_p", 0.0)):
            values[name][7::20] = value
    return values


def draw_inputs(case: Sample) -> dict[str, Any]:
    """Seeds and positions besides."""
    rows, rng = case.sizes["B"], case.rng
    words = {"seeds": rng.integers(-(2**31), 2**31, (rows, 2)), "positions": rng.integers(0, 200_000, rows)}
    return {**filter_inputs(case), **words}


def _case(name: str, rows: int, width: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    return Case(name=name, sizes=(("B", rows), ("V", width)), absent=absent, **fields)


_FILTERS = ("top_k", "top_p", "min_p")
_COMMON: dict[str, Any] = {
    "family": "sampling",
    "definition": definition_of(__doc__),
    "axes": (B, V),
    "independent": (Independent(B),),
    "temporaries": _temporaries(*_TEMPORARIES),
}
SAMPLE = Op(
    name="sample",
    doc="A token per row of logits by exact Gumbel-max, the same in both frameworks.",
    source="Gumbel-max over Threefry-2x32-20 (Salmon et al., 2011); the order of filters is vLLM's",
    arrays=(logits(), temperature(), *randomness(), table(), *filters(), _tokens()),
    attributes=(order(), stream(), vocab_size()),
    steps=(*_settling(True), *_drawing()),
    oracle=sample_oracle,
    sample=draw_inputs,
    accuracy=(("tokens", Accuracy(exact=True)),),
    cases=(
        _case("small", 20, 97),
        _case("many-groups", 2, 2080, formats=(("logits", BF16), ("positions", INT64))),
        _case("wide", 3, 8230, absent=("min_p",)),
        _case("hf", 6, 130, attributes=(("order", "hf"), ("vocab_size", 121))),
        _case("draft", 6, 70, absent=("top_p", "min_p"), attributes=(("stream", "draft"),)),
        _case("one-token", 3, 1, absent=_FILTERS, formats=(("logits", F16),)),
        _case("no-rows", 0, 64),
        _case("large", 256, 151936, absent=("min_p",), large=True, golden=True),
        _case("large-draw", 5, 262144, absent=_FILTERS, large=True),
    ),
    **_COMMON,
)
FILTER_LOGITS = Op(
    name="filter_logits",
    doc="Logits by temperature, -inf where min-p, top-k and top-p drop them: what `sample` draws from.",
    source="vLLM's sampler; transformers' with order='hf'",
    arrays=(
        logits(),
        temperature(),
        table(),
        *filters(),
        _WRITE.array("filtered"),
    ),
    attributes=(order(), vocab_size()),
    steps=(*_settling(False), Step(kernel=_WRITE)),
    oracle=filter_oracle,
    sample=filter_inputs,
    accuracy=(("filtered", Accuracy(exact=True)),),
    cases=(
        _case("small", 20, 97),
        _case("hf", 6, 130, formats=(("logits", BF16),), attributes=(("order", "hf"), ("vocab_size", 121))),
        _case("no-filters", 5, 70, absent=_FILTERS, formats=(("logits", F16),)),
        _case("no-rows", 0, 64),
        _case("large", 64, 128256, large=True, golden=True),
    ),
    **_COMMON,
)
