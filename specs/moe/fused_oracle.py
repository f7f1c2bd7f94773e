"""The MLP of experts in float64, and a bound of what rounding between its steps changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.activation.gated import INTERLEAVED
from specs.activation.gated import definition as activation
from specs.gemm.fp4 import codes_of
from specs.gemm.int4_tiles import SYMMETRIC_ZERO
from specs.gemm.oracle import spread
from specs.lang.declare.accuracy import TENSOR_FLOAT32, TENSOR_FP8
from specs.lang.declare.op import Reference, Sample
from specs.lang.formats.elements import BF16, E2M1, E4M3, F32
from specs.lang.formats.named import token_group

NDArray = np.ndarray[Any, Any]
ROUNDING = int(BF16.unit_roundoff / F32.unit_roundoff)
"""One rounding to bfloat16, in roundings of float32: the unit that magnitudes here are in."""
_BLOCK, _MX = 128, 32
_SLOPE = 1.25  # no activation rises faster than this per unit of its gate


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, token by token; quantised activations of x are exact, products of gates and factors are not."""
    x = np.asarray(inputs["x"], np.float64)
    quantised = str(inputs["scheme"]) in ("fp8", "mxfp4_fp8")
    rows = _codes(x) if quantised else x
    y, magnitude = np.zeros(x.shape), np.zeros(x.shape)
    if inputs.get("shared") is not None:
        y, magnitude = y + inputs["shared"], magnitude + np.abs(inputs["shared"]) / ROUNDING
    expert = _experts(inputs)
    for e in range(len(inputs["w2"])):
        token, slot = np.nonzero(expert == e)
        if not len(token):
            continue
        h1, felt = _product(inputs, rows[token], np.zeros((len(token), x.shape[1])), "w13", e, quantised)
        a, felt = _activated(inputs, h1, felt)
        if quantised:  # half a step of a code, or of the least code of its group
            least = spread(np.abs(a).reshape(len(a), -1, _BLOCK).max(-1), 1, _BLOCK, a.shape[1])
            step = E4M3.unit_roundoff * np.abs(a) + least * (E4M3.min_subnormal / E4M3.max_finite)
            # What errors before move by, the scale of the group moves by as well.
            felt = 2 * felt + 2 * step / BF16.unit_roundoff
        h2, felt = _product(inputs, a, felt, "w2", e, quantised)
        weight = np.asarray(inputs["weights"], np.float64)[token, slot][:, None]
        np.add.at(y, token, weight * h2)
        np.add.at(magnitude, token, np.abs(weight) * (felt + np.abs(h2) / ROUNDING * expert.shape[1]))
    return {"y": Reference(value=y, magnitude=magnitude)}


def _experts(inputs: Mapping[str, Any]) -> NDArray:
    """Local expert of every slot, -1 for none."""
    expert = np.asarray(inputs["ids"], np.int64)
    if inputs.get("expert_map") is not None:
        placed = np.append(np.asarray(inputs["expert_map"], np.int64), -1)
        expert = placed[np.where((expert >= 0) & (expert < len(placed) - 1), expert, -1)]
    return np.where((expert >= 0) & (expert < len(inputs["w2"])), expert, -1)


def _product(
    inputs: Mapping[str, Any], a: NDArray, felt: NDArray, name: str, e: int, fp8: bool
) -> tuple[NDArray, NDArray]:
    """A product with an expert's weight, and its error in units of bfloat16's rounding. felt: the error of `a`."""
    weight = _weight(inputs, name, e)
    value, terms = a @ weight, np.abs(a) @ np.abs(weight)
    if inputs.get(f"{name}_bias") is not None:
        value = value + inputs[f"{name}_bias"][e]
        terms = terms + np.abs(inputs[f"{name}_bias"][e])
    unit = (TENSOR_FP8 if fp8 else TENSOR_FLOAT32).roundoff * (a.shape[1] + 8)
    unit += TENSOR_FP8.truncation if fp8 else 0.0
    error = felt @ np.abs(weight) + np.abs(value) + terms * (unit / BF16.unit_roundoff)
    return value, np.where(np.isfinite(value), error, 0.0)


def _activated(inputs: Mapping[str, Any], h1: NDArray, felt: NDArray) -> tuple[NDArray, NDArray]:
    """Products of gates and factors, and their error."""
    value, _ = activation({**inputs, "x": h1})
    half = h1.shape[1] // 2
    parts = (
        (slice(0, None, 2), slice(1, None, 2)) if inputs["kind"] == INTERLEAVED else (slice(half), slice(half, None))
    )
    # What is infinite counts as the limit: without one the result is not finite either.
    gate, up = (np.where(np.isfinite(h1[:, part]), np.abs(h1[:, part]), inputs["limit"]) for part in parts)
    by_gate, by_up = (felt[:, part] for part in parts)
    return value, np.abs(value) + _SLOPE * ((up + abs(inputs["beta"])) * by_gate + gate * by_up)


def _codes(x: NDArray) -> NDArray:
    form = token_group(_BLOCK)
    found = form.decode(form.encode(np.asarray(x, np.float32)))
    return np.asarray(found, np.float64).reshape(x.shape)


def _weight(inputs: Mapping[str, Any], name: str, e: int) -> NDArray:
    """An expert's weight, [K, N]."""

    def ordered(array: Any) -> Any:
        return np.swapaxes(array, -1, -2) if inputs["weight_order"] == "nk" else array

    stored, scheme = ordered(inputs[name][e]), str(inputs["scheme"])
    if scheme == "dense":
        return np.asarray(stored, np.float64)
    scale = np.asarray(ordered(inputs[f"{name}_scale"][e]), np.float64)
    if scheme == "fp8":
        return np.asarray(stored * spread(spread(scale, 0, _BLOCK, len(stored)), 1, _BLOCK, stored.shape[1]))
    codes = codes_of(stored, 0)
    if scheme != "int4":
        return np.asarray(E2M1.decode(codes) * spread(scale, 0, _MX, len(codes)))
    size = int(inputs["group_size"])
    zero: Any = SYMMETRIC_ZERO
    if inputs.get(f"{name}_zp") is not None:
        zero = spread(codes_of(ordered(inputs[f"{name}_zp"][e]), 1).astype(np.float64), 0, size, len(codes))
    return np.asarray((codes.astype(np.float64) - zero) * spread(scale, 0, size, len(codes)))


def sample(case: Sample) -> dict[str, Any]:
    """Weights in every format, positive factors, and ids of which some are no expert."""
    rng = case.rng
    found: dict[str, Any] = {}
    for name in ("w13", "w2"):
        shape = case.shapes[name]
        packed = case.formats[name].is_integer
        found[name] = rng.integers(0, 256, shape) if packed else rng.standard_normal(shape) / 8
    shape, count = case.shapes["ids"], case.sizes["GLOBAL"]
    ids = rng.integers(0, max(count, 1), shape)
    local = rng.permutation(count)
    return found | {
        "x": rng.standard_normal(case.shapes["x"]),
        "weights": rng.random(shape),
        "ids": np.where(rng.random(shape) < 1 / 8, rng.choice([-1, count, 2**31 - 1], shape), ids),
        "expert_map": np.where(rng.random(count) < 3 / 4, local, -1),
    }
