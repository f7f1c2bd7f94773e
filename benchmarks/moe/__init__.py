"""Grouped products of experts: our kernels and their peers."""
