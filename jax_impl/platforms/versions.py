"""Versions whose internals the platform code has been written for and tried with.

Internals move without notice, and code built on them can compile to a wrong kernel. Another version is refused.
"""

from __future__ import annotations

from importlib import metadata

import jax

from specs.extras import hint
from specs.lang.errors import Unsupported

JAX = ("0.10.2", "0.11.2", "0.12.0.1")
"""Versions of JAX whose Pallas lowering for Triton is known."""

PLUGIN = "jax-oneapi-pjrt"
PLUGINS = ("0.11.2",)
"""Versions of the oneAPI plugin whose defects are known (`defects`)."""

TRITON = ("3.6", "3.9")
"""Minor versions of Triton whose compiler front end is known, and whose IR the XLA of `JAX` reads."""


COMPILED = ("cuda", "oneapi")
"""Platforms whose XLA compiles Triton IR."""


def without_triton(platform: str) -> str:
    """Why XLA compiles no Triton IR on a platform that is not among `COMPILED`."""
    if platform == "sycl":
        return "intel-extension-for-openxla has no Triton in its XLA; jax-oneapi-pjrt has (platform oneapi)"
    return f"XLA compiles Triton's IR for {' and '.join(COMPILED)}, the arrays are on {platform}"


def check_jax() -> None:
    """Raises `Unsupported` for another version of JAX."""
    problem = jax_problem()
    if problem is not None:
        raise Unsupported("Pallas kernels on oneapi", problem)


def check_plugin() -> None:
    """Raises `Unsupported` for another version of the plugin. None at all is fine: lowering needs none."""
    problem = plugin_problem()
    if problem is not None:
        raise Unsupported("kernels on oneapi", problem)


def jax_problem() -> str | None:
    """Why the installed JAX is not taken, None if it is."""
    return _problem("jax", jax.__version__, JAX)


def plugin_problem() -> str | None:
    """Why the installed plugin is not taken, None if it is or where there is none."""
    found = installed(PLUGIN)
    return None if found is None else _problem(PLUGIN, found, PLUGINS)


def triton_problem() -> str | None:
    """Why the installed Triton is not taken, None if it is."""
    found = installed("triton")
    if found is None:
        return hint("triton")
    return None if found.rpartition(".")[0] in TRITON else _problem("triton", found, TRITON)


def installed(package: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _problem(package: str, found: str, known: tuple[str, ...]) -> str | None:
    if found in known:
        return None
    return f"{package} {found} is not known here: this was written for and tried with {' and '.join(known)}"
