"""What paged attention costs on a CPU follows the request, not the pool: bfloat16 pages are not converted whole."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import pytest

from jax_impl import ops

PAGE, HEADS, COLUMNS = 16, 3, 64


def temporaries(pages: int, keys: object, layout: Literal["separate", "interleaved"] = "separate") -> int:
    """Bytes of temporaries of attention of one request over a pool of so many pages."""
    q = jnp.zeros((1, 3 * HEADS, COLUMNS), jnp.float16 if keys == jnp.float16 else jnp.bfloat16)
    bounds, used = jnp.asarray([0, 1], jnp.int32), jnp.asarray([50], jnp.int32)
    table = jnp.arange(16, dtype=jnp.int32)[None]
    fused = layout == "interleaved"
    pool = jax.ShapeDtypeStruct((pages, PAGE, (1 + fused) * HEADS, COLUMNS), keys)
    scales = jax.ShapeDtypeStruct((pages, PAGE, HEADS), jnp.float32) if keys == jnp.int8 else None

    def attention(k: jax.Array, v: Any, scale: Any) -> jax.Array:
        return ops.flash_attn_varlen(
            q,
            k,
            v,
            bounds,
            seqused_k=used,
            block_table=table,
            k_scale_cache=scale,
            v_scale_cache=scale,
            causal=True,
            kv_layout=layout,
            splits=1,
            implementation="xla",
        )

    analysis = jax.jit(attention).lower(pool, None if fused else pool, scales).compile().memory_analysis()
    assert analysis is not None
    return int(analysis.temp_size_in_bytes)


@pytest.mark.parametrize("keys", [jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn, jnp.float8_e5m2])
def test_temporaries_do_not_grow_with_the_pool(keys: object) -> None:
    assert temporaries(64, keys) == temporaries(512, keys)


@pytest.mark.parametrize("keys", [jnp.bfloat16, jnp.int8])
def test_nor_do_they_with_heads_of_both_in_one_array(keys: object) -> None:
    assert temporaries(64, keys, "interleaved") == temporaries(512, keys, "interleaved")
