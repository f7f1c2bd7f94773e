"""Attention of requests of different lengths, packed one after the other or paged."""
