"""One layer of a decoder in JAX: FP8 linears, and attention over paged caches that are written where they lie.

    python -m examples.decoder_layer_jax            run it on this machine and compare it with numpy in float64
    python -m parity xpu --step                     compile it for Intel GPUs that are not there

Three operations of the library do the work; everything else is ordinary JAX.

    per_token_group_quant_fp8   activations -> FP8 codes, and one scale for 128 columns of a token
    fp8_gemm                    codes times FP8 weights, 128 x 128 blocks of which share a scale, in bfloat16
    flash_attn_varlen           attention of a batch of prompts and single tokens over the pages of their requests

Rows of `x` are the new tokens of all requests, one request after the other. Query, key and value weights are one array,
gate and up weights too: XLA would otherwise put them together in every step.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal, NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from jax_impl import ops
from parity.xpu.step import Step

GROUP: Final = 128  # columns of a token, and edge of a weight's block, that share a scale
EPSILON = 1e-5
Implementation = Literal["pallas", "triton", "xla"]


class Sizes(NamedTuple):
    """Widths of the layer, and of its caches: `pages` of `page` rows each."""

    hidden: int
    heads: int
    kv_heads: int
    head: int
    ffn: int
    pages: int
    page: int


SMALL = Sizes(hidden=256, heads=4, kv_heads=2, head=64, ffn=384, pages=24, page=8)
LARGE = Sizes(hidden=1024, heads=16, kv_heads=4, head=64, ffn=2816, pages=512, page=16)


class Linear(NamedTuple):
    """FP8 weight [N, K] and its scales float32 [N / 128, K / 128]."""

    codes: Any
    scale: Any


class Layer(NamedTuple):
    """Weights of a layer: heads of queries, keys, values; the output; gate, then up; down; norms float32 [hidden]."""

    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    attention_norm: Any
    ffn_norm: Any


class Pools(NamedTuple):
    """Caches of keys and values, bfloat16 [pages, page, kv_heads, head]."""

    keys: Any
    values: Any


class Batch(NamedTuple):
    """What a step computes: int32 arrays.

    position: of every token in its request. slot: where its key goes, page * rows of a page + row.
    bounds: rows of request b are bounds[b] .. bounds[b + 1]. used: keys of each request, new ones included.
    table: pages of each request, in order.
    """

    position: Any
    slot: Any
    bounds: Any
    used: Any
    table: Any


def linear(x: jax.Array, weight: Linear, how: Implementation | None) -> jax.Array:
    """x W^T with activations in FP8."""
    codes, scale = ops.per_token_group_quant_fp8(x, group=GROUP, implementation=how)
    return ops.fp8_gemm(
        codes, weight.codes, scale, weight.scale, scale_mode="block", weight_order="nk", implementation=how
    )


def norm(x: jax.Array, weight: jax.Array) -> jax.Array:
    """x / sqrt(mean x^2 + epsilon) * weight."""
    wide = x.astype(jnp.float32)
    return (wide * jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + EPSILON) * weight).astype(x.dtype)


def rope(x: jax.Array, position: jax.Array) -> jax.Array:
    """Pairs (i, i + D/2) of every head, turned by position * 10000^(-2i/D)."""
    half = x.shape[-1] // 2
    angle = position[:, None].astype(jnp.float32) * 10000.0 ** (-jnp.arange(half, dtype=jnp.float32) / half)
    cosine, sine = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
    a, b = jnp.split(x.astype(jnp.float32), 2, -1)
    return jnp.concatenate((a * cosine - b * sine, b * cosine + a * sine), -1).astype(x.dtype)


def insert(pool: jax.Array, rows: jax.Array, slot: jax.Array) -> jax.Array:
    """The pool with rows at their slots; slots after the last page are skipped."""
    return pool.at[slot // pool.shape[1], slot % pool.shape[1]].set(rows, mode="drop")


def layer(
    pools: Pools, weights: Layer, x: jax.Array, batch: Batch, *, sizes: Sizes, how: Implementation | None = None
) -> tuple[jax.Array, Pools]:
    """Attention and the gated MLP, each on normed activations and added to x; bfloat16 [tokens, hidden]."""
    heads = (len(x), -1, sizes.head)
    queries, keys = sizes.heads * sizes.head, sizes.kv_heads * sizes.head
    qkv = linear(norm(x, weights.attention_norm), weights.qkv, how)
    q, k, v = (part.reshape(heads) for part in jnp.split(qkv, (queries, queries + keys), -1))
    pools = Pools(
        insert(pools.keys, rope(k, batch.position), batch.slot),
        insert(pools.values, v, batch.slot),
    )
    attended = ops.flash_attn_varlen(
        rope(q, batch.position),
        pools.keys,
        pools.values,
        batch.bounds,
        seqused_k=batch.used,
        block_table=batch.table,
        causal=True,
        splits=1,
        implementation=how,
    )
    x = x + linear(attended.reshape(len(x), -1), weights.out, how)
    gate, up = jnp.split(linear(norm(x, weights.ffn_norm), weights.gate_up, how).astype(jnp.float32), 2, -1)
    return x + linear((jax.nn.silu(gate) * up).astype(x.dtype), weights.down, how), pools


def step(implementation: Implementation | None = None, tokens: int = 16, requests: int = 16) -> Step:
    """The layer with donated pools, as `parity xpu --step` compiles it.

    Args:
        implementation: of the three operations; None for the default of each.
    """
    sizes, table = LARGE, 32
    of = jax.ShapeDtypeStruct

    def weight(rows: int, columns: int) -> Linear:
        blocks = (-(-rows // GROUP), columns // GROUP)
        return Linear(of((rows, columns), jnp.float8_e4m3fn), of(blocks, jnp.float32))

    attended, norms = sizes.heads * sizes.head, of((sizes.hidden,), jnp.float32)
    weights = Layer(
        qkv=weight(attended + 2 * sizes.kv_heads * sizes.head, sizes.hidden),
        out=weight(sizes.hidden, attended),
        gate_up=weight(2 * sizes.ffn, sizes.hidden),
        down=weight(sizes.hidden, sizes.ffn),
        attention_norm=norms,
        ffn_norm=norms,
    )
    pool = of((sizes.pages, sizes.page, sizes.kv_heads, sizes.head), jnp.bfloat16)
    lengths = ((tokens,), (tokens,), (requests + 1,), (requests,), (requests, table))
    batch = Batch(*(of(shape, jnp.int32) for shape in lengths))
    x = of((tokens, sizes.hidden), jnp.bfloat16)
    function = jax.jit(partial(layer, sizes=sizes, how=implementation), donate_argnums=0)
    return Step(function=function, arguments=(Pools(pool, pool), weights, x, batch), caches=(0,))


def prompt_step(implementation: Implementation | None = None) -> Step:
    """The same for prompts: 512 new tokens of 4 requests."""
    return step(implementation, tokens=512, requests=4)


# -- beside numpy ----------------------------------------------------------------------------------------------------

Arrays = tuple[Pools, Layer, NDArray[Any], Batch]


def problem(sizes: Sizes, seed: int = 0) -> Arrays:
    """Random weights and caches; a prompt, a later part of a prompt, and a single token of three requests, as numpy."""
    random = np.random.default_rng(seed)

    def weight(rows: int, columns: int) -> Linear:
        codes = (random.standard_normal((rows, columns)) * 64).astype(ml_dtypes.float8_e4m3fn)
        blocks = (-(-rows // GROUP), columns // GROUP)
        return Linear(codes, (random.uniform(0.5, 1.5, blocks) / (64 * columns**0.5)).astype(np.float32))

    attended = sizes.heads * sizes.head
    weights = Layer(
        qkv=weight(attended + 2 * sizes.kv_heads * sizes.head, sizes.hidden),
        out=weight(sizes.hidden, attended),
        gate_up=weight(2 * sizes.ffn, sizes.hidden),
        down=weight(sizes.hidden, sizes.ffn),
        attention_norm=random.uniform(0.5, 1.5, sizes.hidden).astype(np.float32),
        ffn_norm=random.uniform(0.5, 1.5, sizes.hidden).astype(np.float32),
    )
    pool = (sizes.pages, sizes.page, sizes.kv_heads, sizes.head)
    pools = Pools(*(random.standard_normal(pool).astype(ml_dtypes.bfloat16) for _ in range(2)))
    new, before = (7, 5, 1), (0, 9, 20)
    used = np.add(new, before).astype(np.int32)
    table = random.permutation(sizes.pages)[: 3 * (sizes.pages // 3)].reshape(3, -1).astype(np.int32)
    position = np.concatenate([np.arange(b, b + n) for n, b in zip(new, before, strict=True)])
    request = np.repeat(np.arange(3), new)
    slot = table[request, position // sizes.page] * sizes.page + position % sizes.page
    bounds = np.cumsum((0, *new))
    x = random.standard_normal((sum(new), sizes.hidden)).astype(ml_dtypes.bfloat16)
    numbers = (position, slot, bounds, used, table)
    return pools, weights, x, Batch(*(one.astype(np.int32) for one in numbers))


def reference(pools: Pools, weights: Layer, x: NDArray[Any], batch: Batch, sizes: Sizes) -> tuple[NDArray[Any], Pools]:
    """The same in float64 and without FP8 activations, written without a look at the layer: new x, and the caches."""

    def times(x: NDArray[Any], weight: Linear) -> NDArray[Any]:
        rows, columns = weight.codes.shape
        scale = np.repeat(np.repeat(weight.scale, GROUP, 0), GROUP, 1)[:rows, :columns]
        found: NDArray[Any] = x @ (weight.codes.astype(np.float64) * scale).T
        return found

    def normed(x: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPSILON) * weight
        return found

    def turned(x: NDArray[Any]) -> NDArray[Any]:
        half = sizes.head // 2
        turn = np.exp(1j * batch.position[:, None] * 10000.0 ** (-np.arange(half) / half))[:, None]
        pairs = (x[..., :half] + 1j * x[..., half:]) * turn
        return np.concatenate((pairs.real, pairs.imag), -1)

    x = x.astype(np.float64)
    qkv = times(normed(x, weights.attention_norm), weights.qkv).reshape(len(x), -1, sizes.head)
    q, k, v = np.split(qkv, (sizes.heads, sizes.heads + sizes.kv_heads), 1)
    keys, values = (pool.astype(np.float64).reshape(-1, sizes.kv_heads, sizes.head) for pool in pools)
    keys[batch.slot], values[batch.slot] = turned(k), v
    q, attended = turned(q), np.zeros((len(x), sizes.heads, sizes.head))
    for request, used in enumerate(batch.used):
        own = np.arange(used)
        rows = batch.table[request, own // sizes.page] * sizes.page + own % sizes.page
        for token in range(batch.bounds[request], batch.bounds[request + 1]):
            seen = rows[: batch.position[token] + 1]
            for head in range(sizes.heads):
                shared = head * sizes.kv_heads // sizes.heads
                scores = keys[seen, shared] @ q[token, head] * sizes.head**-0.5
                weight = np.exp(scores - scores.max())
                attended[token, head] = weight / weight.sum() @ values[seen, shared]
    x = x + times(attended.reshape(len(x), -1), weights.out)
    gate, up = np.split(times(normed(x, weights.ffn_norm), weights.gate_up), 2, -1)
    return x + times(gate / (1 + np.exp(-gate)) * up, weights.down), Pools(keys, values)


def distances(sizes: Sizes, seed: int = 0) -> dict[str, float]:
    """How far the layer is from float64: norm of the difference over the norm of what the layer adds or writes."""
    given = problem(sizes, seed)
    expected, caches = reference(*given, sizes)
    # Copies, because donated arrays are gone afterwards.
    arrays = jax.tree.map(jnp.array, given)
    x, pools = jax.jit(partial(layer, sizes=sizes), donate_argnums=0)(*arrays)
    slot = given[3].slot
    found = {"x": _distance(x, expected, expected - given[2].astype(np.float64))}
    for name, pool, cache in zip(("keys", "values"), pools, caches, strict=True):
        rows = np.asarray(pool, np.float64).reshape(cache.shape)
        found[name] = _distance(rows[slot], cache[slot], cache[slot])
        found[f"other {name}"] = float(np.abs(np.delete(rows - cache, slot, 0)).max())
    return found


def _distance(found: Any, expected: NDArray[Any], measure: NDArray[Any]) -> float:
    return float(np.linalg.norm(np.asarray(found, np.float64) - expected) / np.linalg.norm(measure))


if __name__ == "__main__":
    for name, value in distances(SMALL).items():
        print(f"{name:14} {value:.4f} of its norm from float64")
