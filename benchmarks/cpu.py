"""CPU implementations and the framework's own dot: `python -m benchmarks.cpu`.

A linear of FP8 activations and an FP8 weight in the sizes of SmolLM2-135M, and paged attention of one request over two
sizes of pools, in bfloat16 and float16. Variants of a row are called in turn, round after round; a ratio is taken
within each round, and printed as its median with the range.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Literal

SIZES = ((1, 576, 576), (1, 576, 1536), (64, 576, 576), (64, 576, 1536))
MODES: dict[str, dict[str, object]] = {
    "token_channel": {"scale_mode": "token_channel", "weight_order": "nk"},
    "block": {"scale_mode": "block", "group": 64, "weight_order": "nk"},
}
POOLS = (960, 15360)
Variants = Mapping[str, Callable[[], object]]


def rounds_of(variants: Variants, rounds: int) -> dict[str, list[float]]:
    """Seconds per call of every variant, one per round; the number of calls makes a sample of 10 ms."""
    calls: dict[str, int] = {}
    for name, call in variants.items():
        for _ in range(3):
            call()
        start = perf_counter()
        call()
        calls[name] = max(1, int(0.01 / (perf_counter() - start)))
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            start = perf_counter()
            for _ in range(calls[name]):
                call()
            found[name].append((perf_counter() - start) / calls[name])
    return found


def show(title: str, variants: Variants, base: str, rounds: int) -> None:
    """One line per variant: microseconds, and the ratio to `base` with its range."""
    samples = rounds_of(variants, rounds)
    print(title)
    for name, found in samples.items():
        ratios = [one / other for one, other in zip(found, samples[base], strict=True)]
        print(
            f"  {name:32} {median(found) * 1e6:9.1f} us   {median(ratios):6.2f} of {base}"
            f" ({min(ratios):.2f} .. {max(ratios):.2f})"
        )


def torch_linear(m: int, k: int, n: int, attributes: Mapping[str, Any]) -> Variants:
    """A linear in torch: its own, and ours."""
    import torch

    from torch_impl import ops
    from torch_impl.dequant import dequantise

    generator = torch.Generator().manual_seed(m + k + n)
    x = torch.randn(m, k, generator=generator)
    w = torch.randn(n, k, generator=generator).to(torch.float8_e4m3fn)
    grouped = attributes["scale_mode"] == "block"
    q, scale = ops.per_token_group_quant_fp8(x, group=64) if grouped else ops.per_token_quant_fp8(x)
    w_scale = torch.rand((-(-n // 64), -(-k // 64)) if grouped else (n,), generator=generator) + 0.5
    kept = dequantise("fp8_gemm", w, w_scale, **attributes)
    wide, half, half_x = w.float().t(), w.bfloat16().t(), x.bfloat16()
    return {
        "own dot float32": lambda: x @ wide,
        "own dot bfloat16": lambda: half_x @ half,
        "kept weight": lambda: kept(q, scale),
        "dequant": lambda: ops.fp8_gemm(q, w, scale, w_scale, **attributes),
        "eager": lambda: ops.fp8_gemm(q, w, scale, w_scale, **attributes, implementation="eager"),
    }


def jax_linear(m: int, k: int, n: int, attributes: Mapping[str, Any]) -> Variants:
    """A linear in JAX: its own, and ours."""
    import jax
    import jax.numpy as jnp

    from jax_impl import ops
    from jax_impl.dequant import dequantise

    keys = jax.random.split(jax.random.key(m + k + n), 3)
    x = jax.random.normal(keys[0], (m, k))
    w = jax.random.normal(keys[1], (n, k)).astype(jnp.float8_e4m3fn)
    grouped = attributes["scale_mode"] == "block"
    q, scale = ops.per_token_group_quant_fp8(x, group=64) if grouped else ops.per_token_quant_fp8(x)
    w_scale = jax.random.uniform(keys[2], (-(-n // 64), -(-k // 64)) if grouped else (n,)) + 0.5
    kept = dequantise("fp8_gemm", w, w_scale, **attributes)
    wide, half, half_x = w.astype(jnp.float32), w.astype(jnp.bfloat16), x.astype(jnp.bfloat16)
    own, through = jax.jit(lambda x, w: x @ w.T), jax.jit(lambda weight, q, scale: weight(q, scale))

    def ours(implementation: Literal["dequant", "xla"]) -> Callable[[], object]:
        function = jax.jit(lambda *arrays: ops.fp8_gemm(*arrays, **attributes, implementation=implementation))
        return lambda: jax.block_until_ready(function(q, w, scale, w_scale))

    return {
        "own dot float32": lambda: jax.block_until_ready(own(x, wide)),
        "own dot bfloat16": lambda: jax.block_until_ready(own(half_x, half)),
        "kept weight": lambda: jax.block_until_ready(through(kept, q, scale)),
        "dequant": ours("dequant"),
        "xla": ours("xla"),
    }


def jax_attention() -> Variants:
    """One request of 50 keys over pools of two sizes."""
    import jax
    import jax.numpy as jnp

    from jax_impl import ops

    bounds, used = jnp.asarray([0, 1], jnp.int32), jnp.asarray([50], jnp.int32)
    table = jnp.arange(16, dtype=jnp.int32)[None]
    function = jax.jit(
        lambda q, k, v: ops.flash_attn_varlen(
            q, k, v, bounds, seqused_k=used, block_table=table, causal=True, max_seqlen_q=1, max_seqlen_k=256, splits=1
        )
    )
    found: dict[str, Callable[[], object]] = {}
    for pages in POOLS:
        for dtype in (jnp.float16, jnp.bfloat16):
            q, pool = jnp.ones((1, 9, 64), dtype), jnp.ones((pages, 16, 3, 64), dtype)
            call = lambda q=q, pool=pool: jax.block_until_ready(function(q, pool, pool))  # noqa: E731
            found[f"{jnp.dtype(dtype).name}, {pages} pages"] = call
    return found


def torch_attention() -> Variants:
    """The same in torch."""
    import torch

    from torch_impl import ops

    bounds, used = torch.tensor([0, 1], dtype=torch.int32), torch.tensor([50], dtype=torch.int32)
    table = torch.arange(16, dtype=torch.int32)[None]
    settings: dict[str, Any] = {"causal": True, "max_seqlen_q": 1, "max_seqlen_k": 256, "splits": 1}
    function = partial(ops.flash_attn_varlen, cu_seqlens_q=bounds, seqused_k=used, block_table=table, **settings)
    found: dict[str, Callable[[], object]] = {}
    for pages in POOLS:
        for dtype in (torch.float16, torch.bfloat16):
            q, pool = torch.ones((1, 9, 64), dtype=dtype), torch.ones((pages, 16, 3, 64), dtype=dtype)
            found[f"{str(dtype).removeprefix('torch.')}, {pages} pages"] = partial(function, q, pool, pool)
    return found


def main() -> None:
    """Prints every row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of torch; XLA takes all cores that it is given")
    settings = parser.parse_args()
    import torch

    torch.set_num_threads(settings.threads)
    for name, attributes in MODES.items():
        for m, k, n in SIZES:
            for framework, linear in (("torch", torch_linear), ("jax", jax_linear)):
                title = f"{framework}: {m} rows, {k} x {n}, {name}"
                show(title, linear(m, k, n, attributes), "own dot float32", settings.rounds)
    for framework, attention in (("torch", torch_attention), ("jax", jax_attention)):
        show(
            f"{framework}: paged attention, one request of 50 keys", attention(), "float16, 960 pages", settings.rounds
        )


if __name__ == "__main__":
    main()
