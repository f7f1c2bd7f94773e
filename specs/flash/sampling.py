"""Test data of variable-length attention: lengths with empty requests, pages full of NaN, data whose sums are exact.

Random data has rows of q that no request owns, before the first one and after the last, and dense keys of that kind,
which are NaN.

Exact data has scores that are small integers, and a scale of ln 2: exponentials are powers of two, sums are exact, and
only one quotient rounds, whose neighbourhood holds no tie of the result's format for less than a few thousand keys.
Capped scores are all zero.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np

from specs.attention.sampling import exact_queries
from specs.cache.kv_layouts import LAYOUTS
from specs.lang.declare.op import Sample
from specs.lang.formats.elements import INT8

NDArray = np.ndarray[Any, Any]
_VALUES = np.array([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])


def lengths(rng: np.random.Generator, total: int, count: int, longest: int) -> NDArray:
    """`count` lengths of at most `longest` with this sum; some are 0 where there is room for that."""
    if longest * count == total:
        return np.full(count, longest)
    assert longest * count > total, "the lengths do not hold the total"
    found = np.zeros(count, np.int64)
    left = total
    for index in rng.permutation(count - 1) if count > 1 else []:  # the last one takes the rest
        most = min(longest, left)
        found[index] = 0 if rng.random() < 1 / 4 else rng.integers(0, most + 1)
        left -= found[index]
    for index in (count - 1, *rng.permutation(count)):
        more = min(longest - found[index], left)
        found[index] += more
        left -= more
    return found


def bounds(counts: NDArray, first: int = 0) -> NDArray:
    """First element of each run, and the end of the last."""
    return first + np.concatenate([[0], np.cumsum(counts)])


def owned(case: Sample, rows: int, count: int, longest: int) -> tuple[int, int]:
    """First row that requests own, and how many they do: all in exact data; at most `longest` each of `count`."""
    rng, most = case.rng, min(rows, longest * count)
    total = most if case.kind == "exact" else int(rng.integers(most - most // 4, most + 1))
    return (0 if case.kind == "exact" else int(rng.integers(0, rows - total + 1))), total


def sample(case: Sample) -> dict[str, Any]:
    """Lengths, tables, and the numbers of every array; what no request names is NaN."""
    sizes, rng = case.sizes, case.rng
    requests = sizes["BOUNDS"] - 1
    longest = _limit(case, "max_seqlen_q") or sizes["TQ"]
    first, total = owned(case, sizes["TQ"], requests, longest)
    queries = lengths(rng, total, requests, longest)
    drawn: dict[str, Any] = {"cu_seqlens_q": bounds(queries, first), **_descales(case)}
    paged = sizes["PAGES"] != 1
    if paged:
        room = min(sizes["TABLE"] * sizes["PAGE"], _limit(case, "max_seqlen_k") or 2**30) if sizes["PAGES"] else 0
        used = rng.integers(0, room + 1, requests)
        used[: 1 + requests // 4] = room
        used[queries == 0] = rng.integers(-3, room + 1, int((queries == 0).sum()))
        counts = np.maximum(used, 0)
        drawn |= {"seqused_k": used, "block_table": _table(case, counts, queries)}
        drawn["cu_seqlens_k"] = bounds(np.zeros(requests, int))
    else:
        longest = _limit(case, "max_seqlen_k") or sizes["PAGE"]
        first, total = owned(case, sizes["PAGE"], requests, longest)
        counts = lengths(rng, total, requests, longest)
        used = counts if case.kind == "exact" else rng.integers(-1, counts + 2)  # also more than exist
        drawn |= {
            "cu_seqlens_k": bounds(counts, first),
            "seqused_k": used,
            "block_table": np.zeros((requests, sizes["TABLE"]), int),
        }
        if "seqused_k" in case.shapes:
            counts = np.clip(used, 0, counts)
    return drawn | _numbers(case, drawn, counts, paged)


def _limit(case: Sample, name: str) -> int:
    limit = case.attributes[name]
    assert isinstance(limit, int)
    return limit


def _table(case: Sample, counts: NDArray, queries: NDArray) -> NDArray:
    """Pages of every request, shared where there are too few; garbage past the pages it needs, and everywhere for one
    without queries.
    """
    sizes, rng = case.sizes, case.rng
    table = rng.integers(-(2**31), 2**31 - 1, (len(counts), sizes["TABLE"]))
    free = cycle(rng.permutation(sizes["PAGES"]))
    for b, count in enumerate(counts):
        if queries[b]:
            for entry in range(-(-int(count) // max(sizes["PAGE"], 1))):
                table[b, entry] = next(free)
    return table


def _descales(case: Sample) -> dict[str, Any]:
    requests, heads = case.sizes["BOUNDS"] - 1, case.sizes["HKV"]
    own = case.sizes["DESCALE_ROWS"], case.sizes["DESCALE_HEADS"]
    if case.kind != "exact":
        shapes = {"q": (requests, heads), "k": own, "v": own}
        return {f"{name}_descale": np.exp(case.rng.standard_normal(shape) / 4) for name, shape in shapes.items()}
    power = case.rng.integers(-2, 3, own)
    both = "q_descale" in case.shapes and "k_descale" in case.shapes
    return {
        "q_descale": np.exp2(np.broadcast_to(power, (requests, heads)) * both),
        "k_descale": np.exp2(-power if both else power * 0),
        "v_descale": np.exp2(case.rng.integers(-2, 3, own)),
    }


def _numbers(case: Sample, drawn: dict[str, Any], counts: NDArray, paged: bool) -> dict[str, Any]:
    """q, k, v, slopes and sinks."""
    sizes, rng = case.sizes, case.rng
    exact = case.kind == "exact"
    heads = sizes["HQ"]
    shape = (sizes["PAGES"], sizes["PAGE"], sizes["HKV"])
    if exact:
        q = exact_queries(sizes["TQ"], heads, sizes["D"]) * (not case.attributes["softcap"])
        k = rng.integers(-1, 2, (*shape, sizes["D"])).astype(float)
        v = rng.choice(_VALUES, (*shape, sizes["DV"]))
        slopes, sinks = np.zeros((sizes["SLOPES"], heads)), np.zeros(heads)
    else:
        q = (
            rng.standard_normal((sizes["TQ"], heads, sizes["D"]))
            * np.where(np.arange(heads) % 5 == 3, 8.0, 1.0)[:, None]
        )
        k, v = (rng.standard_normal((*shape, sizes[name])) for name in ("D", "DV"))
        slopes = np.exp2(-8.0 * (1 + np.arange(heads)) / heads) * np.ones((sizes["SLOPES"], 1))
        sinks = rng.standard_normal(heads) * 4
        sinks[1::5], sinks[2::7] = -np.inf, np.inf
    used = np.zeros(shape[:2], bool)
    for b, count in enumerate(counts):
        position = np.arange(count)
        if not paged:
            used[0, drawn["cu_seqlens_k"][b] + position] = True
            used[0, position] = True  # which a table of one page names
        elif drawn["cu_seqlens_q"][b] < drawn["cu_seqlens_q"][b + 1]:
            used[drawn["block_table"][b, position // shape[1]], position % shape[1]] = True
    k, v, scales = _codes(case, k, v)
    for array in (k, v, *scales.values()):
        array[~used] = 77 if array.dtype.kind == "i" else np.nan
    layout = LAYOUTS[str(case.attributes["kv_layout"])]
    if layout.fused:
        pages = np.zeros(case.shapes["k"], k.dtype)
        for part, array in zip(layout.slices(pages, None, sizes["D"]), (k, v), strict=True):
            part[...] = array
        k = pages
    return {"q": q, "k": k, "v": v, "alibi_slopes": slopes, "s_aux": sinks, **scales}


def _codes(case: Sample, k: NDArray, v: NDArray) -> tuple[NDArray, NDArray, dict[str, NDArray]]:
    """Keys and values, or their INT8 codes, and scales of every token and head."""
    rng, shape, exact = case.rng, k.shape[:3], case.kind == "exact"
    scales = {
        "k_scale_cache": np.ones(shape) if exact else np.exp(rng.standard_normal(shape) / 4),
        "v_scale_cache": np.exp2(rng.integers(-2, 2, shape)) if exact else np.exp(rng.standard_normal(shape) / 4),
    }
    if case.formats["k"] != INT8:
        return k, v, scales
    if exact:
        return k.astype(np.int8), (v * 2).astype(np.int8), scales
    codes = [np.clip(np.rint(x * 40), -127, 127).astype(np.int8) for x in (k, v)]
    return codes[0], codes[1], {name: scale / 40 for name, scale in scales.items()}
