"""Inline PTX of both emitters, for instructions that Triton and Pallas do not expose."""

from __future__ import annotations

from specs.lang.formats.elements import BF16, ElementFormat

NIBBLE_PACK = 4
"""Elements per piece of assembly: four bytes in one register become four 16-bit floats in two."""


def nibble_offset(element: ElementFormat) -> float:
    """The power of two whose mantissa ulp is 1: 2**7 for BF16, 2**10 for F16."""
    return 128.0 if element == BF16 else 1024.0


def nibble_constraints(zeros: bool) -> str:
    """Two results, written before the operands are last read; the bytes; where given, the zero points."""
    return "=&r,=&r,r,r,r" if zeros else "=&r,=&r,r"


def nibble(element: ElementFormat, high: bool, zeros: bool) -> str:
    """Assembly for `Opcode.NIBBLE`: the low or high nibbles of four bytes, minus 8 or zero points, as BF16 or F16.

    A nibble as the last mantissa bits of `nibble_offset` is that power plus the nibble, so one permutation of bytes
    converts two of them, and one subtraction of the power plus the zero point leaves the value; both are exact.

    zeros: subtract two registers of zero points, to which the power has been added.
    """
    exponent, kind = ("43", "bf16x2") if element == BF16 else ("64", "f16x2")
    take = "shr.b32 t, $2, 4; and.b32 t, t, 0x0F0F0F0F;" if high else "and.b32 t, $2, 0x0F0F0F0F;"
    eight, first, second = (
        ("", "$3", "$4") if zeros else (f".reg .b32 m; mov.b32 m, 0x{exponent}08{exponent}08; ", "m", "m")
    )
    return (
        f"{{ .reg .b32 t; {eight}{take} "
        f"prmt.b32 $0, t, 0x{exponent * 4}, 0x5140; prmt.b32 $1, t, 0x{exponent * 4}, 0x7362; "
        f"sub.{kind} $0, $0, {first}; sub.{kind} $1, $1, {second}; }}"
    )


SCALED_PACK = 4
"""Elements per piece of `scaled_nibble`, as of `nibble`."""
SCALED_CONSTRAINTS = "=&r,=&r,r,r,r"
"""Two results, written before the operands are last read; the bytes; the factors."""


def scaled_nibble(high: bool) -> str:
    """Assembly for `Opcode.NIBBLE` of e2m1 codes: the low or high ones of four bytes, times four BF16 over 4, as BF16.

    Sign, exponent and mantissa of a code, put where BF16 has its own, are its value times 2**-126, subnormal where the
    code is. A product of integers, none of whose bits meet, puts them there; one with 2**124, then one with the factor,
    are exact.
    """
    take, spread = ("0xF0F0F0F0", "0x104") if high else ("0x0F0F0F0F", "0x1040")
    return (
        f"{{ .reg .b32 t; .reg .b32 m; mov.b32 m, 0x7D807D80; and.b32 t, $2, {take}; "
        "prmt.b32 $0, t, 0, 0x4140; prmt.b32 $1, t, 0, 0x4342; "
        f"mul.lo.u32 $0, $0, {spread}; mul.lo.u32 $1, $1, {spread}; "
        "and.b32 $0, $0, 0x81C081C0; and.b32 $1, $1, 0x81C081C0; "
        "mul.bf16x2 $0, $0, m; mul.bf16x2 $1, $1, m; mul.bf16x2 $0, $0, $3; mul.bf16x2 $1, $1, $4; }"
    )
