"""A child of `parity xpu --real`: the self-test of matrix units on the first Intel GPU; prints failures as JSON.

python -m parity.xpu.self_test_worker on|lts
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jax_impl.platforms import matrix_units


def main(setting: Any) -> None:
    """Runs it under a setting."""
    sys.stdout.write(json.dumps(matrix_units.self_tested(setting)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
