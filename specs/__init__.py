"""Declarative specs of LLM kernels: what the arguments are, one tile program, and how the result is proved.

`get(NAME)` gives an operation, `names()` lists all of them. Imports neither jax nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.version import __version__

if TYPE_CHECKING:
    from specs.lang.declare.op import Op


def names() -> tuple[str, ...]:
    """Names of all public operations."""
    from specs.registry import OPS

    return tuple(OPS)


def get(name: str) -> Op:
    """The operation called `name`; KeyError lists the known ones."""
    from specs.registry import OPS

    if name not in OPS:
        raise KeyError(f"no operation called {name!r}; there are {', '.join(OPS)}")
    return OPS[name]


__all__ = ["__version__", "get", "names"]
