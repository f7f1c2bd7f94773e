"""The sparse indexer: which compressed keys a token attends to. Quantised queries and keys, logits, top-k."""
