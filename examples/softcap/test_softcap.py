"""What the specification of `softcap` promises, and what only its author knows."""

import jax.numpy as jnp
import numpy as np
import torch
from softcap import SOFTCAP

import jax_impl.ops
import torch_impl.ops
from parity.testing import contract_suite

TestSoftcap = contract_suite(SOFTCAP)


def test_large_scores_reach_the_cap() -> None:
    x = np.array([[-1e30, 0.0, 1e30]], np.float32)
    assert torch_impl.ops.softcap(torch.from_numpy(x), cap=5.0).tolist() == [[-5.0, 0.0, 5.0]]
    assert jax_impl.ops.softcap(jnp.asarray(x), cap=5.0).tolist() == [[-5.0, 0.0, 5.0]]
