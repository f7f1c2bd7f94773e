"""Layers of DeepSeek-V4 in torch, of public operations alone: functions of weights and the arrays of a step.

Caches change in place; otherwise the same layers as in `jax_impl.layers.v4`.
"""
