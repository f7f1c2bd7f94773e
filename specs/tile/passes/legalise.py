"""Rewrites a program so that it only uses formats and casts that a target has.

Arrays of a format that is not native become arrays of raw codes; casts from and to such a format become the
arithmetic of `library.codec`; dot operands that the dot unit does not take are widened, exactly, to one it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from specs.lang.formats.elements import BF16, BOOL, E4M3, E8M0, F16, F32, INT32, UINT8, ElementFormat, NanRule
from specs.tile.frontend.trace import Tile, constant, tracing
from specs.tile.ir import ArrayParam, Opcode, Operation, Program, TileType, Value, walk
from specs.tile.language import where
from specs.tile.library import codec
from specs.tile.passes.blocks import lower_blocks
from specs.tile.passes.rewriter import Rewriter, is_native, raw_format
from specs.tile.passes.simplify import simplify
from specs.tile.passes.subnormals import Subnormals
from specs.tile.targets import Target

_HALF = 0x3F000000  # 0.5 as float32
_ROUNDING_MAGIC = 12582912.0  # 1.5 * 2**23: the sum has no bits left for a fraction, and is rounded to nearest even


@lru_cache(maxsize=4096)
def legalise(program: Program, target: Target) -> Program:
    """The program with the target's formats only. The original is unchanged."""
    program = lower_blocks(program, target)
    ops = program.ops
    if target.dot_fallback and not all(_fits(op, target) for op in walk(ops) if op.code is Opcode.DOT):
        target = replace(target, dot=target.dot_fallback)
    for make in (_Formats, Subnormals, _Rounding, _Factors):
        rewriter: Rewriter = make(target)
        if rewriter.wanted(ops):
            with tracing(rewriter.tracer):
                rewriter.block(list(ops))
            ops = tuple(simplify(rewriter.tracer.ops))
    arrays = tuple(_raw_param(param, target) for param in program.arrays)
    return replace(program, ops=ops, arrays=arrays)


def _fits(dot: Operation, target: Target) -> bool:
    """Whether the dot unit takes a dot's operands, or formats that hold them."""
    return any(form.holds(dot.operands[0].type.element) for form in target.dot)


def _raw_param(param: ArrayParam, target: Target) -> ArrayParam:
    if is_native(param.element, target):
        return param
    return replace(param, element=raw_format(param.element))


def _is_scattered(store: Operation) -> bool:
    """Whether a store's indices, or its mask, come from memory."""
    seen: set[int] = set()
    waiting = list(store.operands)
    while waiting:
        value = waiting.pop()
        if value.op is None or id(value) in seen:
            continue
        seen.add(id(value))
        if value.op.code is Opcode.LOAD and value.type.element.is_integer:
            return True
        waiting += value.op.operands
    return False


class _Formats(Rewriter):
    """Element formats, casts and dots."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        # What a target with all formats of a program may still lack; `rewrite` copies where this is false.
        self.detours = {(detour.source, detour.goal): detour.through for detour in target.detours}
        self.lacking: dict[Opcode, Callable[[Operation], bool]] = {
            Opcode.LOAD: lambda op: "view" in op.attrs and not target.has_typed_byte_access,
            Opcode.STORE: lambda op: not target.has_typed_byte_access if "view" in op.attrs else self.scatters(op),
            Opcode.CAST: lambda op: not self.casts(op.operands[0].type.element, op.result.type.element),
            Opcode.DOT: lambda op: op.operands[0].type.element not in target.dot,
            Opcode.NIBBLE: lambda _: not target.has_nibble_unpack,
            **dict.fromkeys((Opcode.AND, Opcode.OR, Opcode.XOR, Opcode.BROADCAST), self.splats),
        }

    def wanted(self, ops: tuple[Operation, ...]) -> bool:
        """Whether the target lacks a format or an operation."""
        everything = walk(ops)
        formats = {value.type.element for op in everything for value in op.results}
        if not all(is_native(form, self.target) for form in formats):
            return True
        return any(op.code in self.lacking and self.lacking[op.code](op) for op in everything)

    def rewrite(self, op: Operation) -> None:
        """Replays one operation; operations on non-native formats are expanded."""
        match op.code:
            case Opcode.FOR | Opcode.WHEN:
                super().rewrite(op)
                return
            case Opcode.LOAD if "view" in op.attrs:
                new = self.load_view(op)
            case Opcode.STORE if "view" in op.attrs:
                self.store_view(op)
                return
            case Opcode.STORE if self.scatters(op):
                self.copy(op, op.attrs | {"scatter": True})
                return
            case Opcode.CAST:
                new = self.cast(self.of(op.operands[0]), op.operands[0].type.element, op.result.type.element)
            case Opcode.DOT:
                new = self.dot(op)
            case Opcode.NIBBLE if not self.target.has_nibble_unpack:
                new = self.nibble(op)
            case Opcode.AND | Opcode.OR | Opcode.XOR | Opcode.BROADCAST if self.splats(op):
                new = self.truth(op)
            case Opcode.CONST if not is_native(op.result.type.element, self.target):
                form = op.result.type.element
                new = constant(int(form.encode(float(op.attrs["value"]))), raw_format(form))  # type: ignore[arg-type]
            case _:
                self.copy(op)
                return
        self.bind(op.result, new)

    def scatters(self, op: Operation) -> bool:
        """Whether masked elements of a store may alias stored ones, on a target where that is unsafe."""
        return bool(op.attrs["masked"]) and not self.target.masked_scatter_is_safe and _is_scattered(op)

    def cast(self, x: Tile, source: ElementFormat, goal: ElementFormat) -> Tile:
        """x, a value (or the raw codes) of `source`, as `goal` (or its raw codes)."""
        if source == goal:
            return x
        if not is_native(source, self.target):
            if (source, goal) == (E8M0, BF16) and is_native(BF16, self.target):
                return codec.power_of_two(x.to(INT32))
            if self.target.decodes_fp8_in_half and source in codec.IN_HALF:
                x, source = codec.decode_half(x, source), F16
            else:
                x, source = codec.decode(x.to(INT32), source), F32
            if source == goal:
                return x
        if source.is_float and goal.is_integer and goal.bits < 32:
            return codec.encode(x.to(F32), goal).to(raw_format(goal) if goal.bits < 8 else goal)
        if not is_native(goal, self.target):
            return codec.encode(x.to(F32), goal).to(raw_format(goal))
        for form in self.detours.get((source, goal), ()):
            x, source = x.to(form), form
        if self.casts(source, goal):
            return x.to(goal)
        x = wide = x.to(F32)
        if not self.target.saturating_casts:
            x = codec.clamp_finite(x, goal)
            x = where(codec.is_nan(x), float("nan"), x)
        if goal.nan is not NanRule.IEEE:
            return x.to(goal)
        # Where several codes are NaN, libraries differ in the one they produce.
        codes = x.to(goal).bitcast(raw_format(goal))
        return where(codec.is_nan(wide), goal.nan_code or 0, codes).bitcast(goal)

    def casts(self, source: ElementFormat, goal: ElementFormat) -> bool:
        """Whether the target's own cast between two native formats has the semantics of the IR's."""
        if (source, goal) in self.detours:
            return False
        if not source.is_float:
            return goal.bits >= 32 or not goal.is_float
        if not goal.is_float:
            return goal.bits >= 32
        return goal.bits >= 16 or (source == F32 and self.target.saturating_casts and goal.nan is not NanRule.IEEE)

    def nibble(self, op: Operation) -> Tile:
        form = op.result.type.element
        x, *zero = (self.of(value) for value in op.operands)
        codes = x.to(INT32) >> 4 if op.attrs["high"] else x.to(INT32) & 15
        if "codes" in op.attrs:
            return self.cast(_e2m1(codes) * 0.25 * self.cast(zero[0], BF16, F32), F32, form)
        return self.cast(codes.to(F32) - (self.cast(zero[0], form, F32) if zero else 8.0), F32, form)

    def splats(self, op: Operation) -> bool:
        """Whether a scalar bool would be broadcast on a target that cannot."""
        kind = op.result.type
        if self.target.can_splat_bool or not kind.shape or kind.element != BOOL:
            return False
        return any(not value.type.shape for value in op.operands)

    def truth(self, op: Operation) -> Tile:
        """The operation with its scalar bools broadcast as integers."""
        shape = op.result.type.shape
        tiles = [self.of(value) for value in op.operands]
        one = constant(1, INT32)
        tiles = [x if x.shape else where(x, one, 0).broadcast(*shape) != 0 for x in tiles]
        return tiles[0] if op.code is Opcode.BROADCAST else self.tracer.emit(op.code, tiles, [op.result.type])[0]

    def load_view(self, op: Operation) -> Tile:
        form = op.attrs["view"]
        assert isinstance(form, ElementFormat)
        goal = form if is_native(form, self.target) else raw_format(form)
        operands = [self.of(value) for value in op.operands]
        if self.target.has_typed_byte_access:
            attrs = op.attrs | {"view": goal}
            return self.tracer.emit(Opcode.LOAD, operands, [TileType(goal, op.result.type.shape)], attrs)[0]
        address, mask = operands[:3], operands[3:4]
        rest = [*mask, constant(0, UINT8)] if mask else []
        total: Tile | None = None
        for part, index in enumerate(self.byte_indices(address, form)):
            attrs = {"array": op.attrs["array"], "masked": op.attrs["masked"]}
            shape = op.result.type.shape
            (byte,) = self.tracer.emit(Opcode.LOAD, [address[0], index, *rest], [TileType(UINT8, shape)], attrs)
            word = byte.to(INT32) << (8 * part) if part else byte.to(INT32)
            total = word if total is None else total | word
        assert total is not None
        raw = total.to(raw_format(goal))
        return raw if raw.element == goal else raw.bitcast(goal)

    def store_view(self, op: Operation) -> None:
        operands = [self.of(v) for v in op.operands]
        address, value, rest = operands[:3], operands[3], operands[4:]
        form = value.element
        if self.target.has_typed_byte_access:
            self.tracer.emit(Opcode.STORE, [*address, value, *rest], (), op.attrs | {"view": form})
            return
        raw = raw_format(form)
        word = (value if form == raw else value.bitcast(raw)).to(INT32)
        attrs = {key: op.attrs[key] for key in ("array", "masked", "shape")}
        if rest and not self.target.masked_scatter_is_safe:
            attrs["scatter"] = True
        for part, index in enumerate(self.byte_indices(address, form)):
            byte = (word >> (8 * part) if part else word) & 255
            self.tracer.emit(Opcode.STORE, [address[0], index, byte.to(UINT8), *rest], (), attrs)

    def byte_indices(self, address: list[Tile], form: ElementFormat) -> list[Tile]:
        """Byte of the page, for every byte of an element."""
        width = form.storage_bits // 8
        first = address[1] + (address[2] * width if width > 1 else address[2])
        return [first + part if part else first for part in range(width)]

    def dot(self, op: Operation) -> Tile:
        a, b, *acc = (self.of(value) for value in op.operands)
        form = op.operands[0].type.element
        if form not in self.target.dot:
            order = (E4M3, F16, BF16, F32) if self.target.decodes_fp8_in_half else (E4M3, BF16, F16, F32)
            wide = next(f for f in order if f in self.target.dot and f.holds(form))
            a, b = self.cast(a, form, wide), self.cast(b, form, wide)
        return self.tracer.emit(Opcode.DOT, (a, b, *acc), [op.result.type])[0]


class _Rounding(Rewriter):
    """Rounding to integers, the arithmetic of casts included."""

    def wanted(self, ops: tuple[Operation, ...]) -> bool:
        """Whether anything is rounded."""
        return not self.target.has_round and any(op.code is Opcode.ROUND for op in walk(ops))

    def rewrite(self, op: Operation) -> None:
        """Replays one operation; rounding becomes an addition and a subtraction."""
        if op.code is Opcode.ROUND and not self.target.has_round:
            self.bind(op.result, (self.of(op.operands[0]) + _ROUNDING_MAGIC) - _ROUNDING_MAGIC)
        else:
            super().rewrite(op)


_SAME_VALUES = frozenset({Opcode.NEG, Opcode.RESHAPE, Opcode.EXPAND, Opcode.BROADCAST, Opcode.TRANSPOSE})
"""Operations that keep values: a compiler looks through them for the product of a factor."""


class _Factors(Rewriter):
    """Products with constants whose results are factors of other products (see `Target.merges_constant_factors`)."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.hidden: set[int] = set()

    def wanted(self, ops: tuple[Operation, ...]) -> bool:
        """Whether the program has such products."""
        if self.target.merges_constant_factors:
            users: dict[int, list[Operation]] = {}
            everything = walk(ops)
            for op in everything:
                for value in op.operands:
                    users.setdefault(id(value), []).append(op)
            self.hidden = {id(op) for op in everything if _constant_factor(op) and _is_factor(op.result, users)}
        return bool(self.hidden)

    def rewrite(self, op: Operation) -> None:
        """Replays one operation; a hidden constant depends on the other factor, if only in whether that is NaN."""
        if id(op) not in self.hidden:
            super().rewrite(op)
            return
        place = 0 if _literal(op.operands[0]) is not None else 1
        x, factor = self.of(op.operands[1 - place]), constant(_literal(op.operands[place]) or 0.0, F32)
        self.bind(op.result, (x * where(x == x, factor, float("nan"))).broadcast(*op.result.type.shape))  # noqa: PLR0124


def _literal(value: Value) -> float | None:
    """The literal that a value equals in every element, else None."""
    while value.op is not None and value.op.code in _SAME_VALUES - {Opcode.NEG}:
        (value,) = value.op.operands
    known = value.op is not None and value.op.code is Opcode.CONST
    return float(value.op.attrs["value"]) if known else None  # type: ignore[union-attr, arg-type]


def _constant_factor(op: Operation) -> bool:
    """Whether a float32 product has a constant factor that may round, or that is far from 1."""
    if op.code is not Opcode.MUL or op.result.type.element != F32:
        return False
    found = [number for number in map(_literal, op.operands) if number is not None]
    return len(found) == 1 and abs(found[0]) not in _EXACT_FACTORS


_EXACT_FACTORS = frozenset(2.0**exponent for exponent in range(-16, 17))


def _is_factor(value: Value, users: dict[int, list[Operation]]) -> bool:
    """Whether a value is a factor of a product, directly or after a reshape, transpose or broadcast."""
    for user in users.get(id(value), ()):
        if user.code is Opcode.MUL or (user.code in _SAME_VALUES and _is_factor(user.result, users)):
            return True
    return False


def _e2m1(codes: Tile) -> Tile:
    """float32 values of i32 e2m1 codes: exponent and mantissa lie in float32's as they do in the code, but for 0.5."""
    magnitude = codes & 7
    bits = where(magnitude < 2, magnitude * _HALF, (magnitude << 22) + _HALF)
    return (bits | ((codes & 8) << 28)).bitcast(F32)
