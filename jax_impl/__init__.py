"""JAX side: the IR as Pallas source, launching it, and operations that work under jit. Nothing is imported here."""

from specs.version import __version__

__all__ = ["__version__"]
