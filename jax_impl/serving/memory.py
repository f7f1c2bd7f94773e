"""What a server does with the memory: weights, the workspace of a step, and pages of keys and values in the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jax

from jax_impl.serving.buckets import Buckets
from jax_impl.serving.family import ServedModel
from jax_impl.serving.programs import Programs
from jax_impl.serving.scheduler import Limits
from specs.decoder.groups import CacheGroup, prefix_boundary

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
    """memory: what there is. weights, workspace: bytes.

    groups: of caches. pages: how many each of them has, by name. most: pages of the first one that can be used.
    """

    memory: Memory
    weights: int
    workspace: int
    groups: tuple[CacheGroup, ...]
    pages: Mapping[str, int]
    most: int

    @property
    def first(self) -> int:
        """Pages of the first group, which `Settings` has."""
        return self.pages[self.groups[0].name]

    def lines(self) -> Iterator[str]:
        """For people."""
        total, share = self.memory.total, self.memory.share
        yield f"memory: {share:.0%} of {_mib(total)} ({self.memory.kind}), weights {_mib(self.weights)}"
        full = ", all that its requests can use" if self.first == self.most else ""
        for group in self.groups:
            name = f"caches, {group.name}" if len(self.groups) > 1 else "caches"
            pages = self.pages[group.name]
            line = f"{name}: {pages} pages of {group.page_tokens} tokens x {group.page_bytes} B"
            end = f"{full}; workspace of a step {_mib(self.workspace)}" if group is self.groups[-1] else ""
            yield f"{line} = {_mib(pages * group.page_bytes)}{end}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _bytes(groups: Sequence[CacheGroup], pages: Mapping[str, int]) -> int:
    return sum(pages[group.name] * group.page_bytes for group in groups)


def buckets(groups: Sequence[CacheGroup], limits: Limits, drafts: int = 0) -> Buckets:
    """The sizes of steps. drafts: tokens that are drafted for every request, which have rows as requests have."""
    rows = limits.requests * (1 + drafts)
    return Buckets(tokens=max(limits.tokens, rows), requests=rows, pages=groups[0].pages(limits.length))


def pages_of_groups(groups: Sequence[CacheGroup], pages: int, limits: Limits) -> dict[str, int]:
    """Pages of every group beside `pages` pages of the first one: none of the others is full before it is."""
    first, boundary = groups[0], prefix_boundary(groups)
    sizes = {"requests": limits.requests, "step": limits.tokens, "boundary": boundary}
    others = {group.name: group.capacity(pages * first.page_tokens, **sizes) for group in groups[1:]}
    return {first.name: pages, **others}


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


def plan(model: ServedModel, limits: Limits, page_size: int, memory: Memory, pages: int | None = None) -> MemoryPlan:
    """Pages for the caches of a model that is on the device.

    Args:
        memory: what there is. pages: of the first group; None for as many as fit, and requests can use.

    Raises:
        ValueError: no room for one request of `limits.length` tokens, or a device that does not say what it has.
    """
    if pages is None and memory.total == 0:
        raise ValueError(f"memory: expected a device that reports its own; got {memory.kind}: give --pages")
    groups = model.groups(page_size)
    table = groups[0].pages(limits.length)
    most = limits.requests * table
    devices = 1 if model.mesh is None else model.mesh.size
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(model.weights)) // devices + model.table_bytes
    caches = jax.eval_shape(lambda: model.pools(groups, pages_of_groups(groups, table, limits)))
    workspace = Programs(model, groups, caches, buckets(groups, limits, model.drafts)).workspace()
    if pages is None:
        room = int(memory.total * memory.share) - max(memory.used, weights) - workspace
        # Groups with windows grow less than the first: more pages of it may fit than an even share says.
        fits = (n for n in range(most, 0, -1) if _bytes(groups, pages_of_groups(groups, n, limits)) <= room)
        pages = next(fits, 0)
        if pages < table:
            least = _bytes(groups, pages_of_groups(groups, table, limits))
            raise ValueError(
                f"memory: expected room for {table} pages, {least} B in all, one request of {limits.length} tokens, in "
                f"{memory.share:.0%} of {_mib(memory.total)} beside weights of {_mib(weights)} and a workspace of "
                f"{_mib(workspace)}; got room for {pages}. A smaller --max-length or a larger --memory helps."
            )
    return MemoryPlan(
        memory=memory,
        weights=weights,
        workspace=workspace,
        groups=groups,
        pages=pages_of_groups(groups, pages, limits),
        most=most,
    )
