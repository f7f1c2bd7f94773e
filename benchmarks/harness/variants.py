"""Our own operations as queues: through torch, through JAX, and both again with every call launched from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.harness.environment import prepare
from benchmarks.harness.inputs import Problem
from benchmarks.harness.queues import jax_plain, jax_queue, jax_sets, torch_plain, torch_queue
from benchmarks.harness.timing import Queue

Sets = Sequence[tuple[Any, ...]]
OURS_TORCH, OURS_JAX, OURS_JAX_TRITON = "ours torch", "ours jax", "ours jax, triton"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A variant before it is queued.

    build: makes the queue, which compiles.
    result: the first result of its first call as a float32 torch tensor, or None where it cannot be compared.
    """

    build: Callable[[], Queue]
    result: Callable[[], Any] | None = None


def generated(package: str, device: str) -> Any:
    """The first backend of a package that runs the programs of any operation on a device."""
    backends = import_module(f"{package}.backends").BACKENDS
    return next(name for name, backend in backends.items() if backend.why_not(None, device) is None)


def jax_backends(device: str) -> tuple[str, ...]:
    """Backends of JAX to be measured: those that generate kernels, or the first where none does."""
    from jax_impl.ahead import lowering

    return lowering(device) or (generated("jax_impl", device),)


def torch_function(given: Problem, device: str) -> Callable[..., Any]:
    """Our operation on torch tensors in signature order, attributes and implementation bound."""
    import torch_impl.ops

    function = getattr(torch_impl.ops, given.op.name)
    implementation = generated("torch_impl", device)
    return lambda *tensors: function(*tensors, **given.attributes, implementation=implementation)


def jax_function(given: Problem, device: str) -> Callable[..., Any]:
    """Our operation on JAX arrays in signature order."""
    prepare()
    import jax_impl.ops

    function = getattr(jax_impl.ops, given.op.name)
    implementation = generated("jax_impl", device)
    return lambda *arrays: function(*arrays, **given.attributes, implementation=implementation)


def torch_candidate(calls: Sequence[Callable[[], object]], device: str, compare: bool = True) -> Candidate:
    """A torch variant from its calls."""
    return Candidate(
        build=lambda: torch_queue(calls, device), result=(lambda: torch_float(calls[0]())) if compare else None
    )


def ours(given: Problem, sets: Sets, device: str, *, jax: bool, plain: bool) -> dict[str, Candidate]:
    """Our variants of a problem."""
    function = torch_function(given, device)
    calls = [partial(function, *tensors) for tensors in sets]
    found = {OURS_TORCH: torch_candidate(calls, device)}
    if plain and device != "cpu":
        found["ours torch, plain"] = Candidate(build=lambda: torch_plain(calls, device))
    if jax:
        arrays: list[Sets] = []

        def shared() -> Sets:
            # Converted once, when the first JAX variant is built.
            if not arrays:
                arrays.append(jax_sets(sets))
            return arrays[0]

        found[OURS_JAX] = Candidate(
            build=lambda: jax_queue(jax_function(given, device), shared()),
            result=lambda: jax_float(jax_function(given, device)(*shared()[0])),
        )
        if plain:
            found["ours jax, plain"] = Candidate(build=lambda: jax_plain(jax_function(given, device), shared()))
    return found


def of_backend(given: Problem, sets: Sets, device: str, backend: str) -> dict[str, Candidate]:
    """Our operation on a backend of torch that is no default; in mode block also with scales of A along its rows."""
    import torch_impl.ops

    function = getattr(torch_impl.ops, given.op.name)
    call = partial(function, **given.attributes, implementation=backend)
    found = {f"{OURS_TORCH}, {backend}": torch_candidate([partial(call, *tensors) for tensors in sets], device)}
    if given.attributes.get("scale_mode") == "block":
        moved = [(a, b, a_scale.t().contiguous().t(), *rest) for a, b, a_scale, *rest in sets]
        calls = [partial(call, *tensors) for tensors in moved]
        found[f"{OURS_TORCH}, {backend}, scales [K/128, M]"] = torch_candidate(calls, device)
    return found


def torch_float(result: Any) -> Any:
    """The first result as float32, where it is."""
    first = result[0] if isinstance(result, (tuple, list)) else result
    return first.detach().float()


def jax_float(result: Any) -> Any:
    """The first result as a float32 torch tensor on the CPU."""
    import numpy as np
    import torch

    first = result[0] if isinstance(result, (tuple, list)) else result
    return torch.from_numpy(np.asarray(first).astype(np.float32))


def difference(result: Any, reference: Any) -> float:
    """||result - reference|| / ||reference||, float64."""
    wide = reference.double()
    return float((result.to(wide.device).double() - wide).norm() / wide.norm())
