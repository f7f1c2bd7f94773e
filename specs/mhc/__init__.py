"""Manifold-constrained hyper-connections (mHC): four residual streams, mixed before and after every layer."""
