"""What a kernel's machine code consists of: counted in the text that Intel's offline compiler takes it apart into.

Cycles are an ESTIMATE from static counts: of one round of the loop with the most DPAS instructions (of the whole kernel
where there is no such loop), for one hardware thread, as if memory answered at once. Rates of one vector engine with
its matrix unit, for both cards alike unless it is said:

- vector instructions: 512 bits of the widest operand per cycle, `math` a quarter of that. Xe2: 8 engines of 512 bits in
  an Xe core, SIMD16 ("Lunar Lake: Xe2 GPU", Intel Tech Tour 2024). Data Center Max: 8 engines of 512 bits in an Xe core
  ("Intel Data Center GPU Max Series Technical Overview", intel.com; Hot Chips 34, "Ponte Vecchio").
- DPAS: an Xe2 core does 2048 float16 operations per cycle (same source; 233 TOPS of int8 at 20 cores and 2.85 GHz of
  Arc B580, ark.intel.com), so one of 8 units needs 16 cycles for `dpas.8x8` of 16 columns (4096 operations). A core of
  Data Center Max does 4096 (832 TFLOPS at 128 cores and 1.6 GHz of Max 1550), which makes 8 cycles.
- messages to memory: one cycle to send.

Vector and matrix instructions of different threads are issued side by side, so that the larger of the two sums counts,
and the share of DPAS in it is the share of the peak that a kernel could reach at best, if no two warps compute the same
(see `jax_impl.platforms.matrix_units.useful`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from parity.xpu.topologies import Topology

_INSTRUCTION: Final = re.compile(r"^(?:\([^)]*\))?\s+([a-z][\w.]*)\s*(?:\((\d+)\|M\d+\))?\s+(.*)$")
_LABEL: Final = re.compile(r"^(L\d+):")
_TARGET: Final = re.compile(r"\b(L\d+)\b")
_TYPE: Final = re.compile(r":(u?[bwdq]|hf|bf|tf32|f|df)\b")
_BYTES: Final[Mapping[str, int]] = {"b": 1, "w": 2, "d": 4, "q": 8, "hf": 2, "bf": 2, "tf32": 4, "f": 4, "df": 8}
_VECTOR_BYTES: Final = 64
_MATH: Final = 4  # times as long


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: what it is called, how many lanes it has, and its operands as text."""

    name: str
    lanes: int
    operands: str

    @property
    def is_dpas(self) -> bool:
        """Whether it goes to the matrix unit."""
        return self.name.startswith("dpas")

    @property
    def is_block(self) -> bool:
        """Whether it loads or stores a two-dimensional block."""
        return self.name.startswith("send") and "block2d" in self.operands

    def cycles(self, card: Topology) -> int:
        """How long it occupies its part of a vector engine; see the module."""
        if self.is_dpas:
            depth, repeat = (int(number) for number in self.name.split(".")[1].split("x"))
            return max(1, repeat * depth * card.dpas_cycles // 64)
        if self.name.startswith(("send", "sync", "nop")):
            return 1
        width = max((_BYTES[kind.removeprefix("u")] for kind in _TYPE.findall(self.operands)), default=4)
        return -(-self.lanes * width // _VECTOR_BYTES) * (_MATH if self.name.startswith("math") else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is in a kernel.

    instructions, dpas, blocks: how many. cycles: estimate for the loop around the DPAS instructions, of one thread.
    dpas_share: part of them in which the matrix unit works.
    """

    instructions: int
    dpas: int
    blocks: int
    cycles: int
    dpas_share: float


def counted(text: str, card: Topology) -> Counts:
    """The counts of a kernel's assembly."""
    lines = list(_lines(text))
    loop = _loop(lines)
    matrix = sum(one.cycles(card) for one in loop if one.is_dpas)
    vector = sum(one.cycles(card) for one in loop if not one.is_dpas)
    cycles = max(matrix, vector)
    every = [one for one in lines if isinstance(one, Instruction)]
    return Counts(
        instructions=len(every),
        dpas=sum(one.is_dpas for one in every),
        blocks=sum(one.is_block for one in every),
        cycles=cycles,
        dpas_share=matrix / cycles if cycles else 0.0,
    )


def _lines(text: str) -> Iterator[Instruction | str]:
    """Instructions and labels, in order."""
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label is not None:
            yield label[1]
            continue
        found = _INSTRUCTION.match(line)
        if found is not None:
            yield Instruction(found[1], int(found[2] or 1), found[3])


def _loop(lines: Sequence[Instruction | str]) -> list[Instruction]:
    """The innermost of the loops with the most DPAS instructions; everything where there is none."""
    places = {one: place for place, one in enumerate(lines) if isinstance(one, str)}
    before = [0, *accumulate(isinstance(one, Instruction) and one.is_dpas for one in lines)]
    best, most = (0, len(lines)), 0
    for place, one in enumerate(lines):
        if not isinstance(one, Instruction) or not one.name.startswith(("jmpi", "while", "goto", "brc", "brd")):
            continue
        for label in _TARGET.findall(one.operands):
            start = places.get(label, place)
            inside = before[place] - before[start] if start < place else 0
            if inside > most or (inside == most > 0 and place - start < best[1] - best[0]):
                best, most = (start, place + 1), inside
    return [one for one in lines[slice(*best)] if isinstance(one, Instruction)]
