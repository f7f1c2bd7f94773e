"""Declarations: axes, arrays, kernels, operations, accuracy, and their validation."""
