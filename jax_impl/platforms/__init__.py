"""Platform-specific code of Pallas kernels; the only package that uses JAX's internals."""
