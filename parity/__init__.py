"""Command-line tool: compares implementations with each other and with the oracle, and reports.

`assert_parity` compares two functions of your own, `normal` and `summable` draw inputs for it. `first_parting` finds
the first operation at which two functions of public operations part, and `stage` names parts of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from specs.version import __version__

if TYPE_CHECKING:
    from parity.functions.calls import stage
    from parity.functions.check import assert_parity
    from parity.functions.data import normal, summable
    from parity.functions.parting import first_parting

_HOMES: Final = {
    "assert_parity": "parity.functions.check",
    "first_parting": "parity.functions.parting",
    "normal": "parity.functions.data",
    "stage": "parity.functions.calls",
    "summable": "parity.functions.data",
}
"""Where public functions are. They are imported when they are asked for: pytest imports this package for its plugin,
whatever it tests."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


__all__ = ["__version__", "assert_parity", "first_parting", "normal", "stage", "summable"]
