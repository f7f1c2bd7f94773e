"""Packages that extras of the distribution supply, and the one message where one of them is missing.

with hints("jax"):
    import jax      # MissingExtra: jax is not installed: pip install "twinkernels[jax]"
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "jax": ("jax", "jaxlib"),
    "torch": ("torch",),
    "parity": ("typer", "rich", "pydantic", "safetensors"),
    "checkpoints": ("gguf", "jinja2", "safetensors", "tokenizers"),
    "serving": ("prometheus_client", "pydantic", "rich", "starlette", "typer", "uvicorn"),
    "interpret": ("triton",),
    "export": ("flatbuffers",),
    "replicas": ("ray",),
    "ejkernel": ("ejkernel",),
}
"""Extra -> top-level modules that it supplies."""

NOT_RUN: Final = 3
"""Exit status of a program that lacks a package: nothing that was asked for ran."""


class MissingExtra(ModuleNotFoundError):
    """A package is not installed that an extra supplies."""


def hint(package: str, *extras: str) -> str:
    """What to say where a package is missing: one line, with the command that installs it.

    Args:
        package: top-level module, one of `PACKAGES`.
        extras: those to install for what was asked for; the first that has the package when none of them does.
    """
    chosen = extras if any(package in PACKAGES[name] for name in extras) else (_first(package),)
    return f'{package} is not installed: pip install "twinkernels[{",".join(chosen)}]"'


@contextmanager
def hints(*extras: str) -> Iterator[None]:
    """Around imports of packages that `extras` supply: where one is missing, the error says how to install it.

    Raises:
        MissingExtra: with the line of `hint`, in place of Python's own error.
    """
    try:
        yield
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not any(error.name in packages for packages in PACKAGES.values()):
            raise
        raise MissingExtra(hint(error.name, *extras), name=error.name) from None


def run(program: Callable[[], None], *extras: str) -> None:
    """Runs a program of the command line, which imports what it needs when it is called.

    A package that is missing is one line on standard error and status 3.
    """
    try:
        with hints(*extras):
            program()
    except MissingExtra as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_RUN)


def _first(package: str) -> str:
    """The first extra that has a package."""
    return next(name for name, packages in PACKAGES.items() if package in packages)
