"""Gated activations, alone and followed by quantisation."""
