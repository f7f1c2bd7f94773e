"""The environment variables that the tool looks at, all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping


def unattended() -> bool:
    """Whether the environment variable CI, which build services set, is on."""
    return os.environ.get("CI", "") not in {"", "0", "false"}


def for_child(changes: Mapping[str, str]) -> dict[str, str]:
    """The variables of a child process: our own, with some set."""
    return {**os.environ, **changes}
