"""JAX: a quantised tensor goes through transforms as any other parameters do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jax_impl.quantized import QuantizedTensor, linear, quantize
from specs.lang.errors import Unsupported
from specs.lang.formats.named import FP8_BLOCK_128
from tests.quantized.weights import K, N, values


@pytest.fixture(scope="module")
def stacked() -> QuantizedTensor:
    return quantize(jnp.asarray(values(2)), FP8_BLOCK_128)


@pytest.fixture(scope="module")
def x() -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).standard_normal((2, 3, K)), jnp.bfloat16)


def part(tree: QuantizedTensor, index: int) -> QuantizedTensor:
    found: QuantizedTensor = jax.tree.map(lambda array: array[index], tree)
    return found


def raw(x: Any) -> bytes:
    return np.asarray(x).tobytes()


def test_leaves_and_static_data(stacked: QuantizedTensor) -> None:
    leaves, structure = jax.tree.flatten(stacked)
    assert [leaf.shape for leaf in leaves] == [(2, N, K), (2, 1, 2)]
    again = jax.tree.unflatten(structure, leaves)
    assert (again.format, again.shape) == (FP8_BLOCK_128, (2, N, K))
    assert hash(structure) == hash(jax.tree.structure(part(stacked, 0))), "one trace for all weights of a format"
    assert jax.eval_shape(lambda w: part(w, 0), stacked).shape == (N, K)


def test_jit_scan_and_vmap_give_the_bytes_of_calls_one_by_one(stacked: QuantizedTensor, x: jax.Array) -> None:
    one_by_one = jnp.stack([linear(x[i], part(stacked, i)) for i in range(2)])
    _, scanned = jax.lax.scan(lambda carry, given: (carry, linear(*given)), 0, (x, stacked))
    assert raw(jax.jit(linear)(x[1], part(stacked, 1))) == raw(one_by_one[1])
    assert raw(scanned) == raw(one_by_one)
    assert raw(jax.vmap(linear)(x, stacked)) == raw(linear(x, stacked))
    assert raw(jax.vmap(linear, in_axes=(0, None))(x, part(stacked, 0))[0]) == raw(one_by_one[0])


def test_an_index_picks_one_of_stacked_weights(stacked: QuantizedTensor) -> None:
    assert raw(stacked[1].codes) == raw(part(stacked, 1).codes)
    assert stacked[0][...].shape == (N, K)
    with pytest.raises(Unsupported, match="an index into a quantised tensor"):
        stacked[0][0]


def test_donation(stacked: QuantizedTensor) -> None:
    given = jax.tree.map(lambda array: jnp.array(array, copy=True), part(stacked, 0))
    found = jax.jit(lambda w: jax.tree.map(lambda array: array, w), donate_argnums=0)(given)
    assert raw(found.codes) == raw(stacked.codes[0])
    assert all(array.is_deleted() for array in given.arrays().values())


def test_shardings(stacked: QuantizedTensor, x: jax.Array) -> None:
    mesh = Mesh(np.array(jax.devices()[:1]), ("d",))
    rows = jax.tree.map(lambda _: NamedSharding(mesh, PartitionSpec("d")), part(stacked, 0))
    placed = jax.device_put(part(stacked, 0), rows)
    assert placed.codes.sharding.spec == PartitionSpec("d")
    everywhere = NamedSharding(mesh, PartitionSpec())
    found = jax.jit(linear, in_shardings=(everywhere, rows))(x[0], placed)
    assert raw(found) == raw(linear(x[0], part(stacked, 0)))


def test_export(stacked: QuantizedTensor, x: jax.Array) -> None:
    """As leaves: what is exported takes the arrays, and nothing has to know the class."""
    leaves, structure = jax.tree.flatten(part(stacked, 0))
    exported = export.export(jax.jit(lambda x, *leaves: linear(x, jax.tree.unflatten(structure, leaves))))(
        x[0], *leaves
    )
    assert raw(exported.call(x[0], *leaves)) == raw(linear(x[0], part(stacked, 0)))


def test_what_needs_values_is_refused_under_jit(stacked: QuantizedTensor) -> None:
    with pytest.raises(Unsupported, match="dequantize under jit"):
        jax.jit(lambda w: w.dequantize())(stacked)
    with pytest.raises(Unsupported, match="quantize under jit"):
        jax.jit(lambda w: quantize(w, FP8_BLOCK_128))(jnp.ones((N, K)))
