"""Generated Triton kernels: loading their source, and launches."""
