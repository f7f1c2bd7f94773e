"""Command-line tool: compares implementations with each other and with the oracle, and reports."""

from specs.version import __version__

__all__ = ["__version__"]
