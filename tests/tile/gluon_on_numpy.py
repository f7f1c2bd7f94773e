"""Runs generated Gluon source on the CPU, with numpy: roles are threads, barriers and copies do the worst they may.

Copies to shared memory are made when a role waits for them, products read their operands when they are waited for, and
stores leave shared memory when they are waited for. What a kernel reads too early is NaN or the step before, and what
waits for ever is reported.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from threading import Condition, Thread, current_thread
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np

Raw = np.ndarray[Any, Any]
SECONDS = 60  # until a wait is taken for a deadlock
DTYPES = {
    "float8e4nv": ml_dtypes.float8_e4m3fn,
    "float8e5": ml_dtypes.float8_e5m2,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float32": np.float32,
    "int64": np.int64,
    "int32": np.int32,
    "uint8": np.uint8,
}


class Tile(np.ndarray[Any, Any]):
    """A tile in registers."""

    def to(self, dtype: Any, bitcast: bool = False) -> Any:
        """A cast, or the same bits."""
        return self.view(dtype) if bitcast else self.astype(dtype)


class Pointer:
    """Pointers into flat memory."""

    def __init__(self, flat: Raw, offsets: Any = 0) -> None:
        self.flat, self.offsets = flat, offsets

    def __add__(self, other: Any) -> Pointer:
        return Pointer(self.flat, self.offsets + other)

    def load(self, mask: Any = None, other: Any = 0) -> Any:
        """What they point to."""
        offsets = np.asarray(self.offsets)
        live = np.broadcast_to(True if mask is None else mask, offsets.shape)
        assert ((offsets >= 0) & (offsets < len(self.flat)))[live].all(), "reads outside of the array"
        return np.where(live, self.flat[np.where(live, offsets, 0)], np.asarray(other, self.flat.dtype)).view(Tile)

    def store(self, value: Any, mask: Any = None) -> None:
        """Writes there."""
        offsets = np.asarray(self.offsets)
        live = np.broadcast_to(True if mask is None else mask, offsets.shape)
        assert ((offsets >= 0) & (offsets < len(self.flat)))[live].all(), "writes outside of the array"
        self.flat[offsets[live]] = np.broadcast_to(value, offsets.shape)[live]


class Descriptor:
    """A tensor descriptor: a matrix in memory, and the shape of its blocks."""

    def __init__(self, memory: Raw, block: Sequence[int]) -> None:
        assert memory.strides[-1] == memory.itemsize
        assert all(stride % 16 == 0 for stride in memory.strides[:-1])
        self.memory, self.block = memory, tuple(block)
        self.dtype, self.layout = memory.dtype, "shared"

    def piece(self, starts: Sequence[Any]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Which part of the matrix a block covers, and which part of the block that is."""
        inside = [
            (max(int(start), 0), max(min(int(start) + count, size), 0))
            for start, count, size in zip(starts, self.block, self.memory.shape, strict=True)
        ]
        theirs = tuple(slice(a, max(a, b)) for a, b in inside)
        own = tuple(slice(a - int(s), max(a, b) - int(s)) for (a, b), s in zip(inside, starts, strict=True))
        return theirs, own


class Shared:
    """Shared memory, garbage at first."""

    def __init__(self, memory: Raw) -> None:
        self.memory = memory

    def index(self, number: Any) -> Any:
        """One of its parts; the barrier where it has barriers."""
        return self.memory[int(number)] if self.memory.dtype == object else Shared(self.memory[int(number)])

    def permute(self, order: Sequence[int]) -> Shared:
        """The same memory in another order."""
        return Shared(self.memory.transpose(order))

    def load(self, layout: Any) -> Any:
        """A tile in registers."""
        assert layout is not None
        return self.memory.copy().view(Tile)

    def store(self, value: Any) -> None:
        """Writes a tile."""
        assert value.dtype == self.memory.dtype
        assert value.shape == self.memory.shape
        self.memory[...] = value


class Barrier:
    """An mbarrier: a phase ends when all have arrived and all bytes have come."""

    def __init__(self) -> None:
        self.count = self.left = self.bytes = self.phase = 0
        self.copies: list[Callable[[], None]] = []


class Machine:
    """One streaming multiprocessor at a time, and what Gluon's modules offer."""

    def __init__(self, programs: int) -> None:
        self.programs, self.program = programs, 0
        self.changed = Condition()
        self.failures: list[BaseException] = []
        self.copied = 0

    # -- mbarrier ------------------------------------------------------------------------------------------------

    def init(self, barrier: Barrier, count: int) -> None:
        barrier.count = barrier.left = count

    def arrive(self, barrier: Barrier, count: int = 1) -> None:
        with self.changed:
            barrier.left -= count
            assert barrier.left >= 0, "more arrivals than the barrier counts"
            self._settle(barrier)

    def expect(self, barrier: Barrier, count: int) -> None:
        with self.changed:
            barrier.bytes += count
            barrier.left -= 1
            assert barrier.left >= 0, "two steps are copied into one slot"
            self._settle(barrier)

    def wait(self, barrier: Barrier, phase: int) -> None:
        """Copies are made when somebody waits for them, in any role."""
        with self.changed:
            for copy in barrier.copies:
                copy()
            barrier.copies.clear()
            self._settle(barrier)
            done = self.changed.wait_for(lambda: barrier.phase != phase or self.failures or barrier.copies, SECONDS)
            assert done, "deadlock: a barrier that nobody completes"
            if self.failures:
                raise RuntimeError("another role failed")
        if barrier.phase == phase:
            self.wait(barrier, phase)

    def _settle(self, barrier: Barrier) -> None:
        assert barrier.bytes >= 0 or barrier.left, "more bytes than the barrier expects"
        if not barrier.left and not barrier.bytes:
            barrier.left, barrier.phase = barrier.count, barrier.phase ^ 1
            self.changed.notify_all()

    # -- tma -----------------------------------------------------------------------------------------------------

    def load(self, descriptor: Descriptor, starts: Sequence[Any], barrier: Barrier, target: Shared) -> None:
        assert target.memory.shape == descriptor.block

        def copy() -> None:
            theirs, own = descriptor.piece(starts)
            target.memory[...] = 0
            target.memory[own] = descriptor.memory[theirs]
            barrier.bytes -= target.memory.nbytes
            self.copied += target.memory.nbytes

        with self.changed:
            barrier.copies.append(copy)
            self.changed.notify_all()

    def store(self, descriptor: Descriptor, starts: Sequence[Any], source: Shared) -> None:
        assert source.memory.shape == descriptor.block

        def copy() -> None:
            theirs, own = descriptor.piece(starts)
            descriptor.memory[theirs] = source.memory[own]

        self.pending().append(copy)

    def pending(self) -> list[Callable[[], None]]:
        """Stores of the running role."""
        waiting: list[Callable[[], None]] = current_thread().__dict__.setdefault("stores", [])
        return waiting

    def store_wait(self, pendings: int) -> None:
        assert pendings == 0
        for copy in self.pending():
            copy()
        self.pending().clear()

    # -- products ------------------------------------------------------------------------------------------------

    def mma(self, a: Shared, b: Shared, acc: Raw, use_acc: bool = True, is_async: bool = False) -> Callable[[], Raw]:
        assert is_async
        assert a.memory.shape[0] == 64
        return lambda: (
            ((acc if use_acc else 0) + a.memory.astype(np.float32) @ b.memory.astype(np.float32))
            .astype(np.float32)
            .view(Tile)
        )

    # -- roles ---------------------------------------------------------------------------------------------------

    def specialize(self, roles: Sequence[Any], warps: Sequence[int], registers: Sequence[int]) -> None:
        """Runs all roles; each is a thread."""
        assert len(warps) == len(registers) == len(roles) - 1

        def run(function: Callable[..., None], arguments: Sequence[Any]) -> None:
            try:
                with np.errstate(all="ignore"):
                    function(*arguments)
                assert not self.pending(), "stores that nobody waits for"
            except BaseException as failure:  # noqa: BLE001 - raised by the caller
                with self.changed:
                    self.failures.append(failure)
                    self.changed.notify_all()

        threads = [Thread(target=run, args=role, daemon=True) for role in roles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def allocate(self, dtype: Any, shape: Sequence[int], layout: Any) -> Shared:
        assert layout is not None
        if dtype is np.int64:
            return Shared(np.array([Barrier() for _ in range(shape[0])], object))
        return Shared(
            np.frombuffer(bytearray(b"\xff" * (int(np.prod(shape)) * np.dtype(dtype).itemsize)), dtype).reshape(shape)
        )

    def modules(self) -> dict[str, Any]:
        """What the source imports, by name."""
        gl = SimpleNamespace(
            **DTYPES,
            constexpr=None,
            static_range=range,
            program_id=lambda _axis: self.program,
            num_programs=lambda _axis: self.programs,
            cdiv=lambda a, b: -(-a // b),
            minimum=np.minimum,
            maximum=np.maximum,
            where=np.where,
            abs=np.abs,
            exp2=np.exp2,
            full=lambda shape, value, dtype, _layout: np.full(shape, value, dtype).view(Tile),
            arange=lambda start, end, _layout: np.arange(start, end, dtype=np.int32).view(Tile),
            load=lambda pointer, mask=None, other=0: pointer.load(mask, other),
            store=lambda pointer, value, mask=None: pointer.store(value, mask),
            cast=lambda x, dtype, bitcast=False: np.asarray(x).view(Tile).to(dtype, bitcast),
            barrier=lambda: None,
            allocate_shared_memory=self.allocate,
            warp_specialize=self.specialize,
            NVMMADistributedLayout=lambda **fields: ("product", *fields),
            SliceLayout=lambda axis, parent: ("slice", axis, parent),
        )
        return {
            "gluon": SimpleNamespace(jit=lambda function: function),
            "language": gl,
            "mbarrier": SimpleNamespace(
                MBarrierLayout=lambda: "barriers",
                init=self.init,
                wait=self.wait,
                arrive=self.arrive,
                expect=self.expect,
            ),
            "tma": SimpleNamespace(async_load=self.load, async_store=self.store, store_wait=self.store_wait),
            "fence_async_shared": lambda: None,
            "warpgroup_mma": self.mma,
            "warpgroup_mma_wait": lambda _outstanding, deps: deps[0](),
        }


def run(source: str, kernel: str, arguments: Sequence[Any], programs: int = 2) -> int:
    """Runs a kernel, as many programs as said one after the other; the bytes that its producers copied."""
    machine = Machine(programs)
    modules = machine.modules()

    def import_(name: str, _globals: Any, _locals: Any, names: Sequence[str], _level: int) -> Any:
        if not name.startswith("triton."):
            return builtins.__import__(name, _globals, _locals, names, _level)
        return SimpleNamespace(**{wanted: modules[wanted] for wanted in names})

    namespace: dict[str, Any] = {"__builtins__": {**vars(builtins), "__import__": import_}}
    exec(compile(source, "<generated>", "exec"), namespace)  # noqa: S102 - running generated source is the point
    for machine.program in range(programs):
        namespace[kernel](*arguments)
    return machine.copied
