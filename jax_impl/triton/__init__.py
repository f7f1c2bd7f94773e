"""Generated Triton kernels in JAX: compiled by Triton itself, or handed to XLA as Triton IR."""
