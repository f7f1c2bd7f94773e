"""A layer exported on this machine for cards that need not be here, saved, loaded and called.

    python -m examples.export_jax

The loading machine needs the file and JAX, not the function.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from jax_impl import export, ops

WIDTH = 256


def layer(x: jax.Array, weight: jax.Array, scale: jax.Array) -> jax.Array:
    """An FP8 linear: activations are quantised in groups of 128, weights are in blocks of 128 x 128."""
    codes, x_scale = ops.per_token_group_quant_fp8(x)
    product: jax.Array = ops.fp8_gemm(codes, weight, x_scale, scale, scale_mode="block", weight_order="nk")
    return product


def main(platforms: tuple[str, ...] = ("oneapi", "cuda", "cpu")) -> None:
    x = jax.random.normal(jax.random.key(0), (4, WIDTH), jnp.bfloat16)
    weight = jax.random.normal(jax.random.key(1), (WIDTH, WIDTH)).astype(jnp.float8_e4m3fn)
    scale = jnp.full((WIDTH // 128, WIDTH // 128), 0.01)
    program = export.export(layer, platforms, device="Arc B580")(x, weight, scale)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "layer.zip")
        export.save(program, path)
        loaded = export.load(path)
        print(f"{path.name}: {path.stat().st_size} bytes, for {', '.join(loaded.about.platforms)}")
    print(f"kernels {', '.join(loaded.about.kernels)}; matrix units {loaded.about.matrix_units}")
    same = bool((loaded.call(x, weight, scale) == layer(x, weight, scale)).all())
    print(f"called on {jax.default_backend()}: {'the same numbers' if same else 'other numbers'} as without the file")


if __name__ == "__main__":
    main()
