"""What the loads of a loop are for: the question of a backend that fetches ahead, or gives warps roles of their own.

A pipelined loop fetches operands of products by block copies where they are multiplied as they lie in memory, and by
warps that convert them where they are not; scales of products travel with the operands of their step; everything else
is read where it is used. A product whose operand derives from another one of the same iteration (attention) can be
issued an iteration later. Carried tiles whose rows do not meet can be split between groups of warps by rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from specs.tile.ir import Location, Opcode, Operation, Program, TileType, Value, walk


class Role(Enum):
    """What a loaded tile is used as."""

    OPERAND_A = "a"
    OPERAND_B = "b"
    SCALE = "scale"  # a factor of a product's result
    INDEX = "index"  # of other accesses, their masks, bounds of loops, conditions
    OTHER = "other"  # addends, what is stored or carried


MOVES = frozenset({Opcode.RESHAPE, Opcode.EXPAND, Opcode.BROADCAST, Opcode.TRANSPOSE})
"""Operations that leave elements as they lie in memory, in other dimensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a loaded tile.

    product: number of the product among the ones of the loop, of operands and scales.
    through: the operations between the load and the use, in order.
    """

    role: Role
    product: int | None = None
    through: tuple[Opcode, ...] = ()

    @property
    def converts(self) -> bool:
        """Whether elements are computed with on the way, so that a copy from memory is not enough."""
        return any(code not in MOVES for code in self.through)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load of a loop's body.

    block: an affine block of the array; False for gathers.
    uses: in program order, each once; operands and scales of several products have several.
    """

    array: str
    type: TileType
    block: bool
    uses: tuple[Use, ...]
    where: Location | None

    @property
    def roles(self) -> frozenset[Role]:
        """All that the tile is used as."""
        return frozenset(use.role for use in self.uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product (DOT) of a loop's body.

    shape: M, N, K.
    after: products of the same iteration that its operands derive from, by number.
    accumulator: number of the carried tile that it is added to; None where it is not just added up.
    in_place: the dot adds to that tile itself, with no scale in between.
    """

    shape: tuple[int, int, int]
    after: frozenset[int]
    accumulator: int | None
    in_place: bool
    where: Location | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A loop: its loads and products in program order, the ones of loops inside of it left out.

    independent_rows: no row (index of dimension 0) of what is carried, of products, or of what is computed from them,
        depends on another row; False where no tiles are carried.
    """

    loads: tuple[Load, ...]
    products: tuple[Product, ...]
    independent_rows: bool
    where: Location | None


def loops(program: Program) -> tuple[Loop, ...]:
    """All loops of a program in program order, outer ones first."""
    return tuple(_Body(op).loop() for op in walk(program.ops) if op.code is Opcode.FOR)


_LOADS = frozenset({Opcode.LOAD, Opcode.LOAD_BLOCK})
_ACCESSES = _LOADS | {Opcode.STORE, Opcode.STORE_BLOCK}
_REDUCTIONS = frozenset({Opcode.SUM, Opcode.AMAX, Opcode.AMIN, Opcode.CUMSUM})


def _inside(ops: list[Operation]) -> Iterator[Operation]:
    """Operations of a loop's body, the ones of its branches included."""
    for op in ops:
        yield op
        if op.code is Opcode.WHEN and op.region is not None:
            yield from _inside(op.region.ops)


class _Body:
    """The body of one loop."""

    def __init__(self, op: Operation) -> None:
        assert op.region is not None
        self.op, self.region = op, op.region
        self.ops = list(_inside(op.region.ops))
        self.users: dict[int, list[tuple[Operation, int]]] = {}
        for user in self.ops:
            for place, value in enumerate(user.operands):
                self.users.setdefault(id(value), []).append((user, place))
        self.dots = [inner for inner in self.ops if inner.code is Opcode.DOT]
        self.number = {id(dot): number for number, dot in enumerate(self.dots)}
        # Products of this iteration that values derive from.
        self.sources: dict[int, frozenset[int]] = {}
        for inner in self.ops:
            found = frozenset().union(*(self.of(value) for value in inner.operands))
            own = frozenset({self.number[id(inner)]}) if inner.code is Opcode.DOT else frozenset()
            self.sources.update((id(result), found | own) for result in inner.results)

    def of(self, value: Value) -> frozenset[int]:
        return self.sources.get(id(value), frozenset())

    def loop(self) -> Loop:
        return Loop(
            loads=tuple(self.load(op) for op in self.ops if op.code in _LOADS),
            products=tuple(self.product(dot) for dot in self.dots),
            independent_rows=self.rows_are_independent(),
            where=self.op.where,
        )

    def load(self, op: Operation) -> Load:
        uses = dict.fromkeys(self.uses(op.result, (), set()))
        return Load(
            array=str(op.attrs["array"]),
            type=op.result.type,
            block=op.code is Opcode.LOAD_BLOCK,
            uses=tuple(uses),
            where=op.where,
        )

    def uses(self, value: Value, through: tuple[Opcode, ...], seen: set[int]) -> Iterator[Use]:
        """Uses of a value that a load's was turned into by `through`."""
        if any(value is result for result in self.region.results):
            yield Use(role=Role.OTHER, through=through)
        for user, place in self.users.get(id(value), ()):
            use = self.use(user, place, through)
            if use is not None:
                yield use
            elif id(user) not in seen:
                seen.add(id(user))
                for result in user.results:
                    yield from self.uses(result, (*through, user.code), seen)

    def use(self, user: Operation, place: int, through: tuple[Opcode, ...]) -> Use | None:
        """What an operand is for, None where that depends on the uses of the result."""
        if user.code is Opcode.DOT:
            role = (Role.OPERAND_A, Role.OPERAND_B, Role.OTHER)[place]
            return Use(role=role, product=self.number[id(user)], through=through)
        if user.code in (Opcode.FOR, Opcode.WHEN):
            return Use(role=Role.INDEX if place < 2 else Role.OTHER, through=through)
        if user.code in _ACCESSES:
            return Use(role=Role.OTHER if place == _stored(user) else Role.INDEX, through=through)
        others = frozenset().union(*(self.of(value) for i, value in enumerate(user.operands) if i != place))
        if not others or self.of(user.operands[place]):
            return None
        if user.code is Opcode.MUL:
            return Use(role=Role.SCALE, product=max(others), through=through)
        return Use(role=Role.OTHER, product=max(others), through=through)

    def product(self, dot: Operation) -> Product:
        a, b, *rest = dot.operands
        path = self.accumulation(dot.result, ())
        return Product(
            shape=(a.type.shape[0], b.type.shape[1], a.type.shape[1]),
            after=self.of(a) | self.of(b),
            accumulator=None if path is None else path[0],
            in_place=path is not None and bool(rest) and Opcode.MUL not in path[1] and self.is_carried(rest[0]),
            where=dot.where,
        )

    def is_carried(self, value: Value) -> bool:
        """Whether a dot adds to what the loop carries, or to another dot that does."""
        if value.op is not None and value.op.code is Opcode.DOT and len(value.op.operands) == 3:
            return self.is_carried(value.op.operands[2])
        return any(value is parameter for parameter in self.region.parameters)

    def accumulation(self, value: Value, through: tuple[Opcode, ...]) -> tuple[int, tuple[Opcode, ...]] | None:
        """The carried tile that a value is added to, and by which operations, where it is only scaled and added."""
        for number, result in enumerate(self.region.results):
            if value is result:
                return number, through
        for user, place in self.users.get(id(value), ()):
            adds = user.code in (Opcode.ADD, Opcode.MUL) or (user.code is Opcode.SUB and place == 0)
            if adds or user.code in MOVES or (user.code is Opcode.DOT and place == 2):
                found = self.accumulation(user.result, (*through, user.code))
                if found is not None:
                    return found
        return None

    def rows_are_independent(self) -> bool:
        """Whether rows of what is carried, and of products, stay apart."""
        carried = {id(value) for value in self.region.parameters[1:] if value.type.shape}
        for op in self.ops:
            touched = [place for place, value in enumerate(op.operands) if id(value) in carried]
            if op.code is Opcode.DOT or touched:
                if not all(_keeps_rows(op, place) for place in touched):
                    return False
                carried.update(id(result) for result in op.results if result.type.shape)
        return bool(carried)


def _stored(access: Operation) -> int | None:
    """Which operand of a store is the value."""
    if access.code is Opcode.STORE_BLOCK:
        return len(access.operands) - 1
    return len(access.operands) - 1 - bool(access.attrs["masked"]) if access.code is Opcode.STORE else None


def _keeps_rows(op: Operation, place: int) -> bool:
    """Whether row i of a result depends on row i of an operand alone."""
    operand = op.operands[place].type
    if op.code is Opcode.DOT:
        return place != 1
    if op.code in _REDUCTIONS or op.code is Opcode.EXPAND:
        return op.attrs["axis"] != 0
    if op.code is Opcode.TRANSPOSE:
        return op.attrs["permutation"][0] == 0  # type: ignore[index, no-any-return]
    if op.code is Opcode.RESHAPE:
        return op.result.type.shape[:1] == operand.shape[:1]
    return True
