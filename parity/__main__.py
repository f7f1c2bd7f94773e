"""`python -m parity`."""

from __future__ import annotations

from specs.extras import run


def main() -> None:
    """Entry point of the console script; where a package is missing, one line that says how to install it."""
    run(_start, "parity")


def _start() -> None:
    from parity.cli import main as start

    start()


if __name__ == "__main__":
    main()
