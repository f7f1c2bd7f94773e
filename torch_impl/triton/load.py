"""Generated Triton source to a callable kernel, without writing a file."""

from __future__ import annotations

import hashlib
import linecache
from functools import lru_cache
from typing import Any

from torch_impl.platforms import environment


@lru_cache(maxsize=4096)
def load_kernel(source: str, name: str) -> Any:
    """The `@triton.jit` function `name` of `source` (interpreted where Triton was imported so)."""
    environment.prepare()
    filename = f"<generated {name} {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"generated_{name}"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - running generated source is the point
    return namespace[name]


def interpreting() -> bool:
    """Whether kernels of this process are interpreted on the CPU."""
    environment.prepare()
    import triton

    return bool(triton.knobs.runtime.interpret)
