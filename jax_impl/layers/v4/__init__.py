"""Layers of DeepSeek-V4 in JAX, of public operations alone: pure functions of weights, caches and arrays of a step."""
