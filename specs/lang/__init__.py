"""The spec language: axes, formats, layouts, kernels, operations, accuracy, errors."""
