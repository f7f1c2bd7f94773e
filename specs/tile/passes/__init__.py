"""Passes over the tile IR: rewrites for a target, checks, costs."""
