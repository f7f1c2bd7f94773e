"""Quantised matrix products."""
