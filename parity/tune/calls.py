"""Calls with chosen tunables in both frameworks: their results, and queues of them to be timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parity.judge.frameworks import FRAMEWORKS, Results, from_jax, from_torch, to_jax, to_torch
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, decode
from parity.tune.space import Config, Space, freeze
from parity.tune.timing import Queue
from specs.lang.declare.kernel import Access
from specs.lang.errors import Unsupported
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tuned.measured import trying
from specs.tuned.rows import Place

SETS: Final = 16
"""Input sets on a GPU, of calls small enough for its cache."""
GPU_OPTIONS: Final = ("num_warps", "num_stages")
CACHE: Final = 1 << 28
"""Bytes of arrays that sets of inputs are to have together: more than a GPU's cache holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """A call of one implementation on a device. implementation: as "framework:implementation"."""

    inputs: Inputs
    implementation: str
    device: str
    _sets: list[list[Any]] = field(default_factory=list, init=False)
    _made: dict[Config, Callable[..., list[Any]]] = field(default_factory=dict, init=False)

    @property
    def framework(self) -> str:
        """The framework alone."""
        return self.implementation.partition(":")[0]

    @property
    def backend(self) -> str:
        """The implementation alone."""
        return self.implementation.partition(":")[2]

    def place(self) -> Place:
        """Where it runs, as tables name it."""
        found: Place | None
        if self.framework == "torch":
            import torch

            from torch_impl.support import place_of as torch_place

            found = torch_place(torch.device(self.device), self.backend)
        else:
            from jax_impl.place import place_of as jax_place

            found = jax_place(FRAMEWORKS["jax"].platforms[self.device], self.backend)
        assert found is not None, f"{self.implementation} has no {self.device}"
        return found

    def launches(self) -> tuple[Launch, ...]:
        """What it launches with the default configurations.

        Raises:
            Unsupported: the implementation runs no tile programs, and so has nothing to tune.
        """
        known = FRAMEWORKS[self.framework]
        platform = known.platforms.get(self.device, self.device)
        target = known.backends[self.backend].target(platform)
        if target is None:
            raise Unsupported(f"tuning {self.implementation}", "it runs the framework's own product, without tunables")
        with trying({}):
            return tuple(launches(self.inputs.layout.call(), target.config, strides={}))

    def space(self) -> Space:
        """Tunables of its launches with the values that kernels declare.

        On a processor without a GPU's launch options, which change nothing there.
        """
        values: dict[str, tuple[int, ...]] = {}
        default: dict[str, int] = {}
        for launch in self.launches():
            default |= launch.tunables
            values |= {tunable.name: tuple(tunable.values) for tunable in launch.kernel.tunables}
        on_gpu = self.device != "cpu"
        if not on_gpu:
            values |= {name: (default[name],) for name in GPU_OPTIONS if name in values}
        return Space(values=values, default=freeze(default), registers=on_gpu)

    def results(self, config: Config) -> Results:
        """What it returns and writes with a configuration, on inputs of its own."""
        op, arrays = self.inputs.op, self._arrays()
        function = self._function(config)
        with trying(dict(config)):
            if self.framework == "torch":
                fresh = function(arrays)
                written = {a.name: x for a, x in zip(op.inputs, arrays, strict=True) if a.access is Access.INOUT}
                names = [a.name for a in op.outputs if a.name in self.inputs.layout.call().shapes]
                written |= zip(names, fresh, strict=True)
                return {name: from_torch(x) for name, x in written.items() if x is not None}
            with self._wide():
                returned = function(*(x for x in arrays if x is not None))
        shapes = self.inputs.layout.call().shapes
        results = [a.name for a in (*op.mutated, *op.outputs) if a.name in shapes]
        return {name: from_jax(x) for name, x in zip(results, returned, strict=True)}

    def queue(self, config: Config) -> Queue:
        """Calls with a configuration, compiled and run once."""
        sets, function = self._inputs(), self._function(config)
        with trying(dict(config)):
            if self.framework == "torch":
                return _torch_queue([_bound(function, arrays) for arrays in sets], self.device)
            with self._wide():
                return _jax_queue(function, [[x for x in arrays if x is not None] for arrays in sets])

    def _attributes(self) -> tuple[object, ...]:
        return tuple(self.inputs.attributes[attribute.name] for attribute in self.inputs.op.attributes)

    def _function(self, config: Config) -> Callable[..., list[Any]]:
        """The call prepared with a configuration, once for its results and its queue; the last one is kept."""
        if config not in self._made:
            self._made.clear()
            with trying(dict(config)), self._wide():
                self._made[config] = self._prepared()
        return self._made[config]

    def _prepared(self) -> Callable[..., list[Any]]:
        op, arrays = self.inputs.op, self._inputs()[0]
        if self.framework == "torch":
            from torch_impl.launch import prepare as prepare_torch

            return prepare_torch(op, arrays, self._attributes(), self.backend)
        from jax_impl.launch import prepare as prepare_jax

        return prepare_jax(op, arrays, self._attributes(), self.backend)

    def _wide(self) -> Any:
        """64-bit integers switched on, for calls that have some."""
        if self.framework != "jax":
            return nullcontext()
        import jax

        wide = any(form.storage_bits == 64 for form in self.inputs.layout.call().formats.values())
        return jax.enable_x64(True) if wide else nullcontext()

    def _arrays(self) -> list[Any]:
        given, put = self.inputs, to_torch if self.framework == "torch" else to_jax
        made = {name: put(raw, given.formats[name], self.device) for name, raw in given.arrays.items()}
        return [made.get(array.name) for array in given.op.inputs]

    def _inputs(self) -> list[list[Any]]:
        """Sets of arrays, made once."""
        if not self._sets:
            size = max(1, sum(raw.nbytes for raw in self.inputs.arrays.values()))
            count = 1 if self.device == "cpu" else min(SETS, 1 + CACHE // size)
            with self._wide():
                self._sets.extend(self._arrays() for _ in range(count))
        return self._sets


def _bound(function: Callable[[Sequence[Any]], object], arrays: Sequence[Any]) -> Callable[[], object]:
    return lambda: function(arrays)


def _torch_queue(calls: Sequence[Callable[[], object]], device: str) -> Queue:
    """One pass over calls; on CUDA devices as a graph, which takes the host no time."""
    for call in calls:
        call()
    enqueue: Callable[[], None]
    kept: list[object] = []

    def plain() -> None:
        kept[:] = [call() for call in calls]

    enqueue, method = plain, "plain calls"
    if device == "cuda":
        import torch

        _synchronise()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            plain()
        enqueue, method = graph.replay, "graph"
    wait = _nothing if device == "cpu" else _synchronise
    return Queue(enqueue=enqueue, wait=wait, calls=len(calls), method=method, keep=(kept, calls))


def _synchronise() -> None:
    import torch

    torch.accelerator.synchronize()


def _nothing() -> None:
    """A processor's calls have ended when they return."""


def _jax_queue(function: Callable[..., Any], sets: Sequence[Sequence[Any]]) -> Queue:
    """One pass: all sets in one executable."""
    import jax

    def program(given: Sequence[Sequence[Any]]) -> list[Any]:
        return [function(*arrays) for arrays in given]

    if len(sets) > 1:
        program = jax.jit(program)
    last: list[Any] = [program(sets)]

    def enqueue() -> None:
        last.clear()
        last.append(program(sets))

    def wait() -> None:
        jax.block_until_ready(last)

    wait()
    return Queue(enqueue=enqueue, wait=wait, calls=len(sets), method="one executable", keep=(sets,))


def differs(inputs: Inputs, results: Results, reference: Results) -> str:
    """How results differ from the default's more than other tunables may make them; empty where they do not.

    Exact results and integers have the same bytes. Others may differ by the order of their sums: by less than one
    rounding of the result's format, in the norm of the whole.
    """
    for name, old in reference.items():
        new = results[name]
        if np.array_equal(bit_view(new.raw), bit_view(old.raw)):
            continue
        if inputs.op.accuracy_of(name).exact or not old.form.is_float:
            return f"{name} has other bytes than the default's"
        one, other = decode(new.raw, old.form), decode(old.raw, old.form)
        finite = np.isfinite(other)
        if not np.array_equal(np.isfinite(one), finite):
            return f"{name} has infinities or NaN at other places than the default's"
        found = float(np.linalg.norm(one[finite] - other[finite]))
        if found > old.form.unit_roundoff * float(np.linalg.norm(other[finite])):
            return f"{name} differs from the default's by more than a rounding"
    return ""
