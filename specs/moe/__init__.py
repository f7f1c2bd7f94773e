"""Mixture of experts: routing, permutation, grouped products, combination."""
