"""What a driver's compiler says and leaves behind, without a compiler."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import pytest

from parity.xpu.native import build, read, undefined
from parity.xpu.tools import Offline

ENVIRONMENT = """---
kernels:
  - name:            helper
    execution_env:
      grf_count:       64
      spill_size:      7
  - name:            scale
    user_attributes:
      intel_reqd_sub_group_size: 32
    execution_env:
      grf_count:       128
      has_stack_calls: true
      slm_size:        64
      spill_size:      2048
    payload_arguments:
      - arg_type:        arg_bypointer
"""


def elf(*symbols: tuple[str, int], text: str = "") -> bytes:
    """A 64-bit ELF file with a symbol table: names, and the section that each is defined in (0: none)."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name, _ in symbols)
    table = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for name, section in symbols:
        table += struct.pack("<IBBHQQ", strings.index(b"\0" + name.encode() + b"\0") + 1, 0, 0, section, 0, 0)
    data = strings + table + text.encode()
    headers = 64 + len(data)
    head = bytearray(b"\x7fELF" + bytes(60))
    struct.pack_into("<Q", head, 0x28, headers)
    struct.pack_into("<HH", head, 0x3A, 64, 3)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 64, len(strings), 0, 0, 0, 0)
    sections += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, 64 + len(strings), len(table), 1, 0, 0, 24)
    return bytes(head) + data + sections


def test_undefined_symbols_are_found() -> None:
    assert undefined(elf(("scale", 1), ("__imf_ceilf", 0), ("a", 0))) == ("__imf_ceilf", "a")
    assert undefined(elf(("scale", 1))) == ()


def test_undefined_function_is_refused_and_a_patch_is_not() -> None:
    assert "__imf_ceilf" in read(elf(("__imf_ceilf", 0)), "scale").reason
    assert read(elf(("__INTEL_PATCH_CROSS_THREAD_OFFSET_OFF_R0", 0)), "scale").reason == ""


def test_facts_are_those_of_the_kernel() -> None:
    found = read(elf(("scale", 1), text=ENVIRONMENT), "scale")
    assert (found.spill, found.shared_memory, found.registers, found.stack) == (2048, 64, 128, True)
    other = read(elf(("scale", 1), text=ENVIRONMENT), "helper")
    assert (other.spill, other.shared_memory, other.stack) == (7, 0, False)


def test_older_binaries_leave_the_messages() -> None:
    assert read(b"CTNI", "scale", "warning: compiled SIMD32 allocated 128 regs and spilled around 3").spill == 96


def compiler(folder: Path, script: str) -> Offline:
    program = folder / "ocloc"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Offline(command=(str(program),), device="bmg", version="made up")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "crashed with SIGSEGV"),
        ("echo 'error: unknown opcode: 6528'; exit 245", "unknown opcode: 6528"),
        ("echo Command was: ocloc", "Command was"),
        ("sleep 20", "more than 1 s"),
    ],
)
def test_refusals_carry_their_reason(tmp_path: Path, script: str, reason: str) -> None:
    found = build(tmp_path / "scale.spv", "scale", compiler(tmp_path, script), tmp_path, 1)
    assert reason in found.reason


def test_success_is_read_off_the_binary(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(elf(("scale", 1), text=ENVIRONMENT))
    works = compiler(tmp_path, f"cp {tmp_path}/made {tmp_path}/scale.bmg.bin; echo Build succeeded.")
    found = build(tmp_path / "scale.spv", "scale", works, tmp_path, 20)
    assert (found.reason, found.spill) == ("", 2048)
