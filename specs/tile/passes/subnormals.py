"""Expands `multiply`, `divide` and `rescale` for targets that flush subnormal float32 to zero.

multiply, divide   significands and exponents apart (`library.gradual`): the result's bits, subnormal or not
rescale            x times every scale, each brought nearer to 1, times what that took: a few more multiplications,
                   for results that are normal numbers; those that are not may become zeros
"""

from __future__ import annotations

from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, Operation, Value, walk
from specs.tile.library import gradual
from specs.tile.passes.rewriter import Rewriter
from specs.tile.targets import Target


class Subnormals(Rewriter):
    """Products and quotients that are marked as gradual."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.folded: frozenset[int] = frozenset()

    def wanted(self, ops: tuple[Operation, ...]) -> bool:
        """Whether anything is marked."""
        if not self.target.flushes_subnormals or not any("gradual" in op.attrs for op in walk(ops)):
            return False
        self.folded = _folded(ops)
        return True

    def rewrite(self, op: Operation) -> None:
        """Replays one operation; marked ones are expanded."""
        if "gradual" not in op.attrs:
            super().rewrite(op)
            return
        if id(op) in self.folded:
            return  # a part of what it is an operand of
        if op.attrs["gradual"] == "rescale":
            self.bind(op.result, self.rescaled(op))
            return
        x, y = (self.of(value) for value in op.operands)
        if op.code is Opcode.DIV:
            self.bind(op.result, gradual.divide(x, y))
        else:
            power = op.attrs["gradual"] == "power"
            self.bind(op.result, (gradual.multiply_power if power else gradual.multiply)(x, y))

    def rescaled(self, op: Operation) -> Tile:
        """A chain of scales: all of them first, then their remaining factors twice, so no product overflows."""
        x, scales = _chain(op, self.folded)
        total, half = self.of(x), None
        for scale in scales:
            nearer, own = gradual.middled(self.of(scale))
            total, half = total * nearer, own if half is None else half * own
        assert half is not None
        return total * half * half


def _chain(op: Operation, folded: frozenset[int]) -> tuple[Value, list[Value]]:
    """The rescaled value, and its scales."""
    x, scale = op.operands
    inner = scale.op
    scales = list(inner.operands) if inner is not None and id(inner) in folded else [scale]
    if x.op is not None and id(x.op) in folded:
        first, before = _chain(x.op, folded)
        return first, before + scales
    return x, scales


def _folded(ops: tuple[Operation, ...]) -> frozenset[int]:
    """Marked operations whose one use is a rescaling: products of tiles that are larger than each, and rescalings."""
    everything = walk(ops)
    uses: dict[int, list[Operation]] = {}
    for op in everything:
        kept = [] if op.region is None else op.region.results
        for value in (*op.operands, *kept):
            uses.setdefault(id(value), []).append(op)
    found = set()
    for op in everything:
        if op.attrs.get("gradual") in ("exact", "rescale") and op.code is Opcode.MUL:
            (user, *others) = uses.get(id(op.result), [None])
            wide = all(value.type.shape != op.result.type.shape for value in op.operands)
            chained = op.attrs["gradual"] == "rescale" or wide
            first = 0 if op.attrs["gradual"] == "rescale" else 1
            if user is None or others or not chained or user.attrs.get("gradual") != "rescale":
                continue
            if user.operands[first] is op.result:
                found.add(id(op))
    return frozenset(found)
