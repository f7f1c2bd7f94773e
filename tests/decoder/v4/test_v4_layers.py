"""A tiny DeepSeek-V4 in JAX and in torch against transformers: all compression ratios, hash and learned routing.

Every step is measured by itself, every request in it too: decodes are few tokens, and would not be seen in a mean over
a whole prompt. Weights are bfloat16, or quantised as in the checkpoint: FP8 linears, experts in MXFP4 or FP8.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.decoder.v4.frameworks import Array, JaxModel, Model, TorchModel
from tests.decoder.v4.models import checkpoint
from tests.decoder.v4.runs import FIRST_DECODES, PAGES, STEPS, batches, errors, rms, rows, shares
from torch_impl import ops

MODELS: dict[str, Callable[..., Any]] = {"jax": JaxModel, "torch": TorchModel}
QUANTISED = pytest.mark.parametrize("quantised", [False, True], ids=["dense", "quantised"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step gave, and the model before the first step and the first decodes, and after all."""

    steps: list[list[Array]]
    before: dict[int, Model]
    after: Model


@cache
def run(framework: str, quantised: bool) -> Run:
    """All steps. In JAX they are padded, so that they are one program."""
    model = MODELS[framework](checkpoint(), PAGES, quantised=quantised)
    steps, before = [], {}
    for number, arrays in enumerate(batches(lean=framework == "torch")[: STEPS[quantised]]):
        if number in (0, FIRST_DECODES):
            before[number] = model.fork()
        steps.append(model.step(arrays))
    return Run(steps=steps, before=before, after=model)


@QUANTISED
@pytest.mark.parametrize("framework", MODELS)
def test_layers_are_as_near_to_float64_as_transformers(
    framework: str, quantised: bool, record_property: Callable[[str, object], None]
) -> None:
    steps = run(framework, quantised).steps
    found = {
        name: one
        for number, seen in enumerate(steps)
        for name, one in shares(number, seen, quantised=quantised).items()
    }
    record_property("errors, of the bound", found)
    assert max(found.values()) <= 1, {name: one for name, one in found.items() if one > 1}


@QUANTISED
def test_both_frameworks_give_the_same(quantised: bool) -> None:
    """Layer 0 caches the same bytes; later ones differ as far as sums in another order do, which rounding amplifies."""
    found, other = run("jax", quantised), run("torch", quantised)
    np.testing.assert_array_equal(found.after.caches()[0]["window"], other.after.caches()[0]["window"])
    bounds = errors(quantised=quantised)
    for number, seen in enumerate(zip(found.steps, other.steps, strict=True)):
        for request, (_, own) in rows(number).items():
            for layer, (a, b) in enumerate(zip(*seen, strict=True)):
                assert rms(a[own] - b[own]) <= bounds[request][layer] / 2, (
                    f"step {number}, request {request}, after layer {layer}"
                )


Given = dict[str, Any]
FAULTS: dict[str, tuple[str, int, Callable[[Given], Given]]] = {
    "decodes read the entries of another request": (
        "global_topk", FIRST_DECODES, lambda given: {"block_table": given["block_table"].flip(0)},
    ),
    "decodes see the first entries, and not the best": (
        "global_topk",
        FIRST_DECODES,
        lambda _: {"topk_indices": torch.arange(4, dtype=torch.int32).expand(2, -1).contiguous()},
    ),
    "decodes see every entry but the last": (
        "global_topk", FIRST_DECODES, lambda given: {"topk_indices": given["topk_indices"][:, :-1].contiguous()},
    ),
    "the compressor has an eps of its own": ("compress_norm_rope_insert", 0, lambda _: {"eps": 1e-6}),
    "entries are rotated as the window is": (
        "compress_norm_rope_insert", 0, lambda given: {"cos_sin": given["cos_sin"].flip(0)},
    ),
}  # fmt: skip
"""By name: the operation, the first step with it, and arguments of the operation in place of the right ones."""


@pytest.mark.parametrize("name", FAULTS)
def test_the_bound_notices_a_fault_of_compressed_entries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation, number, wrong = FAULTS[name]
    right = getattr(ops, operation)

    def faulty(*arguments: Any, **named: Any) -> Any:
        given = inspect.signature(right).bind(*arguments, **named).arguments
        return right(**{**given, **wrong(given)})

    model = run("torch", False).before[number].fork()
    monkeypatch.setattr(ops, operation, faulty)
    found = shares(number, model.step(batches(lean=True)[number]))
    assert max(found.values()) > 1, found
