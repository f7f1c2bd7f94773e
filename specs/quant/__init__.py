"""Quantisers of activations."""
