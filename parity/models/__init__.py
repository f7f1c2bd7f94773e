"""Whole models compared in both frameworks."""
