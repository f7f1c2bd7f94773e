"""PTX that both emitters hand to the compiler where the tile languages have no words for what an instruction does."""

from __future__ import annotations

from specs.lang.elements import BF16, ElementFormat

NIBBLE_PACK = 4
"""Elements per piece of assembly: four bytes in one register become four 16-bit floats in two."""

NIBBLE_CONSTRAINTS = "=&r,=&r,r"
"""Two results, written before the operand is last read, and one operand."""


def nibble(element: ElementFormat, high: bool) -> str:
    """Assembly for `Opcode.NIBBLE`: the low or high nibbles of four bytes, minus 8, as BF16 or F16.

    A nibble as the last mantissa bits of 2**7 (BF16) or 2**10 (F16) is that power plus the nibble, so one permutation
    of bytes converts two of them, and one subtraction of the power plus 8 leaves the value; both are exact.
    """
    exponent, kind = ("43", "bf16x2") if element == BF16 else ("64", "f16x2")
    take = "shr.b32 t, $2, 4; and.b32 t, t, 0x0F0F0F0F;" if high else "and.b32 t, $2, 0x0F0F0F0F;"
    return (
        f"{{ .reg .b32 t; .reg .b32 m; mov.b32 m, 0x{exponent}08{exponent}08; {take} "
        f"prmt.b32 $0, t, 0x{exponent * 4}, 0x5140; prmt.b32 $1, t, 0x{exponent * 4}, 0x7362; "
        f"sub.{kind} $0, $0, m; sub.{kind} $1, $1, m; }}"
    )
