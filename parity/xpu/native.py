"""The last rung without a card: the compiler of Intel's GPU driver makes machine code, and what it says about it.

That it reports success is not enough: functions that nothing supplies stay undefined in its output, and the driver then
refuses the kernel. Sizes are read from the output too, whose messages leave some out.
"""

from __future__ import annotations

import re
import signal
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from parity.record.environment import for_child
from parity.xpu import settings
from parity.xpu.machine_code import Counts, counted
from parity.xpu.tools import Offline
from parity.xpu.topologies import TOPOLOGIES

_NOT_A_FUNCTION: Final = "__INTEL_PATCH"  # places that the driver fills in
_ELF: Final = b"\x7fELF"
_SYMBOLS: Final = 2  # section type SHT_SYMTAB


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """What became of one kernel.

    reason: why there is no machine code that a driver takes; empty where there is.
    spill: bytes of registers that each hardware thread keeps in memory. shared_memory: bytes of a work group.
    registers, lanes: of a hardware thread. stack: whether functions are called through a stack.
    counts: None where the machine code could not be taken apart.
    """

    reason: str = ""
    spill: int = 0
    shared_memory: int = 0
    registers: int = 0
    lanes: int = 0
    stack: bool = False
    counts: Counts | None = None


def build(
    spirv: Path, kernel: str, compiler: Offline, folder: Path, seconds: float, registers: int | None = None
) -> Native:
    """Compiles a module.

    Args:
        spirv: file. kernel: its entry point. folder: where the output goes. seconds: how long it may take.
        registers: of a hardware thread; None for what the compiler takes by itself.
    """
    name = f"{spirv.stem}.{compiler.device}.{registers}" if registers else f"{spirv.stem}.{compiler.device}"
    options = ("-file", str(spirv), "-spirv_input", "-device", compiler.device)
    output = ("-output", name, "-output_no_suffix", "-out_dir", str(folder))
    try:
        done = subprocess.run(
            [*compiler.command, "compile", *options, *output],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=for_child(settings.registers(registers)),
        )
    except subprocess.TimeoutExpired:
        return Native(reason=f"the driver's compiler took more than {seconds:.0f} s")
    said = done.stdout + done.stderr
    if done.returncode < 0:
        return Native(reason=f"the driver's compiler crashed with {signal.Signals(-done.returncode).name}")
    if done.returncode or "Build succeeded" not in said:
        errors = [line.strip() for line in said.splitlines() if "error" in line.lower()] or said.strip().splitlines()[
            -1:
        ]
        return Native(reason=f"the driver's compiler refuses it: {' '.join(errors)[:300]}")
    written = [file for file in (folder / f"{name}.bin", folder / name) if file.exists()]
    found = read(written[0].read_bytes(), kernel, said)
    return replace(found, counts=_counts(written[0], kernel, compiler, folder / f"{name}.text"))


def _counts(binary: Path, kernel: str, compiler: Offline, folder: Path) -> Counts | None:
    """What the machine code consists of; None where the compiler does not take it apart."""
    options = ("-file", str(binary), "-device", compiler.device, "-dump", str(folder))
    subprocess.run([*compiler.command, "disasm", *options], capture_output=True, timeout=60, check=False)
    text = folder / f".text.{kernel}.asm"
    if not text.exists():
        return None
    return counted(text.read_text(errors="replace"), next(one for one in TOPOLOGIES if one.native == compiler.device))


def read(binary: bytes, kernel: str, said: str = "") -> Native:
    """Facts of a kernel from its binary, or from the compiler's output `said` for the older binary format."""
    spilled = [int(found) for found in re.findall(r"spilled around (\d+)", said)]
    if not binary.startswith(_ELF):
        return Native(spill=32 * max(spilled, default=0))
    absent = [name for name in undefined(binary) if not name.startswith(_NOT_A_FUNCTION)]
    facts = _facts(binary, kernel)
    return Native(
        reason=f"nothing supplies {', '.join(absent)}" if absent else "",
        spill=int(facts.get("spill_size", 0)),
        shared_memory=int(facts.get("slm_size", 0)),
        registers=int(facts.get("grf_count", 0)),
        lanes=int(facts.get("simd_size", 0)),
        stack=facts.get("has_stack_calls") == "true",
    )


def undefined(binary: bytes) -> tuple[str, ...]:
    """Names of symbols that an ELF file uses and does not define, in alphabetical order."""
    sections = list(_sections(binary))
    names = set()
    for kind, start, size, link in sections:
        if kind != _SYMBOLS:
            continue
        strings = sections[link][1]
        for place in range(start, start + size, 24):
            name, _, _, section = struct.unpack_from("<IBBH", binary, place)
            if name and not section:
                end = binary.index(b"\0", strings + name)
                names.add(binary[strings + name : end].decode())
    return tuple(sorted(names))


def _sections(binary: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset, size and linked section of every section of a 64-bit ELF file."""
    (table,) = struct.unpack_from("<Q", binary, 0x28)
    length, count = struct.unpack_from("<HH", binary, 0x3A)
    for place in range(table, table + length * count, length):
        _, kind, _, _, start, size, link = struct.unpack_from("<IIQQQQI", binary, place)
        yield kind, start, size, link


def _facts(binary: bytes, kernel: str) -> dict[str, str]:
    """Entries of the kernel's execution environment in the text (YAML) that the binary carries for the driver."""
    text = binary.decode("latin-1")
    start = re.search(rf"- name: +{re.escape(kernel)}\n", text)
    if start is None:
        return {}
    environment = re.search(r"execution_env:\n((?:      [^\n]*\n)+)", text[start.end() :])
    lines = environment[1].splitlines() if environment else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
