"""Matrix products: our kernels and their peers."""
