"""These kernels in ejkernel, the kernels of EasyDeL: attention over pages runs here after `register()`.

    from jax_impl import ejkernel
    ejkernel.register()
    from ejkernel.modules.operations import unified_attention    # prefill and decode over paged caches

ejkernel sends a JAX platform that calls itself "gpu" to its Triton kernels, which are built for CUDA and ROCm; what is
registered here compiles for Intel GPUs too, and has not run on one. Written against ejkernel 0.0.80.
"""

from __future__ import annotations

from specs.extras import hints

with hints("jax", "ejkernel"):
    import jax

from jax_impl import ops

PRIORITY = 100
"""Above ejkernel's own implementations, which have 0."""


def unified_attention(
    queries: jax.Array,
    key_cache: jax.Array,
    value_cache: jax.Array,
    kv_lens: jax.Array,
    block_tables: jax.Array,
    query_start_loc: jax.Array,
    alibi_slopes: jax.Array | None = None,
    qq_bias: jax.Array | None = None,
    softmax_aux: jax.Array | None = None,
    *,
    softmax_scale: float | None = None,
    causal: bool = True,
    sliding_window: int | None = None,
    logits_soft_cap: float | None = None,
    seq_threshold_3d: int | None = None,  # noqa: ARG001 - tuning of other kernels, as the rest
    num_par_softmax_segments: int | None = None,  # noqa: ARG001
    block_dim: int = 128,  # noqa: ARG001
    num_warps: int | None = None,  # noqa: ARG001
    num_stages: int | None = None,  # noqa: ARG001
) -> jax.Array:
    """Attention of requests one after the other, with keys and values in pages: `flash_attn_varlen`.

    Args:
        queries: [tokens, heads, D]. key_cache, value_cache: [blocks, block size, KV heads, D].
        kv_lens: int32 [requests]. block_tables: int32 [requests, blocks]. query_start_loc: int32 [requests + 1].
        softmax_aux: score of a key without a value, per head.
        sliding_window: keys that a query sees, its own included.

    Raises:
        NotImplementedError: with qq_bias, or without causal, as in ejkernel.
    """
    if qq_bias is not None or not causal:
        raise NotImplementedError("unified_attention: causal attention without qq_bias is supported")
    return ops.flash_attn_varlen(
        *(queries, key_cache, value_cache, query_start_loc, None, kv_lens, block_tables, alibi_slopes, softmax_aux),
        causal=True,
        softmax_scale=softmax_scale,
        window_left=-1 if sliding_window is None else sliding_window - 1,
        softcap=logits_soft_cap or 0.0,
    )


def register() -> None:
    """Puts attention before ejkernel's own, under each of the names by which ejkernel looks on GPUs and CPUs."""
    from ejkernel.kernels._registry import Backend, Platform, kernel_registry

    for platform, backend in (
        (Platform.TRITON, Backend.GPU),
        (Platform.PALLAS, Backend.GPU),
        (Platform.XLA, Backend.ANY),
    ):
        kernel_registry.register("unified_attention", platform, backend, PRIORITY)(unified_attention)
