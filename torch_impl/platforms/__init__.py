"""What differs between the places torch kernels run; the only package that touches Triton's internals."""
