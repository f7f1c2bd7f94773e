"""mHC: fused calls have the bits of the calls that they replace, and rows the same bits in calls of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.inputs import Inputs, Raw, decode, encode, generate
from tests.contract import suite

GATES = ("post", "comb", "layer_input")
# XLA compiles the executor's arrays anew for every number of rows, and orders additions as it likes.
BACKENDS = [
    (name, device)
    for device in suite.DEVICES
    for name in suite.available("mhc_fused_post_pre", device)
    if name != "jax:xla"
]


def call(op: str, inputs: Inputs, **arrays: np.ndarray[Any, Any]) -> Inputs:
    """A call of `op` with arguments of another operation's call, and these."""
    spec = specs.get(op)
    given = {array.name: arrays.get(array.name, inputs.arrays.get(array.name)) for array in spec.inputs}
    found = {name: array for name, array in given.items() if array is not None}
    base = generate(spec, spec.case("ragged"), "random", 0)
    formats = {**inputs.formats, **base.formats}
    return Inputs(
        op=spec,
        arrays=found,
        formats={name: formats[name] for name in found},
        attributes={name: inputs.attributes[name] for name in base.attributes},
    )


@pytest.mark.parametrize(("backend", "device"), BACKENDS)
def test_the_fused_call_has_the_bits_of_post_and_pre(backend: str, device: str) -> None:
    op = specs.get("mhc_fused_post_pre")
    inputs = generate(op, op.case("norm-lead"), "random", 3)
    fused = suite.run(inputs, backend, device)
    previous = {"post": inputs.arrays["prev_post"], "comb": inputs.arrays["prev_comb"]}
    streams = suite.run(call("mhc_post", inputs, **previous), backend, device)["y"]
    assert (streams != inputs.arrays["residual"].view(streams.dtype)).any()
    found = suite.run(call("mhc_pre", inputs, residual=streams), backend, device)
    suite.assert_same({"residual_cur": streams, **found}, fused)


def _coarse(inputs: Inputs, **steps: int) -> dict[str, Raw]:
    """Arrays of `inputs` by name, of magnitude at most 4, rounded to so many steps of 1."""
    values = {name: np.clip(decode(inputs.arrays[name], inputs.formats[name]), -4, 4) for name in steps}
    return {name: encode(np.round(values[name] * step) / step, inputs.formats[name]) for name, step in steps.items()}


@pytest.mark.parametrize(("backend", "device"), BACKENDS)
def test_a_row_has_the_same_bits_alone(backend: str, device: str) -> None:
    op = specs.get("mhc_pre")
    inputs = generate(op, op.case("ragged"), "random", 4)
    if backend == "torch:interpret":
        # numpy's products do not promise the order in which they add a row up: on some processors its place in the
        # tile decides. Every partial sum of these is exact.
        inputs = inputs.replaced(**_coarse(inputs, residual=1, fn=64))
    together = suite.run(inputs, backend, device)
    for rows in (slice(34, 35), slice(3, 20)):
        alone = suite.run(inputs.replaced(residual=inputs.arrays["residual"][rows]), backend, device)
        suite.assert_same(alone, {name: together[name][rows] for name in GATES})


def test_known_gates() -> None:
    """Without weights the gates are half open, and the four streams mix evenly."""
    import torch

    from torch_impl import ops

    residual = torch.arange(4).reshape(1, 4, 1).expand(2, 4, 8).to(torch.bfloat16).contiguous()
    weight, ones = torch.zeros(24, 32), torch.ones(3)
    post, comb, layer = ops.mhc_pre(residual, weight, ones, torch.zeros(24), pre_eps=0.5, sinkhorn_eps=2.0**-100)
    assert (post == 1.0).all()
    assert (comb == 0.25).all()
    assert (layer == 6.0).all()
    base = torch.zeros(24)
    base[8] = 4.0

    def distance(repeat: int) -> float:
        rows = ops.mhc_pre(residual, weight, ones, base, repeat=repeat)[1].sum(2)
        return float((rows - 1.0).abs().max())

    assert distance(20) < distance(2) < distance(1)
