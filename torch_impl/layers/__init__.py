"""Layers of decoders in torch, of public operations alone: functions of weights and the arrays of a step.

Caches and residual streams change in place, as they do in torch; otherwise the same layers as in `jax_impl.layers`.
"""
