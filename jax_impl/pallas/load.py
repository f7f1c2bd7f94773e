"""Generated Pallas source to a kernel function, without writing a file."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=4096)
def load_kernel(source: str, name: str) -> Callable[..., None]:
    """The kernel function `name` of `source`."""
    filename = f"<generated {name} {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"generated_{name}"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - running generated source is the point
    kernel: Callable[..., None] = namespace[name]
    return kernel
