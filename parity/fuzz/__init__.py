"""Calls, layouts and values drawn at random."""
