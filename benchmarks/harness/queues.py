"""Queues of torch and of JAX work, and the baselines that say what a launch costs in each.

torch: the pass is captured into a CUDA graph and replayed; where capture fails, `triton.testing.do_bench` takes the
median over single calls, with the cache flushed before each. On a CPU the calls are simply run.

JAX: the pass is one jitted function that makes every call on an input set of its own and returns every result, so that
no call can be merged with another or dropped. One execution per pass is dispatched; the device works through the
queue. `plain` queues dispatch every call by itself from Python, which is what a user without an outer jit gets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.harness.environment import prepare
from benchmarks.harness.timing import Queue, describe_error

Calls = Sequence[Callable[[], object]]


def torch_queue(calls: Calls, device: str) -> Queue:
    """One pass over `calls`, as a graph where the device has graphs."""
    if device == "cpu":
        return torch_plain(calls, device)
    for call in calls:
        call()
    try:
        return _graph(calls)
    except RuntimeError as error:
        why = describe_error(error)
    return Queue(enqueue=_nothing, wait=_synchronise, calls=1, method=f"do_bench ({why})", measure=_do_bench(calls[0]))


def torch_plain(calls: Calls, device: str) -> Queue:
    """One pass over `calls`, each launched from Python."""
    last: list[object] = []

    def enqueue() -> None:
        last[:] = [call() for call in calls]

    wait = _nothing if device == "cpu" else _synchronise
    return Queue(enqueue=enqueue, wait=wait, calls=len(calls), method="plain calls", keep=(last,))


def _graph(calls: Calls) -> Queue:
    import torch

    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        # All results stay alive to the end of the capture, so that no two calls write the same memory.
        results = [call() for call in calls]
    return Queue(
        enqueue=graph.replay, wait=_synchronise, calls=len(calls), method="graph", keep=(graph, results, calls)
    )


def _do_bench(call: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        from triton.testing import do_bench

        return float(do_bench(call, return_mode="median")) / 1e3

    return measure


def _synchronise() -> None:
    import torch

    torch.cuda.synchronize()


def _nothing() -> None:
    """There is nothing to queue or to wait for."""


def jax_queue(function: Callable[..., Any], sets: Sequence[tuple[Any, ...]]) -> Queue:
    """One pass: `function` on every set, in one executable."""
    prepare()
    import jax

    program = jax.jit(lambda given: [function(*arrays) for arrays in given])
    last: list[Any] = []

    def enqueue() -> None:
        # Results of the pass before are given up first: the next ones then lie where they lay, as a torch graph's do,
        # and XLA need not write new addresses into its own graph.
        last.clear()
        last.append(program(sets))

    return Queue(enqueue=enqueue, wait=lambda: _block(last), calls=len(sets), method="one executable", keep=(sets,))


def jax_plain(function: Callable[..., Any], sets: Sequence[tuple[Any, ...]]) -> Queue:
    """One pass: `function` on every set, each dispatched from Python."""
    last: list[Any] = []

    def enqueue() -> None:
        last[:] = [function(*arrays) for arrays in sets]

    return Queue(enqueue=enqueue, wait=lambda: _block(last), calls=len(sets), method="plain calls", keep=(sets,))


def _block(results: list[Any]) -> None:
    import jax

    jax.block_until_ready(results)


def to_jax(tensor: Any) -> Any:
    """A JAX array with the bytes of a torch tensor, on the same device.

    Travels as integers, which every version of the exchange protocol knows; the element type is put back in JAX.
    """
    prepare()
    import jax
    import jax.numpy as jnp
    import torch

    from jax_impl.formats import dtype_of
    from torch_impl.formats import FORMATS

    if tensor is None:
        return None
    carriers = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
    raw = tensor.contiguous().view(carriers[tensor.element_size()])
    if raw.is_cuda:
        torch.cuda.synchronize()
    try:
        array = jax.dlpack.from_dlpack(raw)
    except Exception:  # noqa: BLE001 - whatever the protocol's complaint, a copy through the host works
        array = jnp.asarray(raw.cpu().numpy())
    goal = dtype_of(FORMATS[tensor.dtype])
    # A finished copy of its own: torch may free or reuse the memory of an exchanged array.
    copy = jnp.array(array if array.dtype == goal else jax.lax.bitcast_convert_type(array, goal))
    return jax.block_until_ready(copy)


def jax_sets(sets: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Input sets of torch tensors as input sets of JAX arrays."""
    return [tuple(to_jax(tensor) for tensor in tensors) for tensors in sets]


def torch_empty_queue(device: str, calls: int = 64) -> Queue:
    """The smallest kernel there is, launched the same way: the floor of the torch figures."""
    import torch

    tensors = [torch.zeros(128, device=device) for _ in range(calls)]
    return torch_queue([partial(tensor.add_, 1.0) for tensor in tensors], device)


def jax_empty_queue(calls: int = 64) -> Queue:
    """The smallest Pallas kernel, launched the same way: the floor of the JAX figures."""
    prepare()
    import jax
    import jax.numpy as jnp
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import triton as plgpu

    def kernel(x_ref: Any, out_ref: Any) -> None:
        out_ref[...] = x_ref[...] + 1.0

    interpret = jax.default_backend() == "cpu"
    shape = jax.ShapeDtypeStruct((128,), jnp.float32)
    params = plgpu.CompilerParams(num_warps=4, num_stages=1)
    call = pl.pallas_call(kernel, out_shape=shape, interpret=interpret, name="empty", compiler_params=params)
    return jax_queue(call, [(jnp.full((128,), float(i)),) for i in range(calls)])
