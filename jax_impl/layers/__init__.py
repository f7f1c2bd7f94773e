"""Layers of decoders in JAX, of public operations alone: pure functions of weights, caches and the arrays of a step."""
