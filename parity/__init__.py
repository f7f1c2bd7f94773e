"""Command-line tool: compares implementations with each other and with the oracle, and reports.

`assert_parity` compares two functions of your own, `normal` and `summable` draw inputs for it.
"""

from parity.functions.check import assert_parity
from parity.functions.data import normal, summable
from specs.version import __version__

__all__ = ["__version__", "assert_parity", "normal", "summable"]
