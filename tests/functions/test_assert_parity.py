"""`assert_parity`: right pairs pass, and each planted fault fails with what one needs to find it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from parity import assert_parity, normal, summable
from specs.lang.declare.op import Reference
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BF16, F32
from tests.rules.source import ROOT

pytest_plugins = ["pytester"]

Array = Any
X, W = normal((64, 256), BF16), normal((256, 128), BF16, scale=1 / 16, seed=1)


def gelu_torch(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.gelu(x @ w, approximate="tanh")


def gelu_jax(x: Array, w: Array) -> Array:
    return jax.nn.gelu(x @ w, approximate=True)


def scaled_torch(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = gelu_torch(x, w)
    y[:, 96:] *= 1.01
    return y


def scaled_jax(x: Array, w: Array) -> Array:
    y = gelu_jax(x, w)
    return jnp.concatenate([y[:, :96], (y[:, 96:].astype(jnp.float32) * 1.01).astype(y.dtype)], axis=1)


def test_a_right_pair_passes() -> None:
    found = assert_parity(gelu_torch, gelu_jax, (X, W))
    assert [one.name for one in found] == [
        f"result 0, {pair}" for pair in ("torch and float64", "JAX and float64", "torch and JAX")
    ]
    assert all(0 < one.verdict.bound_share <= 1 for one in found)


@pytest.mark.parametrize(("left", "right"), [(scaled_torch, gelu_jax), (gelu_torch, scaled_jax)])
def test_a_quarter_of_the_columns_that_is_scaled_fails(left: Any, right: Any, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failure:
        assert_parity(left, right, (X, W), save=tmp_path)
    said = str(failure.value)
    assert "share of bound" in said
    assert re.search(r"1 to inf +\d+ █", said)
    columns = [int(found) for found in re.findall(r"^    \[\d+, (\d+)\] got .*, error .*, bound ", said, re.MULTILINE)]
    assert min(columns[:2]) >= 96
    with np.load(tmp_path / "parity.npz") as saved:
        assert (saved["input0.bfloat16"] == X.view(np.uint16)).all()
        assert saved["torch0.bf16"].shape == saved["JAX0.bf16"].shape == (64, 128)


# -- kinds of computation ------------------------------------------------------------------------------------------

A, B = normal((5, 48), F32, seed=2), normal((48,), F32, seed=3)

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "softmax": (lambda x: torch.softmax(3 * x, -1), lambda x: jax.nn.softmax(3 * x, -1), (A,)),
    "rms norm": (
        lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w,
        lambda x, w: x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w,
        (A, B),
    ),
    "loop": (
        lambda x: sum(torch.tanh(row) for row in x),
        lambda x: jax.lax.scan(lambda c, row: (c + jnp.tanh(row), None), jnp.zeros(48), x)[0],
        (A,),
    ),
    "two results": (
        lambda x: (x.amax(-1), x.argmax(-1).int()),
        lambda x: (x.max(-1), x.argmax(-1).astype(jnp.int32)),
        (A,),
    ),
    "in place": (
        lambda x: x.clone().mul_(2).add_(1)[:, ::2].contiguous(),
        lambda x: (x * 2 + 1)[:, ::2],
        (A,),
    ),
}


@pytest.mark.parametrize(("left", "right", "inputs"), PAIRS.values(), ids=PAIRS)
def test_ordinary_code_has_a_bound(left: Any, right: Any, inputs: Any) -> None:
    found = assert_parity(left, right, inputs)
    assert all(one.verdict.passed for one in found)


def test_bounds_are_of_the_order_of_the_roundings() -> None:
    """Not so wide that anything passes: a relative error of 2^-17 in float32 arithmetic is a fault."""
    left, right, inputs = PAIRS["rms norm"]
    with pytest.raises(AssertionError, match=r"JAX and float64"):
        assert_parity(left, lambda x, w: right(x, w) * (1 + 2.0**-17), inputs)


def test_what_has_no_rule_is_named_and_a_contract_takes_its_place() -> None:
    def left(x: torch.Tensor) -> torch.Tensor:
        return torch.cumprod(x, -1)

    with pytest.raises(Unsupported, match=r"aten\.cumprod.*oracle=, terms="):
        assert_parity(left, lambda x: jnp.cumprod(x, -1), (A,))

    def oracle(x: Array) -> Array:
        return np.cumprod(x, -1)

    assert assert_parity(left, lambda x: jnp.cumprod(x, -1), (A,), oracle, terms=48)
    with pytest.raises(AssertionError, match="JAX and float64"):
        assert_parity(left, lambda x: jnp.cumprod(x, -1) * 1.001, (A,), oracle, terms=48)


def test_the_magnitude_of_a_contract_is_the_oracles() -> None:
    def oracle(x: Array) -> Reference:
        return Reference(value=x.sum(-1), magnitude=np.abs(x).sum(-1))

    assert assert_parity(lambda x: x.sum(-1), lambda x: x.sum(-1), (A,), oracle, terms=48)


def test_exact_sums_have_the_same_bytes() -> None:
    x, w = summable((8, 64), BF16), summable((64, 16), BF16, seed=1)

    def product(x: Array, w: Array) -> Array:
        return x @ w

    assert len(assert_parity(product, product, (x, w), product, exact=True)) == 3
    with pytest.raises(AssertionError, match="torch and JAX"):
        assert_parity(product, lambda x, w: (x @ w).at[3, 3].add(1), (x, w), exact=True)


# -- what is no number -----------------------------------------------------------------------------------------------


def written_to(x: torch.Tensor) -> torch.Tensor:
    x[0, 0] = 1.0
    return x * 2


WRONG: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "dtype": (lambda x: x.bfloat16(), lambda x: x, "element format f32, expected bf16"),
    "shape": (lambda x: x[:4], lambda x: x, r"shape"),
    "number of results": (lambda x: (x, x), lambda x: x, "torch returns 2 results, JAX 1"),
    "an input": (written_to, lambda x: x * 2, "'input 0' is only read, and was changed"),
    "not written": (torch.empty_like, lambda x: x, "never written"),
}


@pytest.mark.parametrize(("left", "right", "said"), WRONG.values(), ids=WRONG)
def test_what_else_is_wrong_fails(left: Any, right: Any, said: str) -> None:
    with pytest.raises(Exception, match=said):
        assert_parity(left, right, (A,), plain_torch=lambda x: x * 1, plain_jax=lambda x: x * 1)


def test_inputs_that_frameworks_do_not_share_are_refused() -> None:
    with pytest.raises(TypeError, match="complex64"):
        assert_parity(gelu_torch, gelu_jax, (np.zeros(3, np.complex64),))


# -- pytest ----------------------------------------------------------------------------------------------------------

USER = """
import jax, torch
from parity import normal
from specs.lang.formats.elements import F32

def test_mine(assert_parity):
    assert_parity(lambda x: torch.exp(x), lambda x: jax.numpy.exp(x) {}, (normal((4, 4), F32),))
"""


def test_the_plugin_has_a_fixture_and_saves_where_it_is_told(pytester: pytest.Pytester) -> None:
    options = ("-p", "parity.pytest_plugin", "-p", "no:cacheprovider", "--parity-save=kept")
    pytester.makepyfile(test_right=USER.format(""), test_wrong=USER.format("* 1.01"))
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines([r".*inputs and results: .*kept/test_mine/parity.npz"])
    assert (pytester.path / "kept" / "test_mine" / "parity.npz").is_file()


def test_the_plugin_loads_nothing_of_the_package() -> None:
    program = "import sys, parity.pytest_plugin; "
    program += "print(*{m for m in sys.modules if m.startswith('parity.')}, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["parity.pytest_plugin", "False"]
