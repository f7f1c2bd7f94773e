"""Layers of decoders in torch, of public operations alone: functions of weights and the arrays of a step.

Caches and residual streams change in place, as they do in torch; otherwise the same layers as in `jax_impl.layers`.
"""

from specs.extras import hints

with hints("torch"):
    import torch  # noqa: F401 - all modules of this package need it
