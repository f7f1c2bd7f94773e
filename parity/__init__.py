"""The tool a user runs: compare implementations with each other and with the oracle, and report."""

from specs.version import __version__

__all__ = ["__version__"]
