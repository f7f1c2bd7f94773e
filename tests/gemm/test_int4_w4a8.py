"""int4_gemm_w4a8: zero points of activations may be any int32, and cost no more than the contract says."""

from __future__ import annotations

import numpy as np
import pytest

import specs
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.formats.elements import F32
from tests.contract.suite import inputs_of, run

OP = specs.get("int4_gemm_w4a8")
EXACT = (0, 1, -1, 127, -128, 255, 4369)  # with these, sums of a block are whole numbers of float32
FAR = (-(2**20), 2**31 - 1)
BACKENDS = ("torch:eager", "torch:interpret", "torch:dequant", "jax:xla", "jax:interpret", "jax:dequant")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["act-order-f32", "ends-inside-a-block"])
def test_zero_points_of_any_size(case: str, backend: str) -> None:
    """A row per zero point. K = 136 ends inside a block, whose rest has u - z that is not zero."""
    chosen = OP.case("act-order-f32")
    if case != "act-order-f32":
        sizes, attributes = {**dict(chosen.sizes), "K": 136}, {**dict(chosen.attributes), "group_size": -1}
        chosen = type(chosen)(name=case, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()))
    inputs = inputs_of(OP, chosen, "exact")
    inputs = inputs.replaced(a_zp=np.array(EXACT + FAR, np.int32))
    reference = OP.oracle(inputs.values())["c"]
    assert reference.magnitude is not None
    c = run(inputs, backend, "cpu")["c"]
    near = slice(len(EXACT))
    np.testing.assert_array_equal(c[near], reference.value[near].astype(np.float32))
    sizes = dict(chosen.sizes)
    bound = OP.accuracy_of("c").bound(reference.value, reference.magnitude, sizes["K"], F32, FLOAT32)
    assert (np.abs(c - reference.value) <= bound).all()


def test_the_smallest_call() -> None:
    """(3 - 1) * 0.5 * (9 - 8) * 2 * 4 per k, and eight k."""
    import torch

    from torch_impl import ops

    a, b = torch.full((1, 8), 3, dtype=torch.int8), torch.full((1, 1), 0x9999_9999 - 2**32, dtype=torch.int32)
    c = ops.int4_gemm_w4a8(
        a,
        b,
        torch.tensor([0.5]),
        torch.tensor([[2.0]]),
        torch.tensor([1], dtype=torch.int32),
        channel_scale=torch.tensor([4.0]),
        group_size=-1,
    )
    assert c.tolist() == [[64.0]]
