"""The record of whole steps, `StepRecord`, from which table, JSON file and page are made.

Plain values only. The text under a field is its description.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, Final

from parity.judge.verdict import RECORD_CONFIG
from parity.xpu.record import COMPILED, MATRIX, NATIVE, Rung

IN_PLACE, COPIES = "caches in place", "no large copies"
STEP_RUNGS: Final = (COMPILED, IN_PLACE, COPIES, NATIVE, MATRIX)
LARGE: Final = 1 << 20
"""Bytes from which on a copy is one too many."""
OWN, XLA, LIBRARY = "ours", "XLA", "library"

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A launch that computes nothing."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    name: str
    """Name of the instruction in the optimised HLO."""
    type: str
    """What it writes: XLA's type, with sizes and layout."""
    bytes: int
    """Size of what it writes."""
    times: int
    """How often it runs in a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """What a step launches; loops count as often as they go round."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    own: int = 0
    """Kernels of this library, which XLA takes as Triton IR."""
    xla: int = 0
    """Kernels that XLA makes."""
    library: int = 0
    """Calls of libraries, such as oneDNN."""
    copies: int = 0
    """Copies of any size that are no kernels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKernel:
    """One SPIR-V module of a step."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    name: str
    """Its entry point."""
    source: str
    """"ours" or "XLA"."""
    dots: int
    """Products of tiles in its Triton IR, or of arrays in its HLO."""
    dpas: int = 0
    """Instructions of the matrix units in its machine code."""
    instructions: int = 0
    """Instructions of its machine code; 0 where nothing took it apart."""
    spill: int = 0
    """Bytes of registers that a hardware thread keeps in memory."""
    reason: str = ""
    """Why there is no machine code; empty where there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step in one implementation for one card."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    step: str
    """Module and function that make it."""
    implementation: str
    """Of all operations in it; "default" for the default of each."""
    card: str
    """Name of the card."""
    caches: int = 0
    """Bytes of the arguments that have to be written where they lie."""
    aliased: int = 0
    """Bytes of the arguments that results are written over, in the compiled program."""
    temporaries: int = 0
    """Bytes that the program needs besides arguments and results."""
    launches: Launches = Launches()
    """What it launches."""
    copies: tuple[Copy, ...] = ()
    """Launches that compute nothing and write 1 MiB or more."""
    kernels: tuple[StepKernel, ...] = ()
    """SPIR-V modules."""
    rungs: tuple[Rung, ...] = ()
    """From the first to the last."""

    def rung(self, name: str) -> Rung:
        """One rung; "not run" where the step did not come to it."""
        return next((rung for rung in self.rungs if rung.name == name), Rung(name=name, answer="not run"))

    def having(self, rung: Rung) -> StepRow:
        """The row with one more rung."""
        return replace(self, rungs=(*self.rungs, rung))


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """Everything that was found about some steps, and how to repeat it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    started: str
    """ISO 8601 with time zone."""
    command: str
    """Command line."""
    seconds: float
    """Wall time, in seconds."""
    environment: dict[str, str]
    """Machine, and tools that were used or are missing."""
    versions: dict[str, str]
    """Versions of the interpreter and of packages."""
    rows: tuple[StepRow, ...]
    """Steps in the order in which they were tried."""
    schema_version: int = SCHEMA_VERSION
    """Version of this layout."""

    @property
    def failed(self) -> bool:
        """Whether any rung was missed."""
        return any(rung.answer == "no" for row in self.rows for rung in row.rungs)

    @property
    def ran(self) -> bool:
        """Whether anything was compiled."""
        return any(rung.answer != "not run" for row in self.rows for rung in row.rungs)


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(StepRecord)


def to_json(record: StepRecord) -> str:
    """The record as JSON text that ends with a newline."""
    return str(_adapter().dump_json(record, indent=1).decode()) + "\n"


def from_json(text: str | bytes) -> StepRecord:
    """The record that `to_json` wrote.

    Raises:
        pydantic.ValidationError: fields are missing, unknown or of a wrong type.
    """
    record: StepRecord = _adapter().validate_json(text)
    return record
