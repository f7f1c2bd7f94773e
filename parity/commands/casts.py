"""Cast tests: every code of every format, to every other format, on every implementation.

Sources of up to 16 bits are exhaustive. float32 values are those between which a goal's code can change: every value of
the goal, the middle of every two neighbours with the float32 numbers around it, what overflows, infinities, NaN, both
zeros and every bfloat16 number; rounding is monotonic, so everything in between is right where these are. Tiny kernels,
one per source, go the way of any operation: specialised, legalised, printed, launched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from parity.commands.status import FAILED, NOT_RUN, OK
from parity.judge.frameworks import FRAMEWORKS, to_jax, to_torch
from parity.show.printing import console, print_table, say, write_text
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Tunable
from specs.lang.declare.op import Op, single
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import (
    BF16,
    E2M1,
    E4M3,
    E5M2,
    E8M0,
    F16,
    F32,
    INT4,
    INT8,
    INT16,
    INT32,
    UINT4,
    UINT8,
    ElementFormat,
)
from specs.tile.language import arange, load, program_id, store
from specs.tile.library import codec

Raw = np.ndarray[Any, Any]
Status = Literal["passed", "failed", "not run"]

GOALS: Final = (E4M3, E5M2, E2M1, E8M0, INT8, UINT8, INT4, UINT4, F16, BF16, F32)
SOURCES: Final = (*GOALS, INT16)
_N = Axis(name="N", doc="codes")
# Interpreters take time per statement and none per element: few, large tiles.
_BLOCKS = {"cpu": 1 << 18, "interpret": 1 << 18, "cuda": 1024, "xpu": 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class CastRow:
    """One cast on one implementation.

    codes: how many were compared. wrong: how many of them differ from the format's declaration.
    first: the first of these, as "source code: got, expected". reason: why it has not run.
    """

    implementation: str
    source: str
    goal: str
    status: Status
    codes: int = 0
    wrong: int = 0
    first: str = ""
    reason: str = ""


def goals_of(source: ElementFormat) -> tuple[ElementFormat, ...]:
    """Formats that a source is cast to."""
    return tuple(goal for goal in GOALS if goal != source)


def boundaries(form: ElementFormat) -> Raw:
    """Values of a format, midpoints of neighbours, and the float32 neighbours of these; float32."""
    values = np.unique(form.decode(np.arange(1 << form.bits, dtype=np.uint32)))
    values = values[np.isfinite(values)]
    beyond = [2 * values[-1] - values[-2], 2 * values[0] - values[1]]
    values = np.sort(np.concatenate([values, beyond]))
    with np.errstate(over="ignore"):
        middle, values = ((values[:-1] + values[1:]) / 2).astype(np.float32), values.astype(np.float32)
    down, up = np.nextafter(middle, np.float32(-np.inf)), np.nextafter(middle, np.float32(np.inf))
    return np.concatenate([middle, down, up, values])


@cache
def codes_of(source: ElementFormat) -> Raw:
    """Codes of a source that are cast."""
    if source != F32:
        return np.arange(1 << source.bits, dtype=np.uint32).astype(source.storage_dtype)
    every = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    found = [every, *(boundaries(goal) for goal in goals_of(F32))]
    return np.concatenate(found).view(np.uint32)


@cache
def caster(source: ElementFormat) -> Op:
    """An operation that casts codes of a source to all its goals."""
    goals, whole = goals_of(source), source.bits == source.storage_bits

    def body(p: Any) -> None:
        at = program_id(0) * p.BLOCK + arange(p.BLOCK)
        inside = at < p.N
        x = load(p.x, (at,), inside)
        x = x if whole else codec.decode(x.to(INT32), source)  # codes that share bytes are taken apart by arithmetic
        for goal in goals:
            store(getattr(p, goal.name), (at,), x.to(goal), inside)

    outputs = [Array(name=f.name, doc="", shapes=((_N,),), formats=(f,), access=Access.OUT) for f in goals]
    kernel = Kernel(
        name=f"cast_{source.name}",
        doc=f"Codes of {source.name} in every other format.",
        axes=(_N,),
        arrays=(Array(name="x", doc="", shapes=((_N,),), formats=(source if whole else UINT8,)), *outputs),
        tunables=(Tunable(name="BLOCK", values=tuple(sorted({*_BLOCKS.values()})), doc="codes per program"),),
        configs=tuple(Config(target=target, values=(("BLOCK", block),)) for target, block in _BLOCKS.items()),
        grid=(cdiv(_N, Ref("BLOCK")),),
        body=body,
    )
    return single(kernel, oracle=lambda _: {}, accuracy=tuple((f.name, Accuracy(exact=True)) for f in goals))


def cast_all(source: ElementFormat, implementation: str, device: str) -> dict[str, Raw]:
    """Codes of a source in every goal, as one implementation has them.

    Raises:
        Unsupported: it cannot run there.
    """
    op, (framework, _, name) = caster(source), implementation.partition(":")
    form = op.inputs[0].formats[0]
    assert isinstance(form, ElementFormat)
    raw = codes_of(source)
    results: Sequence[Any]
    if framework == "torch":
        import torch

        from torch_impl import launch as of_torch

        with np.errstate(all="ignore"):  # Triton's interpreter is numpy, which warns where devices do not
            tensors = of_torch.run(op, [to_torch(raw, form, device)], (), name)
        integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
        results = [tensor.view(integers[tensor.element_size()]).cpu().numpy() for tensor in tensors]
    else:
        from jax_impl import launch as of_jax

        results = [np.asarray(array) for array in of_jax.run(op, [to_jax(raw, form, device)], (), name)]
    named = zip(goals_of(source), results, strict=True)
    return {goal.name: result.view(goal.storage_dtype) & ((1 << goal.bits) - 1) for goal, result in named}


def wrong_codes(source: ElementFormat, goal: ElementFormat, got: Raw) -> Raw:
    """Places at which codes are not what the formats declare.

    In formats that are computed in (16 bits and more) a NaN has to stay one; its payload and sign are not stated.
    """
    with np.errstate(invalid="ignore"):  # signalling NaN
        values = source.decode(codes_of(source))
    same = got == declared(source, goal, codes_of(source))
    if goal.bits >= 16:
        same |= np.isnan(values) & np.isnan(goal.decode(got))
    return np.flatnonzero(~same)


def declared(source: ElementFormat, goal: ElementFormat, codes: Raw) -> Raw:
    """Codes of the goal: nearest, as it declares. Between integers of whole bytes the low bits are kept."""
    with np.errstate(invalid="ignore"):
        values = source.decode(codes)
    if all(form.is_integer and form.bits == form.storage_bits for form in (source, goal)):
        values = values.astype(np.int64) & ((1 << goal.bits) - 1)
        return values.astype(goal.storage_dtype)
    return goal.encode(values)


def rows_of(source: ElementFormat, implementation: str, device: str) -> Iterator[CastRow]:
    """All casts of a source on one implementation; failed where it broke down."""
    reason, got = FRAMEWORKS[implementation.partition(":")[0]].missing(device), dict[str, Raw]()
    status: Status = "not run"
    if reason is None:
        try:
            got = cast_all(source, implementation, device)
        except Unsupported as refusal:
            reason = str(refusal)
        except Exception as error:  # noqa: BLE001 - whatever a compiler raises is a row
            reason, status = f"{type(error).__name__}: {error}"[:500], "failed"
    for goal in goals_of(source):
        names: Any = {"implementation": implementation, "source": source.name, "goal": goal.name}
        if reason is not None:
            yield CastRow(**names, status=status, reason=reason)
            continue
        codes, wrong = codes_of(source), wrong_codes(source, goal, got[goal.name])
        first = _first(source, goal, got[goal.name], int(wrong[0])) if wrong.size else ""
        status = "failed" if wrong.size else "passed"
        yield CastRow(**names, status=status, codes=codes.size, wrong=wrong.size, first=first)


def _first(source: ElementFormat, goal: ElementFormat, got: Raw, place: int) -> str:
    code = int(codes_of(source)[place])
    want = int(declared(source, goal, np.array(code)))
    return f"{code:#x}: got {int(got[place]):#x}, expected {want:#x}"


def implementations() -> list[str]:
    """Those that run tile programs, as "framework:implementation"."""
    return [f"{fw}:{name}" for fw, known in FRAMEWORKS.items() for name, own in known.backends.items() if own.targets]


def run(device: str, *, tell: Callable[[str], None] = lambda _: None) -> list[CastRow]:
    """Every cast on every implementation. device: "cpu", "cuda" or "xpu". tell: called with progress messages."""
    found: list[CastRow] = []
    for implementation in implementations():
        tell(implementation)
        for source in SOURCES:
            found += rows_of(source, implementation, device)
    return found


def summary(rows: Sequence[CastRow]) -> list[tuple[str, ...]]:
    """Per implementation: casts that passed, failed, did not run, and codes compared; the reason where none ran."""
    lines: list[tuple[str, ...]] = []
    for implementation in dict.fromkeys(row.implementation for row in rows):
        own = [row for row in rows if row.implementation == implementation]
        count = {status: sum(row.status == status for row in own) for status in ("passed", "failed", "not run")}
        reason = "" if count["passed"] + count["failed"] else own[0].reason
        lines.append((implementation, *map(str, count.values()), str(sum(row.codes for row in own)), reason))
    return lines


def to_json(rows: Sequence[CastRow], environment: Mapping[str, Any], device: str) -> str:
    """The record of a run, a row a line."""
    head = json.dumps({"device": device, "environment": dict(environment)}, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in rows)
    return f'{head},\n "rows": [\n{lines}\n ]\n}}\n'


def deliver(rows: Sequence[CastRow], json_file: Path | None, device: str) -> int:
    """Prints the summary and what failed, writes the record, and returns the exit status (see
    `parity.commands.status`).
    """
    from parity.record.environment_report import environment

    out = console()
    print_table(out, ("implementation", "passed", "failed", "not run", "codes", "why not"), summary(rows))
    for row in rows:
        if row.status == "failed":
            said = row.reason or f"{row.wrong} of {row.codes} codes, {row.first}"
            say(out, f"failed: {row.implementation}, {row.source} to {row.goal}: {said}")
    if json_file is not None:
        write_text(json_file, to_json(rows, environment().as_dict(), device))
    if any(row.status == "failed" for row in rows):
        return FAILED
    return OK if any(row.status == "passed" for row in rows) else NOT_RUN


def from_json(text: str) -> list[CastRow]:
    """The rows of a record that `to_json` wrote."""
    return [CastRow(**row) for row in json.loads(text)["rows"]]
