"""Rotary position embedding: tables of cosines and sines, and the rotation of queries and keys."""
