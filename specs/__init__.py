"""Declarative specs of LLM kernels: what the arguments are, one tile program, and how the result is proved.

`get(NAME)` gives an operation, `names()` lists all of them, `register(op)` adds one. Imports neither jax nor torch.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from specs.version import __version__

if TYPE_CHECKING:
    from specs.lang.declare.op import Op
    from specs.registration import Source


def names() -> tuple[str, ...]:
    """Names of all public operations: the built-in ones, then what other packages have registered."""
    from specs.registration import REGISTRY

    return REGISTRY.names()


def built_in() -> tuple[str, ...]:
    """Names of the operations of this package, whose sources and documentation are checked in."""
    from specs.registration import REGISTRY

    return tuple(REGISTRY.built_in)


def get(name: str) -> Op:
    """The operation called `name`; KeyError lists the known ones."""
    from specs.registration import REGISTRY

    return REGISTRY.get(name)


def source(name: str) -> Source:
    """Where an operation comes from; nowhere for a built-in one."""
    from specs.registration import REGISTRY

    return REGISTRY.source(name)


def register(op: Op) -> Op:
    """Makes an operation public: `torch_impl.ops.NAME`, `torch.ops.twinkernels.NAME`, `jax_impl.ops.NAME`, and every
    command of `parity`. Returns it.

    At any time, before or after these modules are imported. Installed packages name their operations in the entry
    points `twinkernels.ops` instead, which are loaded when they are needed.

    Raises:
        SpecError: `op` is no operation, its name cannot be that of a function or is taken, or it has no case.
    """
    from specs.registration import REGISTRY, Source

    names = sys._getframe(1).f_globals
    module = str(names.get("__name__", "")) if names.get("__name__") != "__main__" else str(names.get("__file__", ""))
    return REGISTRY.register(op, Source(name=module))


def load(name: str, folder: str = "") -> tuple[Op, ...]:
    """Imports a module ("package.module") or a file ("kernel.py") of operations, registers them and returns them.

    Args:
        folder: where the module is looked for besides; the current one when left out.

    Raises:
        SpecError: there is no such module or file, or no operation in it.
    """
    from specs.registration import REGISTRY

    return REGISTRY.load(name, folder)


__all__ = ["__version__", "built_in", "get", "load", "names", "register", "source"]
