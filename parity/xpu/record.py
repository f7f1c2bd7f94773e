"""The record of a walk of the ladder, `LadderRecord`, from which table, JSON file and page are made.

Plain values only. The text under a field is its description.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, Final, Literal

from jax_impl.backends import BACKENDS
from parity.judge.verdict import RECORD_CONFIG

Answer = Literal["yes", "no", "not run"]
KERNEL_BACKENDS: Final[tuple[str, ...]] = tuple(
    name for name, backend in BACKENDS.items() if backend.lowers_kernels("oneapi")
)
"""Backends of JAX whose kernels XLA is handed as Triton IR."""
TORCH: Final = "torch"
"""In their place: the Triton source that torch runs, through Intel's own Triton."""

LOWERED, EXECUTED, MATRIX, REAL = "lowered", "executed", "matrix units", "real card"
COMPILED, NATIVE = "compiled", "native"
MATRIX_UNITS: Final = ("on", "off", "lts")
"""Settings of `jax_impl.ops.matrix_units`."""
NO_CARD: Final = "no Intel GPU was used"

SCHEMA_VERSION: Final = 3


def compiled(card: str) -> str:
    """Name of the rung on which OpenXLA compiles for a card."""
    return f"{COMPILED} {card}"


def native(card: str) -> str:
    """Name of the rung on which the driver's compiler makes machine code for a card."""
    return f"{NATIVE} {card}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung for one kernel."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    name: str
    """Which rung."""
    answer: Answer
    """Whether the kernel stands on it; "not run" where nothing is known."""
    reason: str = ""
    """Why not."""
    note: str = ""
    """What else was seen, such as spilled registers."""
    spill: int | None = None
    """Bytes of registers that a hardware thread keeps in memory; of native rungs."""
    seconds: float | None = None
    """How long it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCode:
    """What the driver's compiler made of a kernel for one card."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    card: str
    """Name of the card."""
    registers: int
    """Registers of a hardware thread (GRF)."""
    lanes: int
    """Lanes of a hardware thread (SIMD width)."""
    instructions: int
    """Instructions of the kernel."""
    dpas: int
    """How many of them go to the matrix units."""
    blocks: int
    """How many of them load or store two-dimensional blocks."""
    spill: int
    """Bytes of registers that a hardware thread keeps in memory."""
    cycles: int
    """Estimate: cycles of one hardware thread for one round of the loop around the DPAS instructions."""
    dpas_share: float
    """Estimate: the share of them in which the matrix unit works at best, on what no other thread computes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRow:
    """One kernel, from one of the two generated sources."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    op: str
    """Public name of the operation."""
    case: str
    """Name of the case in the specification."""
    backend: str
    """Backend of JAX that generated it, or "torch"."""
    kernel: str
    """Name of the kernel."""
    tunables: dict[str, int]
    """What it was generated with."""
    grid: tuple[int, ...] = ()
    """Work groups along each axis."""
    shared_memory: int | None = None
    """Bytes of shared memory of a work group, as OpenXLA asks for it."""
    dots: int = 0
    """Products of tiles in its Triton IR."""
    code: tuple[MachineCode, ...] = ()
    """Its machine code, for every card, with 128 registers and where it has dots with 256."""
    rungs: tuple[Rung, ...] = ()
    """From the first to the last."""

    def rung(self, name: str) -> Rung:
        """One rung; "not run" where the walk did not come to it."""
        return next((rung for rung in self.rungs if rung.name == name), Rung(name=name, answer="not run"))

    def having(self, rung: Rung) -> KernelRow:
        """The row with one more rung."""
        return replace(self, rungs=(*self.rungs, rung))


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRecord:
    """Everything one walk found, and how to repeat it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = RECORD_CONFIG

    started: str
    """Start of the walk, ISO 8601 with time zone."""
    command: str
    """Command line."""
    seed: int
    """Seed from which the seeds of the cases are derived."""
    seconds: float
    """Wall time, in seconds."""
    environment: dict[str, str]
    """Machine, and tools that were used or are missing."""
    versions: dict[str, str]
    """Versions of the interpreter and of packages."""
    rungs: tuple[str, ...]
    """Names of the rungs, from the first to the last."""
    rows: tuple[KernelRow, ...] = ()
    """Kernels in the order in which they were tried."""
    spec_hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of every operation's specification."""
    schema_version: int = SCHEMA_VERSION
    """Version of this layout."""

    def counts(self, rung: str) -> dict[Answer, int]:
        """Kernels by their answer on a rung."""
        found = [row.rung(rung).answer for row in self.rows]
        answers: tuple[Answer, ...] = ("yes", "no", "not run")
        return {answer: found.count(answer) for answer in answers}

    @property
    def failed(self) -> bool:
        """Whether any kernel was refused on any rung."""
        return any(rung.answer == "no" for row in self.rows for rung in row.rungs)


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(LadderRecord)


def to_json(record: LadderRecord) -> str:
    """The record as JSON text that ends with a newline."""
    return str(_adapter().dump_json(record, indent=1).decode()) + "\n"


def from_json(text: str | bytes) -> LadderRecord:
    """The record that `to_json` wrote.

    Raises:
        pydantic.ValidationError: fields are missing, unknown or of a wrong type.
    """
    record: LadderRecord = _adapter().validate_json(text)
    return record
