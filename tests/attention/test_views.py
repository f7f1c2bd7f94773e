"""Arguments and results in windows of larger tensors. torch only, as arrays of JAX have no strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs
from specs.lang.errors import ArgumentError
from tests.attention.problems import decode, prefill
from tests.cache.judging import judge
from torch_impl import ops

MAKERS: dict[str, Any] = {
    "decode": lambda: decode(4, 5, 30, 21, splits=1),
    "decode-in-parts": lambda: decode(4, 5, 70, 70, splits=2),
    "prefill": lambda: prefill(4, 5, 30),
}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
# The interpreter takes seconds per call: one of the three.
calls = pytest.mark.parametrize(
    ("make", "backend"),
    [*((make, "eager") for make in MAKERS.values()), (MAKERS["prefill"], "interpret")],
    ids=[*MAKERS, "prefill-interpret"],
)


def window(tensor: torch.Tensor, other: float) -> torch.Tensor:
    """The tensor inside a larger one: every other row of the first dimension, and a margin in the last one."""
    *lead, last = tensor.shape
    margin = 8 if tensor.ndim > 1 else 0
    first, *rest = lead or [last]
    shape = [2 * first, *rest, *([last + 2 * margin] if lead else [])]
    buffer = torch.full(shape, other, dtype=tensor.dtype)
    inside = buffer[1::2, ..., margin : margin + last] if lead else buffer[1::2]
    inside.copy_(tensor)
    return inside


def tensors(inputs: Inputs) -> dict[str, torch.Tensor]:
    """All arguments."""
    return {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}


def called(inputs: Inputs, given: dict[str, torch.Tensor], backend: str, out: Any = None) -> Any:
    """A call with these tensors."""
    arguments = [given.get(a.name) for a in inputs.op.inputs]
    return getattr(ops, inputs.op.name)(*arguments, **inputs.attributes, implementation=backend, out=out)


def assert_equal(found: Any, expected: dict[str, Any]) -> None:
    """Same bytes, result by result."""
    for tensor, name in zip(found, ("out", "max_logits", "lse"), strict=True):
        integer = {2: (torch.int16, np.int16), 4: (torch.int32, np.int32)}[tensor.element_size()]
        own = tensor.contiguous().view(integer[0]).numpy()
        np.testing.assert_array_equal(own, expected[name].view(integer[1]), err_msg=name)


@calls
def test_arguments_in_windows(make: Any, backend: str) -> None:
    inputs = make()
    given = tensors(inputs)
    dense = {name: tensor for name, tensor in given.items() if tensor.dtype != torch.uint8}
    strided = {name: window(t, float("nan") if t.is_floating_point() else -7) for name, t in dense.items()}
    assert not any(tensor.is_contiguous() for tensor in strided.values())
    assert_equal(called(inputs, given | strided, backend), judge(inputs, f"torch:{backend}"))


@calls
def test_results_in_windows(make: Any, backend: str) -> None:
    """A layer's output is a slice of a larger one; nothing around it changes."""
    inputs = make()
    expected = judge(inputs, f"torch:{backend}")
    tokens, heads, width = expected["out"].shape
    outer = torch.full((tokens + 3, heads + 2, width), 3.0, dtype=torch.bfloat16)
    scores = torch.full((2, tokens + 1, heads + 2), 5.0)
    out = outer[2 : tokens + 2, 1 : heads + 1]
    pair = [scores[i, 1:, 1 : heads + 1] for i in range(2)]
    found = called(inputs, tensors(inputs), backend, (out, *pair))
    assert [t.data_ptr() for t in found] == [t.data_ptr() for t in (out, *pair)]
    assert_equal((out, *pair), expected)
    assert_equal(found, expected)
    around = torch.ones(outer.shape, dtype=torch.bool)
    around[2 : tokens + 2, 1 : heads + 1] = False
    assert (outer[around] == 3.0).all()
    around = torch.ones(scores.shape, dtype=torch.bool)
    around[:, 1:, 1 : heads + 1] = False
    assert (scores[around] == 5.0).all()


@makers
def test_only_some_results_are_given(make: Any) -> None:
    inputs = make()
    expected = judge(inputs)
    out = torch.zeros(expected["out"].shape, dtype=torch.bfloat16)
    found = called(inputs, tensors(inputs), "eager", (out, None, None))
    assert found[0].data_ptr() == out.data_ptr()
    assert_equal(found, expected)


@makers
def test_lists_with_a_dimension_for_the_key_head(make: Any) -> None:
    """[T, 1, entries], and keys [rows, 1, columns]."""
    inputs = make()
    given = tensors(inputs)
    names = [name for name in given if name.endswith("indices") or name == "kv"]
    assert_equal(called(inputs, given | {name: given[name][:, None] for name in names}, "eager"), judge(inputs))


@pytest.mark.parametrize("name", ["comp_cache", "topk_indices", "topk_lens"])
def test_parts_of_the_compressed_cache_are_refused(name: str) -> None:
    inputs = MAKERS["decode"]()
    given = tensors(inputs)
    del given[name]
    with pytest.raises(ArgumentError, match=r"together or not at all|comp_cache"):
        called(inputs, given, "eager")


@makers
def test_too_few_sinks_are_refused(make: Any) -> None:
    inputs = make()
    given = tensors(inputs)
    given["attn_sink"] = given["attn_sink"][:-1]
    with pytest.raises(ArgumentError, match=r"sinks for . heads"):
        called(inputs, given, "eager")
