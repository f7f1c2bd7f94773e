"""Generated Pallas kernels: source, loading it, and calls."""
