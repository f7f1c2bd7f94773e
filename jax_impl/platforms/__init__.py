"""What differs between the places Pallas kernels run; the only package that touches JAX's internals."""
