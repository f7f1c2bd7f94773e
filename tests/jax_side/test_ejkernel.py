"""Our attention through ejkernel's own entry, next to ejkernel's."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np
import pytest

import specs
from jax_impl import ejkernel as door
from jax_impl import ops
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.formats.elements import BF16

pytest.importorskip("ejkernel", reason="needs ejkernel")

KEYS = 37  # of the longest request
REQUESTS, PAGE, PAGES = ((1, 37), (6, 20), (3, 3)), 16, 12
"""Queries and keys of each request: a decode, a chunk of a prompt, a whole prompt."""


@pytest.fixture
def registry() -> Iterator[Any]:
    """ejkernel's registry, with what was there before put back."""
    import ejkernel.kernels  # noqa: F401 - registers theirs
    from ejkernel.kernels._registry import kernel_registry

    specs = kernel_registry._registry
    before = list(specs["unified_attention"])
    yield kernel_registry
    specs["unified_attention"] = before


def arguments() -> tuple[Any, ...]:
    random = np.random.default_rng(5)
    queries, keys = (np.array(sizes, np.int32) for sizes in zip(*REQUESTS, strict=True))
    shape = (PAGES, PAGE, 2, 32)
    table = random.permutation(PAGES)[:9].reshape(3, 3).astype(np.int32)
    arrays = (
        random.standard_normal((int(queries.sum()), 8, 32)),
        random.standard_normal(shape),
        random.standard_normal(shape),
    )
    starts = np.concatenate(([0], np.cumsum(queries))).astype(np.int32)
    return (*(jnp.asarray(x, jnp.bfloat16) for x in arrays), *map(jnp.asarray, (keys, table, starts)))


@pytest.mark.parametrize(
    ("sinks", "settings"), [(False, {}), (True, {"sliding_window": 9}), (False, {"logits_soft_cap": 2.0})]
)
def test_the_same_attention(registry: Any, sinks: bool, settings: dict[str, Any]) -> None:
    from ejkernel.modules.operations import unified_attention

    optional = (None, None, jnp.linspace(-1, 2, 8)) if sinks else ()
    theirs = unified_attention(*arguments(), *optional, platform="xla", **settings)
    door.register()
    with mock.patch.object(ops, "flash_attn_varlen", wraps=ops.flash_attn_varlen) as called:
        ours = unified_attention(*arguments(), *optional, platform="xla", **settings)
    called.assert_called_once()
    queries, keys, values, *rest = arguments()
    magnitude = unified_attention(queries, keys, jnp.abs(values), *rest, *optional, platform="xla", **settings)
    contract = specs.get("flash_attn_varlen").accuracy_of("out")
    numbers = [np.asarray(x, np.float64) for x in (ours, theirs, magnitude)]
    bound = contract.bound(numbers[1], numbers[2], KEYS, BF16, FLOAT32)
    # Both round their results; ejkernel rounds its probabilities to bfloat16 too, and their sum.
    rounded = 2 * BF16.unit_roundoff * numbers[2]
    assert (abs(numbers[0] - numbers[1]) <= 2 * bound + rounded).all()


def test_the_first_choice_on_a_gpu(registry: Any) -> None:
    door.register()
    for platform, backend in (("triton", "gpu"), ("pallas", "gpu"), ("xla", "cpu")):
        assert registry.get("unified_attention", platform, backend).__wrapped__ is door.unified_attention
    ours, *theirs = (spec.implementation for spec in registry.list_implementations("unified_attention")[2:])
    for other in theirs:
        assert list(signature(ours).parameters) == list(signature(other).parameters)


def test_what_ejkernel_does_not_have_either(registry: Any) -> None:
    from ejkernel.errors import EjkernelRuntimeError

    door.register()
    with pytest.raises((EjkernelRuntimeError, NotImplementedError), match="causal"):
        registry.get("unified_attention", "xla", "cpu")(*arguments(), causal=False)
