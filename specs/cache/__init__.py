"""Paged caches: layouts, and the operations that fill and read them."""
