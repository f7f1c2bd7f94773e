"""What a tape computes from small arrays of integers alone: kept until one of them has other values.

All layers of a step pass the same positions, slots and lengths, from which the indices and masks of their calls follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Values = list[Any]
"""Arrays of a call, by slot."""
Instruction = Callable[[Values], None]
MOST = 1 << 12  # elements of arrays whose values are compared
_KEPT = 1 << 18  # elements of the iterations that a loop keeps
_ITERATIONS = 16


@dataclass(slots=True)
class Block:
    """Instructions of a tape, or of a loop's body, in order.

    fixed: those that come first, whose operands follow from small arrays of integers and the number of the iteration.
    made: elements by slot of what those make. read: slots that the others read. inputs: slots that `fixed` reads.
    """

    fixed: list[Instruction] = field(default_factory=list)
    code: list[Instruction] = field(default_factory=list)
    made: dict[int, int] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    inputs: set[int] = field(default_factory=set)

    def append(self, function: Callable[..., Any], operands: list[int], result: int, elements: int | None) -> None:
        """One more call of a function. elements: of its result, where that is fixed; else None."""
        own = instruction(function, operands, result)
        if elements is None:
            self.code.append(own)
            self.read.update(operands)
        else:
            self.fixed.append(own)
            self.inputs.update(operands)
            self.made[result] = elements

    def kept(self) -> list[int]:
        """Slots that `fixed` makes for other instructions."""
        return [slot for slot in self.made if slot in self.read]

    def elements(self) -> int:
        """Elements of what is kept."""
        return sum(self.made[slot] for slot in self.kept())


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A loop on a tape. All fields except the body are slots.

    bounds: first number, and the one after the last. number: of the iteration. past: kept values by iteration.
    first, before, after, out: carried values before the loop, in an iteration, after it, and after the loop.
    count: makes the number's array. keep: whether iterations are kept, where they are the same in every call.
    """

    body: Block
    bounds: tuple[int, int]
    number: int
    past: int
    first: list[int]
    before: list[int]
    after: list[int]
    out: list[int]
    count: Callable[[int], Any]
    keep: bool

    def instruction(self) -> Instruction:
        """The loop as a function of a call's values."""
        lower, upper = self.bounds
        fixed, code, kept, most = self.body.fixed, self.body.code, self.body.kept(), self.iterations()

        def run(values: Values) -> None:
            state, past = [values[slot] for slot in self.first], values[self.past]
            for number in range(int(values[lower]), int(values[upper])):
                known = past.get(number)
                if known is None:
                    values[self.number] = self.count(number)
                    for instruction in fixed:
                        instruction(values)
                    if len(past) < most:
                        past[number] = [values[slot] for slot in kept]
                else:
                    _put(values, kept, known)
                _put(values, self.before, state)
                for instruction in code:
                    instruction(values)
                state = [values[slot] for slot in self.after]
            _put(values, self.out, state)

        return run

    def reads(self) -> set[int]:
        """Slots that the loop reads."""
        return {*self.bounds, self.past, *self.first, *self.body.read, *self.body.inputs}

    def iterations(self) -> int:
        """How many are kept."""
        return min(_ITERATIONS, _KEPT // max(self.body.elements(), 1)) if self.keep else 0


def _put(values: Values, slots: Sequence[int], new: Sequence[Any]) -> None:
    for slot, value in zip(slots, new, strict=True):
        values[slot] = value


def instruction(function: Callable[..., Any], operands: Sequence[int], result: int) -> Instruction:
    """values[result] = function(values[operands])."""
    match operands:
        case [a]:

            def of_one(values: Values) -> None:
                values[result] = function(values[a])

            return of_one
        case [a, b]:

            def of_two(values: Values) -> None:
                values[result] = function(values[a], values[b])

            return of_two

    def of_several(values: Values) -> None:
        values[result] = function(*[values[slot] for slot in operands])

    return of_several
