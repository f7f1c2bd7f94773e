"""The sparse attention indexer, measured."""
