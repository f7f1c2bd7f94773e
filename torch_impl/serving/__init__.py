"""Checkpoints in torch: weights on a device, caches, and the step of `torch_impl.layers` that runs on them."""
