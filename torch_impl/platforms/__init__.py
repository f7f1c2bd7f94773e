"""Device-specific code of torch kernels; the only package that uses Triton's internals."""
