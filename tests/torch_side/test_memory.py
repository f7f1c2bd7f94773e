"""What a call allocates: its results, and what the steps of an operation leave to each other, and nothing else.

Kernels allocate nothing, so that the launcher's own allocations are all there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs, generate
from specs.cache.gather import DEQUANT_GATHER_K
from specs.cache.qnorm import QNORM_ROPE_KV_INSERT
from specs.flash.varlen import FLASH_ATTN_VARLEN
from specs.lang.declare.op import Op
from tests.attention.problems import decode, with_attributes
from torch_impl import ops

Shape = tuple[int, ...]


def allocations(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """Shapes of what a call allocates before and between its kernels."""
    tensors = {name: to_torch(raw, inputs.formats[name], "cpu") for name, raw in inputs.arrays.items()}
    arguments = [tensors.get(array.name) for array in inputs.op.inputs]
    function = getattr(ops, inputs.op.name)
    found: list[Shape] = []

    def noting(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def call(*sizes: Any, **keywords: Any) -> torch.Tensor:
            result = make(*sizes, **keywords)
            found.append(tuple(result.shape))
            return result

        return call

    function(*arguments, **inputs.attributes, implementation="interpret")  # the launch is prepared
    for name in ("empty", "zeros", "ones", "full", "empty_like", "zeros_like", "empty_strided"):
        monkeypatch.setattr(torch, name, noting(getattr(torch, name)))
    function(*arguments, **inputs.attributes, implementation="interpret")
    monkeypatch.undo()
    return sorted(found)


@pytest.mark.parametrize("splits", [1, 3])
def test_decode_allocates_results_and_parts(splits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dequantised row lies in memory."""
    tokens, heads, width = 3, 4, 512
    inputs = with_attributes(decode(tokens, heads, 70, 40), splits=splits)
    results: list[Shape] = [(tokens, heads, width), (tokens, heads), (tokens, heads)]
    parts: list[Shape] = [(splits, tokens, heads, width), (splits, tokens, heads), (splits, tokens, heads)]
    assert allocations(inputs, monkeypatch) == sorted(results + (parts if splits > 1 else []))


def case(op: Op, name: str) -> Inputs:
    return generate(op, op.case(name), "random", 0)


def test_attention_over_pages_allocates_results_and_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = case(FLASH_ATTN_VARLEN, "parts")
    tokens, heads, width = inputs.arrays["q"].shape
    results: list[Shape] = [(tokens, heads, width), (heads, tokens)]
    parts: list[Shape] = [(3, tokens, heads, width), (3, tokens, heads), (3, tokens, heads)]
    assert allocations(inputs, monkeypatch) == sorted(results + parts)


@pytest.mark.parametrize(("op", "name"), [(QNORM_ROPE_KV_INSERT, "v4"), (DEQUANT_GATHER_K, "tail")])
def test_operations_in_place_allocate_nothing(op: Op, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert allocations(case(op, name), monkeypatch) == []
