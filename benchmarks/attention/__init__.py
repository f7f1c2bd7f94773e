"""Attention: our kernels and their peers."""
