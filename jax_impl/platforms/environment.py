"""Environment variables that compilers read; set, or taken away from a child process, in this one place."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

VARIABLES: MutableMapping[str, str] = os.environ


def set_defaults(values: Mapping[str, str]) -> None:
    """Sets variables that the user has not set."""
    for name, value in values.items():
        VARIABLES.setdefault(name, value)


def without(*names: str) -> dict[str, str]:
    """The variables of this process but some, for a child."""
    return {name: value for name, value in VARIABLES.items() if name not in names}
