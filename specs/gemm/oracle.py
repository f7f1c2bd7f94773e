"""The float64 mathematics of scaled matrix products, written from their definition and not from the tile program.

Inputs are values (codes already decoded): A [.., K], W [K, N], scales and bias as float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.op import Reference

NDArray = np.ndarray[Any, Any]


def spread(scale: NDArray, axis: int, group: int, size: int) -> NDArray:
    """Repeats each scale over the `group` elements it covers along `axis`, cut to `size`."""
    return np.take(np.repeat(scale, group, axis=axis), np.arange(size), axis=axis)


def scale_of_a(inputs: Mapping[str, Any], mode: str, group: int, k: int) -> NDArray:
    """Scales of A, broadcastable to [.., K]."""
    scale = inputs.get("a_scale")
    if scale is None:
        return np.ones(1)
    scale = np.asarray(scale, np.float64)
    if mode in ("block", "mx"):
        return spread(scale, -1, 32 if mode == "mx" else group, k)
    lead = inputs["a"].ndim - 1
    return scale.reshape((*inputs["a"].shape[:lead], 1)) if mode.startswith("token") else per_matrix(scale, inputs)


def scale_of_b(inputs: Mapping[str, Any], mode: str, group: int, k: int, n: int) -> NDArray:
    """Scales of the weight, broadcastable to [.., K, N] ([K, N] order)."""
    scale = inputs.get("b_scale")
    if scale is None:
        return np.ones(1)
    scale = np.asarray(scale, np.float64)
    if mode == "mx":
        return spread(scale, -2, 32, k)
    if mode == "block":
        return spread(spread(scale, -2, group, k), -1, group, n)
    return scale.reshape((*inputs["b"].shape[:-2], 1, n)) if mode.endswith("channel") else per_matrix(scale, inputs)


def per_matrix(scale: NDArray, inputs: Mapping[str, Any]) -> NDArray:
    """One scale, or one per batch, broadcastable to a matrix."""
    return scale.reshape((*inputs["b"].shape[:-2], 1, 1)) if inputs["b"].ndim > 2 else scale.reshape(())


def product(a: NDArray, w: NDArray, bias: NDArray | None) -> Reference:
    """C = A @ W + bias and the sum of the absolute values of its terms."""
    value, magnitude = a @ w, np.abs(a) @ np.abs(w)
    if bias is not None:
        value, magnitude = value + bias, magnitude + np.abs(bias)
    return Reference(value=value, magnitude=magnitude)


def scaled_product(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """(A * sa) @ (W * sb) + bias, for every scale mode; attributes are read with the arrays."""
    swap = inputs["weight_order"] == "nk"
    arrays = dict(inputs)
    mode, group = str(inputs["scale_mode"]), int(inputs["group"])
    if swap:
        arrays["b"] = np.swapaxes(inputs["b"], -1, -2)
        if mode in ("block", "mx") and inputs.get("b_scale") is not None:
            arrays["b_scale"] = np.swapaxes(inputs["b_scale"], -1, -2)
    k, n = arrays["b"].shape[-2:]
    a = arrays["a"] * scale_of_a(arrays, mode, group, k)
    w = arrays["b"] * scale_of_b(arrays, mode, group, k, n)
    return {"c": product(a, w, inputs.get("bias"))}
