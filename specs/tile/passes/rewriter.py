"""Base class of the legalisation passes: replays a program's operations into a new one."""

from __future__ import annotations

from specs.lang.formats.elements import BOOL, INT16, INT32, UINT8, ElementFormat
from specs.tile.frontend.trace import Tile, Tracer
from specs.tile.ir import Location, Opcode, Operation, Region, TileType, Value
from specs.tile.targets import Target


def raw_format(form: ElementFormat) -> ElementFormat:
    """The integer format that carries the codes of `form` in memory."""
    return {8: UINT8, 16: INT16, 32: INT32}[form.storage_bits]


def is_native(form: ElementFormat, target: Target) -> bool:
    """Whether values of `form` can live in registers of the target."""
    return form in target.native or form == BOOL or (form.is_integer and form.bits == form.storage_bits)


class Replay(Tracer):
    """A tracer whose operations keep the locations of the ones they replace."""

    def __init__(self) -> None:
        super().__init__()
        self.where: Location | None = None

    def here(self) -> Location | None:
        """Where the author wrote the operation that is rewritten."""
        return self.where


class Rewriter:
    """Replays operations into a new tracer. `tiles` maps old values to new tiles."""

    def __init__(self, target: Target, tracer: Replay | None = None) -> None:
        self.target = target
        self.tracer = tracer or Replay()
        self.tiles: dict[int, Tile] = {}

    def wanted(self, ops: tuple[Operation, ...]) -> bool:
        """Whether the operations may contain anything that this rewriter replaces (false positives allowed)."""
        return True

    def block(self, ops: list[Operation]) -> None:
        for op in ops:
            self.tracer.where = op.where
            self.rewrite(op)

    def of(self, value: Value) -> Tile:
        return self.tiles[id(value)]

    def type_of(self, old: TileType) -> TileType:
        return old if is_native(old.element, self.target) else TileType(raw_format(old.element), old.shape)

    def rewrite(self, op: Operation) -> None:
        """Replays one operation, loops with their bodies."""
        if op.code is Opcode.FOR:
            self.loop(op)
        elif op.code is Opcode.WHEN:
            self.branch(op)
        else:
            self.copy(op)

    def copy(self, op: Operation, attrs: dict[str, object] | None = None) -> None:
        operands = [self.of(value) for value in op.operands]
        results = self.tracer.emit(op.code, operands, [self.type_of(v.type) for v in op.results], attrs or op.attrs)
        for old, new in zip(op.results, results, strict=True):
            self.bind(old, new)

    def bind(self, old: Value, new: Tile) -> None:
        if new.value.name is None:
            new.value.name = old.name
            new.value.hint = new.value.hint or old.hint
        self.tiles[id(old)] = new

    def branch(self, op: Operation) -> None:
        assert op.region is not None
        region = Region([])
        with self.tracer.block(region):
            self.block(op.region.ops)
        self.tracer.where = op.where
        self.tracer.emit(Opcode.WHEN, [self.of(op.operands[0])], (), region=region)

    def loop(self, op: Operation) -> None:
        assert op.region is not None
        parameters = [Value(type=self.type_of(v.type), name=v.name, hint=v.hint) for v in op.region.parameters]
        region = Region(parameters)
        for old, new in zip(op.region.parameters, parameters, strict=True):
            self.tiles[id(old)] = Tile(new)
        with self.tracer.block(region):
            self.block(op.region.ops)
        region.results = [self.of(value).value for value in op.region.results]
        self.tracer.where = op.where
        operands = [self.of(value) for value in op.operands]
        types = [self.type_of(v.type) for v in op.results]
        for old, tile in zip(op.results, self.tracer.emit(op.code, operands, types, op.attrs, region), strict=True):
            self.bind(old, tile)
