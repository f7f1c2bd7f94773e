"""Inputs for comparisons: the same seed gives the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.judge.inputs import EXACT_INTEGER, encode
from specs.lang.formats.elements import ElementFormat


def normal(shape: tuple[int, ...], form: ElementFormat, *, scale: float = 1.0, seed: int = 0) -> np.ndarray[Any, Any]:
    """Normal numbers with this standard deviation, rounded to a format."""
    assert form.numpy_dtype is not None, f"numpy has no dtype for {form.name}"
    return encode(np.random.default_rng(seed).standard_normal(shape) * scale, form).view(form.numpy_dtype)


def summable(shape: tuple[int, ...], form: ElementFormat, *, seed: int = 0) -> np.ndarray[Any, Any]:
    """Integers so small that sums of their products are exact in float32, in any order."""
    assert form.numpy_dtype is not None, f"numpy has no dtype for {form.name}"
    drawn = np.random.default_rng(seed).integers(-EXACT_INTEGER, EXACT_INTEGER, shape, endpoint=True)
    return encode(drawn, form).view(form.numpy_dtype)
