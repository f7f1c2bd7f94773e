"""The environment variables that the tool looks at, all of them."""

from __future__ import annotations

import os


def unattended() -> bool:
    """Whether the variable CI, which build services set, says that nobody is looking."""
    return os.environ.get("CI", "") not in {"", "0", "false"}
