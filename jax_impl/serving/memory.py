"""What a server does with the memory: weights, the workspace of a step, and pages of keys and values in the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jax

from jax_impl.serving.model import Model
from jax_impl.serving.programs import Buckets, Programs
from jax_impl.serving.scheduler import Limits

DEVICE_SHARE: Final = 0.9
"""Of what a device reports, unless the user says otherwise."""
HOST_SHARE: Final = 0.5
"""Of the machine's memory, on a CPU."""
_CONTROL_GROUP: Final = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """total: bytes, 0 where it is not known. share: of them that may be used. used: bytes that are taken already.

    kind: whose memory it is.
    """

    total: int
    share: float
    used: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """memory: what there is. weights, workspace: bytes. pages: how many, of page_bytes each. most: that can be used."""

    memory: Memory
    weights: int
    workspace: int
    page_bytes: int
    page_size: int
    pages: int
    most: int

    def lines(self) -> Iterator[str]:
        """For people."""
        total, share = self.memory.total, self.memory.share
        yield f"memory: {share:.0%} of {_mib(total)} ({self.memory.kind}), weights {_mib(self.weights)}"
        caches = f"{self.pages} pages of {self.page_size} tokens x {self.page_bytes} B = "
        full = ", all that its requests can use" if self.pages == self.most else ""
        yield f"caches: {caches}{_mib(self.pages * self.page_bytes)}{full}; workspace of a step {_mib(self.workspace)}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def memory_of(device: Any, share: float | None) -> Memory:
    """The memory of a device, or of this machine for a CPU, which reports none."""
    stats: dict[str, Any] = device.memory_stats() or {}
    limit = stats.get("bytes_limit")
    if limit is None and device.platform == "cpu":
        return Memory(total=host_bytes(), share=share or HOST_SHARE, used=0, kind="RAM")
    if limit is None:
        return Memory(total=0, share=share or DEVICE_SHARE, used=0, kind=f"{device.device_kind}, which reports none")
    used = int(stats.get("bytes_in_use", 0))
    return Memory(total=int(limit), share=share or DEVICE_SHARE, used=used, kind=str(device.device_kind))


def host_bytes() -> int:
    """Bytes of RAM, or of the container's part of it."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(_CONTROL_GROUP.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or one without a limit: "max"
        return physical


def plan(model: Model, limits: Limits, page_size: int, memory: Memory, pages: int | None = None) -> MemoryPlan:
    """Pages for the caches of a model that is on the device.

    Args:
        memory: what there is. pages: how many; None for as many as fit, and requests can use.

    Raises:
        ValueError: no room for one request of `limits.length` tokens, or a device that does not say what it has.
    """
    if pages is None and memory.total == 0:
        raise ValueError(f"memory: expected a device that reports its own; got {memory.kind}: give --pages")
    table = -(-limits.length // page_size)
    most, page_bytes = limits.requests * table, model.page_bytes(page_size)
    devices = 1 if model.mesh is None else model.mesh.size
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(model.weights)) // devices + model.cos_sin.nbytes
    buckets = Buckets(tokens=max(limits.tokens, limits.requests), requests=limits.requests, pages=table)
    caches = jax.eval_shape(lambda: model.caches(table, page_size))
    workspace = Programs(model, caches, buckets).workspace()
    if pages is None:
        room = int(memory.total * memory.share) - max(memory.used, weights) - workspace
        pages = min(most, max(0, room) // page_bytes)
        if pages < table:
            raise ValueError(
                f"memory: expected room for {table} pages of {page_bytes} B, one request of {limits.length} tokens, in "
                f"{memory.share:.0%} of {_mib(memory.total)} beside weights of {_mib(weights)} and a workspace of "
                f"{_mib(workspace)}; got room for {pages}. A smaller --max-length or a larger --memory helps."
            )
    return MemoryPlan(
        memory=memory,
        weights=weights,
        workspace=workspace,
        page_bytes=page_bytes,
        page_size=page_size,
        pages=pages,
        most=most,
    )
