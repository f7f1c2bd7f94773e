"""Weights in the block types of GGUF files, and packed INT4 checkpoints."""
