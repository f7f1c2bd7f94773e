"""Layers of decoders in JAX, of public operations alone: pure functions of weights, caches and the arrays of a step."""

from specs.extras import hints

with hints("jax"):
    import jax  # noqa: F401 - all modules of this package need it
