"""Warps with roles -> Gluon source: a kernel that starts a producer and consumers, and one function for each role.

The producer copies blocks to a ring of slots in shared memory (TMA), and waits for a slot to be empty; consumers wait
for it to be full, multiply there, and hand it back. Programs are persistent: each takes tile after tile of the grid.
What consumers compute is the program's own statements, as the Triton source has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from specs.lang.declare.axes import Expr, resolved
from specs.tile.emit.printer import INDENT, Text, docstring
from specs.tile.emit.triton import TritonPrinter, integers, read_by
from specs.tile.emit.wrapping import filled
from specs.tile.ir import Opcode, Operation, Program, Size, Stride, Value, block_dims
from specs.tile.passes.row_split import GROUP_NAME
from specs.tile.passes.warp_specialize import Copy, Specialized

THREADS: Final = 128
"""Of a group of warps."""
_PRODUCER_REGISTERS: Final = 40
_REGISTERS: Final = {1: 232, 2: 232, 3: 160}
"""Of a thread of a consumer, by number of groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What versions of Gluon call differently: copies from and to shared memory, the barrier of a role's threads."""

    load: str = "tma.async_load"
    store: str = "tma.async_store"
    barrier: str = "gl.barrier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A tensor descriptor that a kernel takes: of blocks of an array, or of pieces of its memory (one dimension).

    load: the access, or the store. shape: of a block. swizzle: bytes of rows that are interleaved in shared memory.
    """

    array: str
    load: Operation
    shape: tuple[int, ...]
    swizzle: int


def emit_gluon(roles: Specialized, dialect: Dialect = Dialect()) -> str:
    """Source of a module with one kernel, which takes `descriptors`, `pointers` and `numbers` of its roles."""
    program = roles.program
    producer = _Producer(roles, dialect).function(f"{program.name}_producer")
    consumer = _Consumer(roles, dialect).function(f"{program.name}_consumer")
    rows = [*docstring(program), "", "from triton.experimental import gluon"]
    rows += ["from triton.experimental.gluon import language as gl"]
    rows += ["from triton.experimental.gluon.language.nvidia.hopper import (", *_imports(), ")", "", ""]
    return (
        "\n".join([*rows, *producer.lines, "", "", *consumer.lines, "", "", *_kernel(roles, producer, consumer)]) + "\n"
    )


def descriptors(roles: Specialized) -> tuple[Descriptor, ...]:
    """Descriptors in the order in which the kernel takes them."""
    found = [
        Descriptor(array=c.array, load=c.load, shape=c.shape, swizzle=_swizzle(c.shape, c.bits)) for c in roles.copies
    ]
    for op in roles.stores:
        value = op.operands[-1].type
        swizzle = _swizzle(value.shape, value.element.storage_bits)
        found.append(Descriptor(array=str(op.attrs["array"]), load=op, shape=value.shape, swizzle=swizzle))
    return tuple(found)


def pointers(roles: Specialized) -> tuple[str, ...]:
    """Arrays of which the kernel takes pointers."""
    used = {str(op.attrs["array"]) for op in _walk(roles.program) if op.code in (Opcode.LOAD, Opcode.STORE)}
    return tuple(param.name for param in roles.program.arrays if param.name in used)


def numbers(roles: Specialized) -> tuple[Size | Stride, ...]:
    """Integers that the kernel takes after its arrays."""
    program = roles.program
    read = {*integers(program), *integers(roles.producer)}
    read.update(read_by(grid_of(roles)))
    for copy in roles.copies:
        if copy.operand is None:
            read.update(_strides(program, copy))
    sizes = [size for size in program.sizes if size in read]
    strides = (Stride(param.name, d) for param in program.arrays for d in range(param.rank))
    return (*sizes, *(stride for stride in strides if stride in read))


def grid_of(roles: Specialized) -> Expr:
    """How many tiles there are, for all programs."""
    return resolved(roles.program.grid[0], {})


def _strides(program: Program, copy: Copy) -> list[Size | Stride]:
    """What the place of a piece of flat memory is computed from."""
    param = program.array(copy.array)
    found: list[Size | Stride] = []
    for d, dim in enumerate(block_dims(copy.load)):
        if dim.size is None and param.packed:
            found += [size for other in param.sizes[d + 1 :] for size in read_by(other)]
        elif dim.size is None and d != param.unit:
            found.append(Stride(param.name, d))
    return found


def _walk(program: Program) -> list[Operation]:
    found: list[Operation] = []
    for op in program.ops:
        found.append(op)
        found += op.region.ops if op.region is not None else []
    return found


def _swizzle(shape: Sequence[int], bits: int) -> int:
    """Bytes of rows that are interleaved: a row, at most 128; none of one dimension."""
    return min(128, int(shape[-1]) * bits // 8) if len(shape) > 1 else 0


def _imports() -> list[str]:
    names = ["mbarrier", "tma", "warpgroup_mma", "warpgroup_mma_wait"]
    return filled(", ".join(sorted(["fence_async_shared", *names])) + ",", INDENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    """A printed function, and its parameters."""

    name: str
    parameters: tuple[str, ...]
    lines: list[str]


class _RolePrinter(TritonPrinter):
    """What the roles share: the loop over tiles, the ring's slots, names of arguments."""

    tl = "gl"
    functions: Mapping[str, str] = {"cdiv": "gl.cdiv", "max": "gl.maximum", "min": "gl.minimum"}
    reserved = frozenset(
        f"gl gluon tma mbarrier fence_async_shared warpgroup_mma warpgroup_mma_wait range float full empty slot phase "
        f"pending partial TILE ROWS COLUMNS STAGES {GROUP_NAME}".split()
    )

    def __init__(self, roles: Specialized, program: Program, dialect: Dialect) -> None:
        super().__init__(program, numbers(roles))
        self.roles, self.dialect = roles, dialect
        arrays = [param.name for param in program.arrays]
        self.taken |= {f"{name}_{kind}" for name in arrays for kind in ("desc", "smem")}

    def function(self, name: str) -> _Function:
        """The role's function, with the parameters that it uses."""
        self.tiles()
        lines = self.lines
        known = [*_known(self.roles), *self.names.values()]
        text = "\n".join(lines)
        used = tuple(name for name in known if re.search(rf"\b{name}\b", text))
        named = [f"{constant}: gl.constexpr = {value}" for constant, value in self.constants_used()]
        named += [f"STAGES: gl.constexpr = {self.roles.stages}", *self.layouts()]
        parameters = (*self.first(), *used)
        head = ["@gluon.jit", f"def {name}(", *filled(f"{', '.join(parameters)},", INDENT), "):"]
        return _Function(name=name, parameters=used, lines=[*head, *(f"{INDENT}{line}" for line in named), *lines])

    def first(self) -> list[str]:
        """Parameters before all others."""
        return []

    def layouts(self) -> list[str]:
        """Layouts of tiles in registers."""
        return []

    def before(self) -> None:
        """Statements before the loop over tiles."""

    def after(self) -> None:
        """Statements after it."""

    def tiles(self) -> None:
        """The loop over tiles, which has the whole program for a body."""
        self.before()
        tile = next(
            (op.result for op in self.program.ops if op.code is Opcode.PROGRAM_ID and not op.attrs["axis"]), None
        )
        name = self.unique("tile") if tile is None else self.fresh(tile, "tile")
        count = self.size(grid_of(self.roles))
        self.line(f"for {name} in range(gl.program_id(0), {count}, gl.num_programs(0)):", 1)
        self.block(list(self.program.ops), 2)
        self.after()

    def statements(self) -> dict[Opcode, Callable[[Operation, int], None]]:
        """The loop over tiles gives programs their number."""
        return {**super().statements(), Opcode.PROGRAM_ID: self.program_index}

    def program_index(self, op: Operation, depth: int) -> None:
        """The number of the tile, or the group."""
        del depth
        if op.attrs["axis"]:
            self.text[id(op.result)] = Text(GROUP_NAME)

    def steps(self, op: Operation, bounds: str) -> str:
        """Slots take the place of the compiler's pipeline."""
        del op
        return f"range({bounds})"

    def advance(self, depth: int) -> None:
        """The next slot of the ring; each time around barriers are in their other phase."""
        self.line("slot += 1", depth)
        self.line("if slot == STAGES:", depth)
        self.line("slot = 0", depth + 1)
        self.line("phase ^= 1", depth + 1)

    def slot(self, copy: Copy, group: str) -> str:
        """The slot of a copy, of a group where each has its own."""
        groups = self.roles.groups
        index = f"{groups} * slot + {group}" if copy.by_group and groups > 1 else "slot"
        return f"{copy.array}_smem.index({index})"


class _Producer(_RolePrinter):
    """Prints the copies."""

    def __init__(self, roles: Specialized, dialect: Dialect) -> None:
        super().__init__(roles, roles.producer, dialect)

    def before(self) -> None:
        self.line("slot = 0", 1)
        self.line("phase = 1", 1)

    def statements(self) -> dict[Opcode, Callable[[Operation, int], None]]:
        return {**super().statements(), Opcode.LOAD_BLOCK: self.copy}

    def loop(self, op: Operation, depth: int) -> None:
        """The loop that copies a step each time."""
        total = sum(copy.bytes(self.roles.groups) for copy in self.roles.copies)
        assert op.region is not None
        self.waited = [
            ("mbarrier.wait(empty.index(slot), phase)", depth + 1),
            (f"mbarrier.expect(full.index(slot), {total})", depth + 1),
        ]
        super().loop(op, depth)
        self.advance(depth + 1)

    def copy(self, op: Operation, depth: int) -> None:
        """One copy; the first of a step waits until the consumers have emptied the slot."""
        while self.waited:
            self.line(*self.waited.pop(0))
        copy = self.roles.copies[int(op.attrs["copy"])]  # type: ignore[call-overload]
        target = self.slot(copy, str(op.attrs["group"]))
        place = ", ".join(self.place(op, copy))
        self.line(f"{self.dialect.load}({copy.array}_desc, [{place}], full.index(slot), {target})", depth, op)

    def place(self, op: Operation, copy: Copy) -> list[str]:
        """Where a block begins, in the order of its descriptor."""
        indices = [self.of(value) for value in op.operands[: len(block_dims(op))]]
        if copy.operand is not None:
            return [str(index) for index in (indices[::-1] if self.is_transposed(op) else indices)]
        param = self.program.array(copy.array)
        terms = []
        for d, index in enumerate(indices):
            factor = self._stride(param, d)
            terms.append(index.inside(8) if factor is None else f"{index.inside(9)} * {factor}")
        return [" + ".join(term for term in terms if term != "0") or "0"]


class _Consumer(_RolePrinter):
    """Prints the program, with slots in place of what is copied, and the product as an instruction of a warp group."""

    def __init__(self, roles: Specialized, dialect: Dialect) -> None:
        super().__init__(roles, roles.program, dialect)
        self.copies = {id(copy.load): copy for copy in roles.copies}
        self.operands: dict[int, str] = {}
        self.in_place = len(roles.product.operands) > 2

    def first(self) -> list[str]:
        return [f"{GROUP_NAME}: gl.constexpr"]

    def layouts(self) -> list[str]:
        a, b = (value.type for value in self.roles.product.operands[:2])
        shape = f"[16, {min(256, int(b.shape[1]))}, {256 // a.element.storage_bits}]"
        tile = f"gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape={shape})"
        text = "\n".join(self.lines)
        sliced = [("ROWS", 1), ("COLUMNS", 0)]
        return [f"TILE: gl.constexpr = {tile}"] + [
            f"{name}: gl.constexpr = gl.SliceLayout({axis}, TILE)" for name, axis in sliced if name in text
        ]

    def layout(self, value: Value) -> str:
        """The name of a tile's layout."""
        if len(value.type.shape) > 1:
            return "TILE"
        return "ROWS" if self.roles.found.of(value, 0) == self.roles.rows else "COLUMNS"

    def before(self) -> None:
        self.line("slot = 0", 1)
        self.line("phase = 0", 1)
        if not self.in_place:  # products overwrite it: a new one each time would be zeros that are never read
            shape = self.sizes(self.roles.product.result.type.shape)
            self.line(f"partial = gl.full([{shape}], 0.0, gl.float32, TILE)", 1)

    def after(self) -> None:
        if self.roles.stores:
            self.line("tma.store_wait(0)", 1)

    def statements(self) -> dict[Opcode, Callable[[Operation, int], None]]:
        own = {Opcode.LOAD_BLOCK: self.read, Opcode.DOT: self.product, Opcode.STORE_BLOCK: self.store_tile}
        return {**super().statements(), **own}

    def spell(self, op: Operation, operands: list[Text]) -> Text:
        """As in Triton; tiles that are made from nothing are given a layout."""
        if op.code is Opcode.ARANGE:
            return Text(f"gl.arange(0, {self.integer(op.attrs['n'])}, {self.layout(op.result)})")
        if op.code is Opcode.BROADCAST:
            new = op.result.type
            kind = f"{self.type(new.element)}, {self.layout(op.result)}"
            return Text(f"gl.full([{self.sizes(new.shape)}], {operands[0]}, {kind})")
        return super().spell(op, operands)

    def loop(self, op: Operation, depth: int) -> None:
        """The loop of the product hands a slot back in each step."""
        super().loop(op, depth)
        if op is self.roles.loop:
            self.advance(depth + 1)

    def read(self, op: Operation, depth: int) -> None:
        """A slot: an operand of the product, which is issued with the second one, or a tile of scales."""
        copy = self.copies[id(op)]
        text = self.slot(copy, GROUP_NAME)
        if copy.operand is None:
            name = self.fresh(op.result, op.result.name or copy.array)
            self.line(f"{name} = {text}.load({self.layout(op.result)})", depth, op)
            return
        self.operands[copy.operand] = f"{text}.permute([1, 0])" if self.is_transposed(op) else text
        if len(self.operands) == 2:
            product = self.roles.product
            acc = str(self.of(product.operands[2])) if self.in_place else "partial"
            adds = "" if self.in_place else "use_acc=False, "
            self.line("mbarrier.wait(full.index(slot), phase)", depth)
            given = f"{self.operands[0]}, {self.operands[1]}, {acc}"
            self.line(f"pending = warpgroup_mma({given}, {adds}is_async=True)", depth, product)

    def product(self, op: Operation, depth: int) -> None:
        """The end of the product, after which its slot may be filled again."""
        name = str(self.of(op.operands[2])) if self.in_place else "partial"
        self.line(f"{name} = warpgroup_mma_wait(0, deps=[pending])", depth)
        self.line("mbarrier.arrive(empty.index(slot), count=1)", depth)
        self.text[id(op.result)] = Text(name)

    def store_tile(self, op: Operation, depth: int) -> None:
        """A copy from shared memory, once the tile before it has left there."""
        name = str(op.attrs["array"])
        starts = ", ".join(str(self.of(value)) for value in op.operands[:-1])
        shared = f"{name}_smem.index({GROUP_NAME})"
        self.line("tma.store_wait(0)", depth)
        self.line(f"{self.dialect.barrier}()", depth)
        self.line(f"{shared}.store({self.of(op.operands[-1])})", depth, op)
        self.line("fence_async_shared()", depth)
        self.line(f"{self.dialect.barrier}()", depth)
        self.line(f"{self.dialect.store}({name}_desc, [{starts}], {shared})", depth)


def _known(roles: Specialized) -> list[str]:
    """Names of all that roles may be given, before the integers."""
    given = [f"{descriptor.array}_desc" for descriptor in descriptors(roles)]
    given += [f"{name}_ptr" for name in pointers(roles)]
    return [*given, *(f"{descriptor.array}_smem" for descriptor in descriptors(roles)), "full", "empty"]


def _kernel(roles: Specialized, producer: _Function, consumer: _Function) -> list[str]:
    """The kernel: shared memory, barriers, and the start of the roles."""
    groups, stages = roles.groups, roles.stages
    names = _RolePrinter(roles, roles.program, Dialect()).names
    given = [f"{descriptor.array}_desc" for descriptor in descriptors(roles)]
    parameters = [*given, *(f"{name}_ptr" for name in pointers(roles)), *names.values()]
    lines = ["@gluon.jit", f"def {roles.program.name}(", *filled(f"{', '.join(parameters)},", INDENT), "):"]
    slots = [stages * (groups if copy.by_group else 1) for copy in roles.copies] + [groups] * len(roles.stores)
    for descriptor, count in zip(descriptors(roles), slots, strict=True):
        name, shape = descriptor.array, ", ".join(str(int(size)) for size in (count, *descriptor.shape))
        lines.append(
            f"{INDENT}{name}_smem = gl.allocate_shared_memory({name}_desc.dtype, [{shape}], {name}_desc.layout)"
        )
    barriers = f"gl.allocate_shared_memory(gl.int64, [{stages}, 1], mbarrier.MBarrierLayout())"
    lines += [f"{INDENT}{name} = {barriers}" for name in ("full", "empty")]
    lines.append(f"{INDENT}for i in gl.static_range({stages}):")
    lines.append(f"{INDENT * 2}mbarrier.init(full.index(i), count=1)")
    lines.append(f"{INDENT * 2}mbarrier.init(empty.index(i), count={groups})")
    lines.append(f"{INDENT}fence_async_shared()")
    lines.append(f"{INDENT}gl.warp_specialize([")
    for group in range(groups):
        lines += _start(consumer, (str(group), *consumer.parameters))
    lines += _start(producer, producer.parameters)
    warps = [4] * (groups - 1) + [1]
    registers = [_REGISTERS[groups]] * (groups - 1) + [_PRODUCER_REGISTERS]
    return [*lines, f"{INDENT}], {warps}, {registers})"]


def _start(function: _Function, arguments: Sequence[str]) -> list[str]:
    inner = INDENT * 3
    return [f"{INDENT * 2}({function.name}, (", *filled(f"{', '.join(arguments)},", inner), f"{INDENT * 2})),"]
