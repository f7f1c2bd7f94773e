"""Constant folding and common subexpression elimination on a freshly traced program, in place.

    x * 1, x // 1, x + 0, x - 0, x << 0, x >> 0, x | 0, x ^ 0   ->  x     (integers)
    x * 1.0                                                     ->  x     (floats; also where x is NaN or -0)
    an index computed twice in a block, or again inside of it   ->  once

Float arithmetic is left in the author's order and number: sums round, and which products a compiler contracts depends
on how often each is used. Loads are not touched, and nothing moves out of a loop or a branch.
"""

from __future__ import annotations

from specs.lang.formats.elements import Kind
from specs.tile.constants import called
from specs.tile.ir import COMPARISONS, Opcode, Operation, Value

_NEUTRAL = {  # the neutral right operand
    Opcode.ADD: 0,
    Opcode.SUB: 0,
    Opcode.MUL: 1,
    Opcode.IDIV: 1,
    Opcode.SHL: 0,
    Opcode.SHR: 0,
    Opcode.OR: 0,
    Opcode.XOR: 0,
}
_COMMUTES = frozenset({Opcode.ADD, Opcode.MUL, Opcode.OR, Opcode.XOR})
_LEAVES = frozenset({Opcode.PROGRAM_ID, Opcode.ARANGE, Opcode.EXPAND})
_INDEX = COMPARISONS | {
    Opcode.ADD,
    Opcode.SUB,
    Opcode.MUL,
    Opcode.IDIV,
    Opcode.IMOD,
    Opcode.MIN,
    Opcode.MAX,
    Opcode.AND,
    Opcode.OR,
    Opcode.XOR,
    Opcode.NOT,
    Opcode.NEG,
    Opcode.SHL,
    Opcode.SHR,
}
"""Opcodes that are exact and pure on integers and bools."""


def simplify(ops: list[Operation]) -> list[Operation]:
    """The operations without redundant ones. They are changed in place, and must not belong to a program yet."""
    return _Simplifier().block(ops)


class _Simplifier:
    """State of the walk: replaced values and available expressions."""

    def __init__(self) -> None:
        self.known: dict[object, Value] = {}  # available expressions of this block and its parents
        self.instead: dict[int, Value] = {}  # values that are replaced, by identity

    def block(self, ops: list[Operation]) -> list[Operation]:
        """The remaining operations of one block; its expressions are not available after it."""
        kept: list[Operation] = []
        added: list[object] = []
        instead = self.instead
        for op in ops:
            if instead:
                for operand in op.operands:
                    if id(operand) in instead:
                        op.operands = tuple([instead.get(id(value), value) for value in op.operands])
                        break
            same = self.same(op, added)
            if same is None:
                kept.append(op)
            else:
                self.replace(op.results[0], same)
            if op.region is not None:
                op.region.ops = self.block(op.region.ops)
                op.region.results = [instead.get(id(value), value) for value in op.region.results]
        for key in added:
            del self.known[key]
        return kept

    def replace(self, old: Value, new: Value) -> None:
        """Replaces `old` by `new`, which takes the name of `old` if it has none."""
        self.instead[id(old)] = new
        if new.name is None:
            new.name, new.hint = old.name, new.hint or old.hint

    def same(self, op: Operation, added: list[object]) -> Value | None:
        """An available value equal to the operation's result, else None."""
        code = op.code
        if code in _NEUTRAL:
            value = _operand_left(op)
            if value is not None:
                return value
        key = _key(op)
        if key is None:
            return None
        found = self.known.get(key)
        if found is None:
            self.known[key] = op.results[0]
            added.append(key)
        return found


def _key(op: Operation) -> object:
    """Hashable key of an operation that may be shared (opcode, operands, attributes), None for others."""
    code = op.code
    if code in _INDEX:
        if op.operands[0].type.element.kind is Kind.FLOAT:
            return None
        return (code, *[id(value) for value in op.operands])
    if code in _LEAVES:
        return (code, *[id(value) for value in op.operands], *map(called, op.attrs.values()))
    return None


def _operand_left(op: Operation) -> Value | None:
    """The operand that the result equals because the other one is neutral, else None."""
    x, y = op.operands
    neutral = _NEUTRAL[op.code]
    if x.type.element.kind is Kind.FLOAT and op.code is not Opcode.MUL:
        return None
    if _is_number(y, neutral):
        return x
    return y if op.code in _COMMUTES and _is_number(x, neutral) else None


def _is_number(value: Value, number: int) -> bool:
    return value.op is not None and value.op.code is Opcode.CONST and value.op.attrs["value"] == number
