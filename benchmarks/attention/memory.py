"""Device memory that one call allocates."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.environment import prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes of one call.

    results: what it returns. peak: the most that was allocated at a time besides what was there, results included.
    planned: results and temporaries as the compiler states them, where there is a compiler that does.
    """

    results: int
    peak: int | None
    planned: int | None = None

    @property
    def beyond(self) -> int | None:
        """What the peak holds besides the results: temporaries such as the partial results of splits."""
        return None if self.peak is None else self.peak - self.results

    def describe(self) -> str:
        """One line in MB."""
        texts = [f"results {self.results / 1e6:.2f} MB"]
        if self.beyond is not None:
            texts.append(f"beyond them {self.beyond / 1e6:.2f} MB")
        if self.planned is not None:
            texts.append(f"compiler's temporaries {(self.planned - self.results) / 1e6:.2f} MB")
        return ", ".join(texts)


def torch_usage(function: Callable[..., Any], inputs: Sequence[Any]) -> Usage:
    """Of one call after others (compiled, schedules made), on a CUDA device.

    Counts requested bytes: `max_memory_allocated` counts the allocator's blocks, up to 2 MB larger each.
    """
    import torch

    for _ in range(2):
        function(*inputs)
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_stats()["requested_bytes.all.current"]
    found = function(*inputs)
    torch.cuda.synchronize()
    peak = torch.cuda.memory_stats()["requested_bytes.all.peak"] - before
    results = found if isinstance(found, (tuple, list)) else [found]
    return Usage(results=sum(result.numel() * result.element_size() for result in results), peak=peak)


def jax_usage(function: Callable[..., Any], arrays: Sequence[Any]) -> Usage:
    """Of one execution of the jitted function.

    The device's peak cannot be reset. Memory is therefore filled up to the peak so far, so that the call sets a new
    one. Small allocations may get blocks larger than they ask for.
    """
    prepare()
    import jax
    import jax.numpy as jnp

    given = [array for array in arrays if array is not None]
    places = [i for i, array in enumerate(arrays) if array is not None]

    def program(*values: Any) -> Any:
        filled = list(arrays)
        for place, value in zip(places, values, strict=True):
            filled[place] = value
        return function(*filled)

    compiled = jax.jit(program).lower(*given).compile()
    plan = compiled.memory_analysis()
    planned = None if plan is None else plan.output_size_in_bytes + plan.temp_size_in_bytes
    results = sum(leaf.nbytes for leaf in jax.tree.leaves(jax.block_until_ready(compiled(*given))))
    device = jax.devices()[0]
    stats = device.memory_stats()
    if not stats:
        return Usage(results=results, peak=None, planned=planned)
    ballast = jax.block_until_ready(jnp.zeros((max(1, stats["peak_bytes_in_use"] - stats["bytes_in_use"]),), jnp.uint8))
    before = device.memory_stats()["bytes_in_use"]
    jax.block_until_ready(compiled(*given))
    peak = device.memory_stats()["peak_bytes_in_use"] - before
    del ballast
    return Usage(results=results, peak=peak, planned=planned)
