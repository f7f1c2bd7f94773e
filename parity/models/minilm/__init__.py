"""A real sentence encoder, all-MiniLM-L6-v2, its linears quantised: both frameworks against the oracle on real
data.
"""
