"""Quantised tensors as one value: codes and scales in a block format, and the products that take them."""
