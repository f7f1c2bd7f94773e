"""Arrays for the example of an operation, in either framework."""

from __future__ import annotations

from typing import Any, Literal

import specs
from parity.judge.frameworks import to_jax, to_torch
from parity.judge.inputs import generate
from specs.docstring import example_case


def example_arrays(op: str, framework: Literal["jax", "torch"], device: str = "cpu") -> tuple[Any, ...]:
    """The arrays that the example of an operation is called with, in the order of its signature.

    Args:
        op: name of an operation. device: "cpu", "cuda" or "xpu".

    Raises:
        KeyError: no operation has this name. ValueError: neither framework has this one.
        Unsupported: an array of 64-bit numbers, in JAX without `jax_enable_x64`.
    """
    if framework not in ("jax", "torch"):
        raise ValueError(f"framework: expected 'jax' or 'torch'; got {framework!r}")
    there = to_jax if framework == "jax" else to_torch
    inputs = generate(specs.get(op), example_case(specs.get(op)), "exact", 0)
    names = [array.name for array in inputs.op.inputs if array.name in inputs.arrays]
    return tuple(there(inputs.arrays[name], inputs.formats[name], device) for name in names)
