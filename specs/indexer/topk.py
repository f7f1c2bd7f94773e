"""topk_rows and topk_rows_decode: for every row, the columns of its k largest logits.

    topk_rows          row m looks at columns row_starts[m] <= c < row_ends[m]
    topk_rows_decode   row i = b n + j looks at columns below seq_lens[b, j], or below seq_lens[b] - n + j + 1

Results are counted from the row's first column and ascend; followed by -1 where a row has fewer than k. Of
equal logits the first ones are taken (0 and -0 are equal). Columns outside of a row's range are not read, and a row of
padding, which has none, is -1 throughout. Any row stride; rows of up to 2^20 columns, k up to 4096. NaN is
ranked by its sign bit: larger than every number, inf included, or with the sign smaller than every number, -inf
included, so that a NaN is chosen rather than overlooked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from specs.cache.declared import B
from specs.indexer import arrays as declare
from specs.indexer.oracle import top_k
from specs.indexer.paged_logits import limits_of
from specs.indexer.select import (
    GROUP,
    LONGEST,
    MOST,
    Bounds,
    Level,
    Space,
    bounds_of_queries,
    bounds_of_rows,
    group_maxima,
    level_axes,
    padded,
    select,
)
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Body, Config, Constraint, Kernel, Role, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import F32, INT32
from specs.tuned import everywhere, tuned

R = Axis(name="R", doc="rows")
W = Axis(name="W", maximum=LONGEST * GROUP * GROUP, doc="columns of a row")
K = Ref("topk")


def k_attribute() -> Attribute:
    """Number of columns chosen per row."""
    return Attribute(name="topk", kind=int, required=True, minimum=1, maximum=MOST, doc="columns chosen per row")


def next_n() -> Attribute:
    """Queries per request."""
    doc = "queries of a request"
    return Attribute(name="next_n", kind=int, default=1, minimum=1, maximum=16, doc=doc)


def bounds_arrays(decode: bool) -> tuple[Array, ...]:
    """What says which columns rows look at."""
    if decode:
        return (declare.lengths("seq_lens", "columns that rows look at", B, Ref("next_n")),)
    return (
        declare.bounds("row_starts", "first column that every row looks at", R),
        declare.bounds("row_ends", "the column after the last", R),
    )


def logits(rows: Expr, columns: Any = W) -> Array:
    """The rows."""
    doc = "logits; NaN is ranked by its sign bit, above every number or below"
    return Array(name="logits", doc=doc, shapes=((rows, columns),), formats=(F32,))


def indices(rows: Axis, access: Access = Access.OUT) -> Array:
    """What was chosen."""
    doc = "columns of the largest logits, ascending; -1 after the last, so throughout in a row without columns"
    return Array(name="indices", doc=doc, shapes=((rows, K),), formats=(INT32,), access=access, role=Role.INDEX)


def _temporary(name: str, doc: str, rows: Expr, columns: Any, access: Access) -> Array:
    shape = (rows,) if columns is None else (rows, columns)
    return Array(name=name, doc=doc, shapes=(shape,), formats=(INT32,), access=access, role=Role.INDEX)


def temporaries(rows: Expr, columns: Expr = W, access: Access = Access.OUT) -> dict[str, Array]:
    """Temporaries that the levels pass on."""
    groups, wide_groups = (padded((columns + (size - 1)) // size) for size in (GROUP, GROUP * GROUP))
    return {
        "maxima": _temporary("maxima", "keys of groups of columns", rows, groups, access),
        "wide_maxima": _temporary("wide_maxima", "keys of groups of groups", rows, wide_groups, access),
        "groups": _temporary("groups", "groups that columns are taken from", rows, K, access),
        "wide_groups": _temporary("wide_groups", "groups that groups are taken from", rows, K, access),
        "floor": _temporary("floor", "key that k groups are not below", rows, None, access),
        "wide_floor": _temporary("wide_floor", "key that k groups of groups are not below", rows, None, access),
    }


def _tunables(*sizes: Tunable) -> tuple[Tunable, ...]:
    return (*sizes, Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)), Tunable(name="num_stages", values=(1,)))


class Selection:
    """The kernels of one selection.

    rows: of one launch. total: of the whole problem. columns: width of a row, an axis or an attribute.
    axes, attributes: sizes that bodies and shapes read. bounds, given: which columns rows look at, and the arrays that
        say so. result: receives the choice, from row `skip` on.
    prefix: of names of kernels and axes.
    """

    def __init__(
        self,
        *,
        rows: Expr,
        total: Axis,
        columns: Axis | Ref,
        axes: tuple[Axis, ...],
        bounds: Bounds,
        given: tuple[Array, ...],
        result: Array,
        attributes: tuple[Attribute, ...] = (),
        skip: Axis | None = None,
        prefix: str = "",
    ) -> None:
        self.rows, self.total, self.columns, self.bounds, self.given = rows, total, columns, bounds, given
        self.result, self.skip, self.attributes = result, skip, attributes
        self.prefix = prefix
        self.levels, self.tile = level_axes(columns, prefix.upper())
        self.axes = tuple(dict.fromkeys((*axes, *([skip] if skip else []), self.levels, self.tile)))

    def space(self, p: Any) -> Space:
        """The candidates of a program of these kernels."""
        return Space(
            p=p,
            rows=getattr(p, self.total.name),
            width=getattr(p, self.columns.name),
            skip=0 if self.skip is None else getattr(p, self.skip.name),
            levels=getattr(p, self.levels.name),
            tile=getattr(p, self.tile.name),
            bounds=self.bounds,
        )

    def _kernel(self, name: str, doc: str, arrays: tuple[Array, ...], **fields: Any) -> Kernel:
        return Kernel(
            name=f"{self.prefix}{name}",
            doc=doc,
            axes=self.axes,
            arrays=(*arrays, *self.given),
            attributes=(k_attribute(), *self.attributes, declare.first()),
            **fields,
        )

    def maxima(self, wide: bool) -> Kernel:
        """The kernel of group maxima: one pass over all rows."""
        out = temporaries(self.rows, self.columns)
        kernel = self._kernel(
            "group_maxima",
            "Largest keys of groups of columns.",
            (logits(self.rows, self.columns), out["maxima"]),
            tunables=_tunables(BLOCK_TUNABLE),
            configs=everywhere("group_maxima"),
            grid=(self.rows, cdiv(self.columns, Ref("BLOCK"))),
            body=named(lambda p: group_maxima(self.space(p)), "group_maxima"),
        )
        if not wide:
            return kernel
        return replace(kernel, name=f"{self.prefix}group_maxima_wide", arrays=(*kernel.arrays, out["wide_maxima"]))

    def select(self, name: str, values: str, chosen: str, groups: str = "") -> Kernel:
        """One level. groups: that its items are taken from, where a level came before."""
        span = SPANS[values]
        source = logits(self.rows, self.columns) if values == "logits" else self._read(values)
        given = (self._read(groups), self._read(FLOORS[groups])) if groups else ()
        written = temporaries(self.rows, self.columns)
        results = (self.result,) if span == 1 else (written[chosen], written[FLOORS[chosen]])

        def body(p: Any) -> None:
            array = partial(getattr, p)
            level = Level(
                values=array(values),
                span=span,
                chosen=array(results[0].name),
                groups=array(groups) if groups else None,
                floor=array(FLOORS[groups]) if groups else None,
                next_floor=None if span == 1 else array(FLOORS[chosen]),
            )
            select(self.space(p), level)

        taken = " of chosen groups" if groups else ""
        return self._kernel(
            name,
            f"The k first {WORDS[span]}{taken} of every row.",
            (source, *given, *results),
            tunables=_tunables(BLOCK_TUNABLE),
            configs=select_configs(K * GROUP if groups else self.tile, self.rows),
            grid=(self.rows,),
            body=named(body, name),
        )

    def _read(self, name: str) -> Array:
        return temporaries(self.rows, self.columns, Access.IN)[name]

    def oracle(self, inputs: Mapping[str, Any]) -> dict[str, Reference]:
        """Columns of the k largest logits of every row, by sorting."""
        if self.bounds is bounds_of_rows:
            starts, ends = (np.asarray(inputs[name], np.int64) for name in ("row_starts", "row_ends"))
        else:
            ends = limits_of(inputs["seq_lens"], inputs["next_n"])
            starts = np.zeros(len(ends), np.int64)
        rows, k = inputs["logits"], inputs["topk"]
        found = [top_k(row, a, min(b, len(row)), k) for row, a, b in zip(rows, starts, ends, strict=True)]
        return {self.result.name: Reference(value=np.array(found, np.int64).reshape(len(rows), k))}

    def operation(self, **fields: Any) -> Op:
        """All levels in order."""
        defaults: dict[str, Any] = {
            "family": "indexer",
            "oracle": self.oracle,
            "arrays": (logits(self.rows, self.columns), *self.given, self.result),
            "attributes": (k_attribute(), *self.attributes),
            "temporaries": tuple(temporaries(self.rows, self.columns).values()),
            "steps": self._steps(attributes=(("first", 0),)),
            "accuracy": ((self.result.name, Accuracy(exact=True)),),
        }
        return Op(**(defaults | fields))

    def part(self, **fields: Any) -> Op:
        """All levels for some of the rows, `rows` from row `first` on, as a step of a composite."""
        attributes = (k_attribute(), *self.attributes, declare.first())
        return self.operation(attributes=attributes, steps=self._steps(), **fields)

    def _steps(self, **fields: Any) -> tuple[Step, ...]:
        one, two, three = (self.levels.equals(number) for number in (1, 2, 3))
        found = (
            (self.select("select_columns", "logits", "indices"), one),
            (self.maxima(False), two),
            (self.maxima(True), three),
            (self.select("select_groups", "maxima", "groups"), two),
            (self.select("select_wide_groups", "wide_maxima", "wide_groups"), three),
            (self.select("select_groups_of_groups", "maxima", "groups", "wide_groups"), three),
            (self.select("select_columns_of_groups", "logits", "indices", "groups"), self.levels > 1),
        )
        return tuple(Step(kernel=kernel, when=when, **fields) for kernel, when in found)


FEW_ROWS = 264
"""Rows up to which a program has a multiprocessor of a large GPU for itself, or half of one."""


def select_configs(size: Expr, rows: Expr) -> tuple[Config, ...]:
    """Configurations of a level that selects from `size` items; those for CUDA devices measured on an H200."""
    return (
        *tuned(
            "cuda",
            "select",
            long=size > LONGEST,  # k above 2048: as many keys per thread as with 2048
            few_rows=(rows <= FEW_ROWS) + (size > 8192) > 0,
            short=size <= 4096,
            rest=None,
        ),
        *tuned("xpu", "select", every=None),
        *tuned("cpu", "select", every=None),
        *tuned("interpret", "select", every=None),
    )


FLOORS = {"groups": "floor", "wide_groups": "wide_floor"}
SPANS = {"logits": 1, "maxima": GROUP, "wide_maxima": GROUP * GROUP}
WORDS = {1: "columns", GROUP: "groups", GROUP * GROUP: "groups of groups"}
BLOCK_TUNABLE = Tunable(name="BLOCK", values=(256, 512, 1024, 2048, 4096, 8192, 16384), doc="items per step")


def named(body: Body, name: str) -> Body:
    """The body under the name of its kernel, which descriptions show."""
    body.__qualname__ = name
    return body


def ends(case: Sample, count: int, width: int, k: int) -> np.ndarray[Any, Any]:
    """Columns that rows look at: around k, none, all, any."""
    known = np.array([width, k, k + 1, k - 1, 0, -2, width + 5])
    drawn = case.rng.integers(0, width + 1, count)
    return np.where(np.arange(count) % 2 == 0, known[(np.arange(count) // 2) % len(known)], drawn)


def _logits(case: Sample) -> np.ndarray[Any, Any]:
    """Rows with ties: integers in exact data; in random data normal numbers, some rows constant, some infinite."""
    rng, shape = case.rng, case.shapes["logits"]
    if case.kind == "exact":
        return rng.integers(-40, 41, shape) * 1.0
    x = rng.standard_normal(shape)
    x[1::4] = np.round(x[1::4] * 8) / 8
    x[2::8] = 0.5
    x[3::8, ::3] = -np.inf
    return np.asarray(x)


def _rows_sample(case: Sample) -> dict[str, Any]:
    sizes, k = case.sizes, int(case.attributes["topk"])  # type: ignore[call-overload]
    end = ends(case, sizes["R"], sizes["W"], k)
    start = case.rng.integers(0, np.maximum(sizes["W"] // 3, 1), sizes["R"])
    start[::2] = 0
    start[3::4] = -2  # nothing is before the first column
    return {"logits": _logits(case), "row_starts": start, "row_ends": end}


def _decode_sample(case: Sample) -> dict[str, Any]:
    sizes, k = case.sizes, int(case.attributes["topk"])  # type: ignore[call-overload]
    shape = case.shapes["seq_lens"]
    return {"logits": _logits(case), "seq_lens": ends(case, int(np.prod(shape)), sizes["W"], k).reshape(shape)}


_SOURCE = "DeepSeek-V3.2 and V4, sparse indexer"
_PREFILL = Selection(
    rows=R, total=R, columns=W, axes=(R, W), bounds=bounds_of_rows, given=bounds_arrays(False), result=indices(R)
)
_DECODE = Selection(
    rows=R,
    total=R,
    columns=W,
    axes=(R, W, B),
    attributes=(next_n(), declare.lens()),
    bounds=bounds_of_queries,
    given=bounds_arrays(True),
    result=indices(R),
)


def _case(name: str, r: int, w: int, k: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("R", r), ("W", w)), attributes=(("topk", k),), **fields)


def _decode_case(name: str, b: int, n: int, w: int, k: int, lens: str = declare.PER_QUERY, **fields: Any) -> Case:
    attributes = (("topk", k), ("next_n", n), ("lens", lens))
    return Case(name=name, sizes=(("R", b * n), ("W", w), ("B", b)), attributes=attributes, **fields)


TOPK_ROWS = _PREFILL.operation(
    name="topk_rows",
    doc="Columns of the largest logits of every row, in a range of its own.",
    definition=definition_of(__doc__),
    source=_SOURCE,
    independent=(Independent(R),),
    axes=(R, W),
    sample=_rows_sample,
    cases=(
        _case("v4-flash", 7, 3000, 512),
        _case("v4-pro", 4, 1500, 1024),
        _case("two-levels", 3, 17000, 600),
        _case("three-levels", 2, 131200, 32),
        _case("few", 9, 37, 5),
        _case("one", 2, 1, 1),
        _case("wider-than-rows", 3, 40, 2048),
        _case("three-thousand", 3, 3500, 3000),
        _case("most", 2, 21000, 4096),
        _case("no-columns", 3, 0, 16),
        _case("no-rows", 0, 64, 16),
        _case("large", 70, 32768, 1024, large=True, golden=True),
        _case("large-v32", 40, 100001, 2048, large=True),
        _case("million", 9, 1 << 20, 512, large=True),
    ),
)
TOPK_ROWS_DECODE = _DECODE.operation(
    name="topk_rows_decode",
    doc="Columns of the largest logits of every decode token.",
    definition=definition_of(__doc__),
    source=_SOURCE,
    axes=(R, W, B),
    constraints=(
        Constraint(argument="seq_lens", holds=R.equals(B * Ref("next_n")), message="next_n rows for every request"),
    ),
    sample=_decode_sample,
    cases=(
        _decode_case("one-row", 5, 1, 700, 128),
        _decode_case("two-rows-2-d", 4, 2, 600, 64),
        _decode_case("four-rows-1-d", 2, 4, 600, 64, declare.PER_REQUEST),
        _decode_case("two-levels", 1, 2, 20000, 64, declare.PER_REQUEST),
        _decode_case("no-rows", 0, 1, 64, 16),
        _decode_case("large", 8, 2, 262144, 1024, large=True, golden=True),
    ),
)
