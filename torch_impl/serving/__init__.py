"""Checkpoints in torch: weights on a device, caches, and the step of `torch_impl.layers` that runs on them."""

from specs.extras import hints

with hints("torch"):
    import torch  # noqa: F401 - all modules of this package need it
