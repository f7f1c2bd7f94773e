"""Attention: ours beside its peers."""
