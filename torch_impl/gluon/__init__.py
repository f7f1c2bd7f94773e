"""Generated Gluon kernels, whose warps have roles: planning, and launches."""
