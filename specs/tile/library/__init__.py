"""Tile programs that bodies and rewrites build on."""
