"""Torch side: the IR as Triton source, launching it, and operators in the torch library. Nothing is imported here."""

from specs.version import __version__

__all__ = ["__version__"]
