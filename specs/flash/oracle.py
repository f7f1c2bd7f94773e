"""Variable-length attention in float64, and the bound that rounding stays inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.attention.oracle import Row, scores, softmax
from specs.cache.kv_layouts import LAYOUTS
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import BF16, ElementFormat

NDArray = np.ndarray[Any, Any]

_CAP = 16.0  # roundings of c tanh(x / c), in units of c
_SLOPE = 4.0  # of slope times distance, in its own


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, request by request and head by head."""
    q, inputs = inputs["q"], {**inputs, **_pools(inputs)}
    total, heads, _ = q.shape
    starts = np.clip(np.asarray(inputs["cu_seqlens_q"], np.int64), 0, total)
    width = inputs["v"].shape[-1]
    out, out_magnitude = (np.zeros((total, heads, width)) for _ in range(2))
    lse, lse_magnitude = np.full((heads, total), -np.inf), np.zeros((heads, total))
    for b in range(len(starts) - 1):
        rows = slice(starts[b], starts[b + 1])
        if starts[b] >= starts[b + 1]:
            continue  # nothing else of this request is read
        keys, values = _keys(inputs, b)
        for head in range(heads):
            row = _attend(inputs, b, head, q[rows, head], keys, values)
            out[rows, head], out_magnitude[rows, head] = row.out, row.out_magnitude
            lse[head, rows], lse_magnitude[head, rows] = _with_sink(inputs, head, row)
    found = {"out": Reference(value=out, magnitude=out_magnitude)}
    if inputs["return_softmax_lse"]:
        found["lse"] = Reference(value=lse, magnitude=lse_magnitude)
    return found


def _pools(inputs: Mapping[str, Any]) -> dict[str, NDArray]:
    """k and v, of an array with both, and times the scales of their tokens."""
    k, v = LAYOUTS[inputs["kv_layout"]].slices(inputs["k"], inputs.get("v"), inputs["q"].shape[-1])
    if "k_scale_cache" in inputs:
        k, v = k * inputs["k_scale_cache"][..., None], v * inputs["v_scale_cache"][..., None]
    return {"k": k, "v": v}


def _keys(inputs: Mapping[str, Any], b: int) -> tuple[NDArray, NDArray]:
    """Keys and values of a request [keys, heads, columns]; no more than its table and the pages have."""
    k, v = inputs["k"], inputs["v"]
    if "block_table" not in inputs:
        k, v = (keys.reshape(-1, *keys.shape[-2:]) for keys in (k, v))
        first, end = np.clip(np.asarray(inputs["cu_seqlens_k"], np.int64)[b : b + 2], 0, len(k))
        if "seqused_k" in inputs:
            end = min(end, first + max(0, int(inputs["seqused_k"][b])))
        return k[first:end], v[first:end]
    k, v = (keys if keys.ndim == 4 else keys[None] for keys in (k, v))  # [page, heads, columns] is one page
    table, size = np.asarray(inputs["block_table"], np.int64)[b], max(k.shape[1], 1)
    room = len(table) * k.shape[1] if len(k) else 0
    position = np.arange(min(int(inputs["seqused_k"][b]), room))
    page, row = table[position // size], position % size
    return k[page, row], v[page, row]


def _attend(inputs: Mapping[str, Any], b: int, head: int, q: NDArray, keys: NDArray, values: NDArray) -> Row:
    own = head // (inputs["q"].shape[1] // keys.shape[1])
    factor = {name: _descale(inputs[name], b, own) if name in inputs else 1.0 for name in _DESCALES}
    scale = q.shape[-1] ** -0.5 if inputs["softmax_scale"] is None else inputs["softmax_scale"]
    score, error = scores(q, keys[:, own], scale * factor["q_descale"] * factor["k_descale"])
    distance = np.arange(len(keys)) - (np.arange(len(q))[:, None] + len(keys) - len(q))
    if cap := inputs["softcap"]:
        score, error = cap * np.tanh(score / cap), error + _CAP * cap
    if "alibi_slopes" in inputs:
        slopes = np.atleast_2d(inputs["alibi_slopes"])
        bias = slopes[min(b, len(slopes) - 1), head] * np.abs(distance)
        score, error = score - bias, error + _SLOPE * np.abs(bias)
    error = error + _SLOPE * np.abs(score)
    left, right = inputs["window_left"], 0 if inputs["causal"] else inputs["window_right"]
    seen = ((left < 0) | (distance >= -left)) & ((right < 0) | (distance <= right))
    sink = np.broadcast_to(inputs["s_aux"][head], len(q)) if "s_aux" in inputs else None
    return softmax(np.where(seen, score, -np.inf), error, values[:, own] * factor["v_descale"], sink, _weights(inputs))


def _descale(factors: NDArray, b: int, head: int) -> float:
    rows = np.atleast_2d(factors)
    return float(rows[min(b, len(rows) - 1), min(head, rows.shape[1] - 1)])


_DESCALES = ("q_descale", "k_descale", "v_descale")


def _weights(inputs: Mapping[str, Any]) -> ElementFormat:
    """Format that weights are rounded to."""
    if "v_scale_cache" in inputs:
        return BF16
    found: list[ElementFormat] = [inputs["formats"][name] for name in "qk" if inputs["formats"][name].bits == 16]
    return found[0] if found else BF16


def _with_sink(inputs: Mapping[str, Any], head: int, row: Row) -> tuple[NDArray, NDArray]:
    """lse with the sink's exponential, and its magnitude."""
    if "s_aux" not in inputs:
        return row.lse, row.lse_magnitude
    sink = inputs["s_aux"][head]
    own = 4 * abs(sink) if np.isfinite(sink) else 0.0
    return np.logaddexp(row.lse, sink), row.lse_magnitude + own
