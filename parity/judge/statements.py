"""The first statement at which an array library computes something else than numpy does.

The program of a call runs statement by statement on numpy, then on the other library, which gets numpy's operands for
every statement: a difference is the statement's own, and not one that it was passed. Statements that are exact have to
give the same bits; sums, products of matrices and functions of hardware accuracy their rounding (docs/authoring.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan, prod
from typing import Any, Final

import numpy as np

from parity.judge.frameworks import JAX_PLATFORMS
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BOOL, F32, ElementFormat
from specs.tile.interpret.arrayops import NUMPY, NUMPY_DTYPES, ArrayOps
from specs.tile.interpret.executor import Buffer, Run
from specs.tile.ir import COMPARISONS, Opcode, Operation
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.passes.accesses import swapped
from specs.tile.targets import EXECUTOR

Array = np.ndarray[Any, Any]
FUNCTIONS: Final = frozenset({Opcode.EXP2, Opcode.LOG2, Opcode.SQRT})
ARITHMETIC: Final = frozenset({Opcode.ADD, Opcode.SUB, Opcode.MUL, Opcode.DIV, Opcode.CAST})
STEPS: Final = 8
"""Roundoffs of a function of hardware accuracy; `exp2` of x has |x| besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An array library that runs programs.

    there, back: from numpy and to it, of a format.
    """

    name: str
    ops: ArrayOps
    there: Callable[[Array, ElementFormat], Any]
    back: Callable[[Any, ElementFormat], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A statement that gives something else.

    kernel, statement, where: of which kernel, which operation (as the IR calls it) on which line of the author's.
    variable: what the author calls its result; "" where it has no name.
    count: statements that ran before it, of this call. wrong: elements that differ, of `elements`.
    index, got, expected: the worst of them.
    raised: the exception of a statement that gives nothing, as text; there are no elements then.
    """

    kernel: str
    statement: str
    variable: str
    where: str
    count: int
    wrong: int
    elements: int
    index: tuple[int, ...] = ()
    got: float = nan
    expected: float = nan
    raised: str = ""


class FirstDifference(Exception):
    """Ends a run at the statement that differs, `number`; facts: what a `Difference` says of it."""

    def __init__(self, number: int, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.number, self.facts = number, facts


@dataclass(frozen=True, slots=True)
class Entry:
    """What a statement gave on numpy.

    bound: how far another result may be from it; None for the same bits.
    flushed: what it gives where subnormal numbers are taken for zero, if that is something else.
    """

    op: Operation
    arrays: list[Array]
    bound: Array | None
    flushed: Array | None


def numpy_library() -> Library:
    """numpy itself."""
    return Library(name="numpy", ops=NUMPY, there=lambda x, _: x, back=lambda x, _: np.asarray(x))


def torch_library(device: str) -> Library:
    """The arrays of torch:eager."""
    import torch

    from torch_impl.eager.arrayops import TorchOps
    from torch_impl.formats import DTYPES

    def there(x: Array, form: ElementFormat) -> Any:
        bits = np.array(x, order="C")
        own = torch.from_numpy(bits if form == BOOL else bits.view(f"i{x.dtype.itemsize}")).view(DTYPES[form])
        return own.to(device)

    def back(x: Any, form: ElementFormat) -> Array:
        integers = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        bits = x.contiguous() if form == BOOL else x.contiguous().view(integers[x.element_size()])
        return np.asarray(bits.cpu().numpy().view(NUMPY_DTYPES[form]))

    return Library(name="torch:eager", ops=TorchOps(torch.device(device)), there=there, back=back)


def jax_library(device: str) -> Library:
    """The arrays of jax:xla, on JAX's default device, which is `device` (see `library_for`)."""
    del device
    import jax.numpy as jnp

    from jax_impl.xla.arrayops import JAX_OPS

    return Library(name="jax:xla", ops=JAX_OPS, there=lambda x, _: jnp.asarray(x), back=lambda x, _: np.asarray(x))


LIBRARIES: Final[Mapping[str, Callable[[str], Library]]] = {"torch:eager": torch_library, "jax:xla": jax_library}
"""By the implementation whose arrays they are."""


def first_difference(inputs: Inputs, implementation: str, device: str = "cpu") -> Difference | None:
    """The first statement of a call at which an implementation parts from numpy.

    Raises:
        Unsupported: the implementation does not run statement by statement.
    """
    done = 0
    with library_for(inputs, implementation, device) as library:
        for launch, entries, memory in recorded(inputs):
            follower = Follower.start(launch, library, memory)
            follower.entries = entries
            try:
                follower.run(launch)
            except FirstDifference as found:
                return Difference(kernel=launch.program.name, count=done + found.number, **found.facts)
            done += len(entries)
    return None


@contextmanager
def library_for(inputs: Inputs, implementation: str, device: str) -> Iterator[Library]:
    """The library of an implementation, in a context in which it runs the call.

    Raises:
        Unsupported: the implementation does not run statement by statement.
    """
    if implementation not in LIBRARIES:
        raise Unsupported(f"bisecting {implementation}", f"statements run one by one in {', '.join(LIBRARIES)}")
    library = LIBRARIES[implementation](device)
    if not implementation.startswith("jax:"):
        yield library
        return
    import jax

    wide = any(form.storage_bits == 64 for form in inputs.layout.call().formats.values())
    where = jax.devices(JAX_PLATFORMS[device])[0]
    with jax.enable_x64(wide or jax.config.read("jax_enable_x64")), jax.disable_jit(), jax.default_device(where):
        yield library


def recorded(inputs: Inputs) -> Iterator[tuple[Launch, list[Entry], dict[str, Array]]]:
    """The launches of a call, what their statements give on numpy, and memory as bytes before each."""
    call = inputs.layout.call()
    memory = {name: np.array(raw).reshape(-1).view(np.uint8) for name, raw in inputs.arrays.items()}
    for array in (*call.op.outputs, *call.op.temporaries):
        if array.name in call.shapes:
            size = prod(call.shapes[array.name]) * call.formats[array.name].storage_bits // 8
            memory[array.name] = np.zeros(size, np.uint8)
    for launch in launches(call, EXECUTOR, strides={array.name: None for array in call.op.inputs}):
        if prod(launch.grid):
            before = {name: flat.copy() for name, flat in memory.items()}
            recorder = _Recorder.start(launch, numpy_library(), memory)
            recorder.run(launch)
            yield launch, recorder.entries, before


class _Watched(Run):
    """A run of all programs at once, with what every statement gave."""

    library: Library
    state: dict[str, Any]

    @classmethod
    def start(cls, launch: Launch, library: Library, memory: Mapping[str, Array]) -> Any:
        """A run on memory as bytes."""
        buffers: dict[str, Buffer] = {}
        for param in launch.program.arrays:
            name, place = launch.arrays[param.name]
            flat, strides = memory[name].view(NUMPY_DTYPES[param.element]), place.strides
            if param.swapped:
                flat, strides = swapped(flat, place)
            buffers[param.name] = Buffer(library.there(flat, param.element), strides)
        run = cls(launch.program, library.ops, buffers, launch.sizes, launch.grid)
        run.library = library
        return run

    def run(self, launch: Launch) -> None:
        """All programs."""
        points = self.library.ops.arange(prod(launch.grid))
        with np.errstate(all="ignore"):
            self.chunk({name: buffer.flat for name, buffer in self.buffers.items()}, points, None)

    def given(self, op: Operation) -> list[tuple[Any, ElementFormat]]:
        """What a statement left: results, or the array that it stored to."""
        if op.code is Opcode.STORE:
            name = str(op.attrs["array"])
            return [(self.memory[name], self.program.array(name).element)]
        return [(self.env[id(result)], result.type.element) for result in op.results if id(result) in self.env]


class _Recorder(_Watched):
    """On numpy."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.entries: list[Entry] = []

    def step(self, op: Operation) -> None:
        super().step(op)
        arrays = [np.array(array) for array, _ in self.given(op)]
        self.entries.append(Entry(op, arrays, self._bound(op, arrays), self._flushed(op)))

    def _flushed(self, op: Operation) -> Array | None:
        if op.code not in ARITHMETIC and op.code not in COMPARISONS:
            return None
        kept = {id(value): self.env[id(value)] for value in op.operands}
        zeroed = {key: _without_subnormals(array) for key, array in kept.items()}
        if all(zeroed[key] is kept[key] for key in kept):
            return None
        self.env.update(zeroed)
        found = np.asarray(self.compute(op))
        self.env.update(kept)
        return found

    def _bound(self, op: Operation, results: list[Array]) -> Array | None:
        """How far another result of a statement may be."""
        u, code = F32.unit_roundoff, op.code
        if code in FUNCTIONS:
            steps = np.asarray(float(STEPS))
            if code is Opcode.EXP2:  # a library may round x log(2) and take exp of it
                argument = np.abs(self.of(op.operands[0]).astype(np.float64))
                steps = STEPS + np.where(np.isfinite(argument), argument, 0.0)
            return np.asarray(steps * u * np.abs(results[0].astype(np.float64)) + F32.min_normal)
        if code in (Opcode.SUM, Opcode.CUMSUM) and results[0].dtype.kind == "f":
            size = np.abs(self.of(op.operands[0]).astype(np.float64))
            axis = int(op.attrs["axis"]) + 1  # type: ignore[call-overload]
            total = size.sum(axis) if code is Opcode.SUM else size.cumsum(axis)
            return np.asarray(2 * size.shape[axis] * u * total + F32.min_normal)
        if code is Opcode.DOT:
            a, b, *acc = (np.abs(self.of(value).astype(np.float64)) for value in op.operands)
            total = np.matmul(a, b) + (acc[0] if acc else 0.0)
            return np.asarray(2 * (a.shape[-1] + 1) * u * total + F32.min_normal)
        return None


class Follower(_Watched):
    """On another library, with numpy's operands."""

    entries: list[Entry]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.at = 0

    def step(self, op: Operation) -> None:
        try:
            super().step(op)
            arrays = [self.library.back(array, form) for array, form in self.given(op)]
        except FirstDifference:
            raise
        except Exception as error:  # whatever a wrong primitive brings about, such as an index that is out of bounds
            raise self.failed(op, f"{type(error).__name__}: {error}") from error
        entry = self.entries[self.at]
        assert entry.op is op
        same = all(same_bits(array, expected) for array, expected in zip(arrays, entry.arrays, strict=True))
        self.look(entry, arrays, same=same)
        self.at += 1
        if not same:
            self._take(op, entry)

    def failed(self, op: Operation, raised: str) -> FirstDifference:
        """What ends the run at a statement that gives nothing."""
        return FirstDifference(self.at, {"wrong": 0, "elements": 0, "raised": raised, **named(op)})

    def look(self, entry: Entry, arrays: list[Array], *, same: bool) -> None:
        """Looks at what a statement gives. same: whether it has numpy's bits."""
        for array, expected in zip(arrays, entry.arrays, strict=True) if not same else ():
            difference = compared(array, expected, entry.bound, (entry.flushed,))
            if difference is not None:
                raise FirstDifference(self.at, {**named(entry.op), **difference})

    def _take(self, op: Operation, entry: Entry) -> None:
        """Goes on with what numpy has."""
        there = self.library.there
        if op.code is Opcode.STORE:
            name = str(op.attrs["array"])
            self.memory[name] = there(entry.arrays[0], self.program.array(name).element)
            return
        known = [result for result in op.results if id(result) in self.env]
        for result, array in zip(known, entry.arrays, strict=True):
            self.env[id(result)] = there(array, result.type.element)


def named(op: Operation) -> dict[str, str]:
    """What a statement is called, and where it is."""
    names = [result.name for result in op.results if result.name]
    code = op.code.name.lower().rstrip("_")
    return {"statement": code, "variable": names[0] if names else "", "where": str(op.where)}


def _without_subnormals(x: Array) -> Array:
    """The same array where it has none."""
    if x.dtype != np.float32 and x.dtype.name != "bfloat16":
        return x
    small = (x != 0) & (np.abs(x.astype(np.float64)) < F32.min_normal)
    return np.where(small, np.zeros((), x.dtype), x) if small.any() else x


def same_bits(got: Array, expected: Array) -> bool:
    """Whether two arrays have the same dtype, shape and bits."""
    return (got.dtype, got.shape) == (expected.dtype, expected.shape) and np.array_equal(
        bit_view(got), bit_view(expected)
    )


def compared(
    got: Array, expected: Array, bound: Array | None, flushed: Sequence[Array | None]
) -> dict[str, Any] | None:
    """The worst element that differs, None where none does.

    bound: as of `Entry`. flushed: what the statement gives where subnormal numbers are taken for zero, as far as known.
    """
    got, expected = np.broadcast_arrays(got, expected)
    if got.dtype != expected.dtype:
        got = got.astype(expected.dtype)
    left, right = (np.nan_to_num(x.astype(np.float64), nan=1e300, posinf=2e300, neginf=-2e300) for x in (got, expected))
    error = np.abs(left - right)
    if bound is None:
        tiny = F32.min_normal if expected.dtype == np.float32 else 0.0  # where subnormal numbers are taken for zero
        bad = error > tiny
    else:
        bad = error > np.broadcast_to(bound, error.shape)
    for zeroed in flushed:
        if zeroed is not None:
            bad = bad & (got != np.broadcast_to(zeroed, got.shape))
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(bad, error, -1.0))), error.shape))
    values = {"got": float(got[index]), "expected": float(expected[index])}
    return {"wrong": int(bad.sum()), "elements": int(bad.size), "index": index, **values}
