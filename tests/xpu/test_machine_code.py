"""Counts of machine code, in assembly as Intel's offline compiler prints it."""

from __future__ import annotations

import pytest

from parity.xpu.machine_code import counted
from parity.xpu.topologies import B580, PVC

LOOP = """L0:
(W)     mov (16|M0)        r127.0<1>:ud  0x0:ud
(W)     send.ugm (1|M0)          r1       r127  null:0  0xFF000000        0x6219D500           // load.ugm.d32x16t.a32
        shr (32|M0)        r112.0<1>:ud  r58.0<1;1,0>:ud   2:w        {I@3}
L1040:
(W)     send.ugm (1|M0)          r4       r8  null:0  0x0        0x02020203           // load_block2d.ugm.d16v.a64
        mul (32|M0)        r10.0<1>:f    r12.0<1;1,0>:f    r14.0<0;1,0>:f
        add (32|M0)        r10.0<1>:w    r12.0<1;1,0>:w    r14.0<0;1,0>:w
        math.exp (16|M0)         r16.0<1>:f    r16.0<1;1,0>:f
        dpas.8x8 (16|M0)         r44:f         null:f        r4:bf        r20.0:bf         {Atomic}
        dpas.8x4 (16|M0)         r28:f         r28:f        r4:hf        r38.0:hf         {$10}
(~f3.0) goto (32|M0)        L1200        L1200
L1200:
(W&~f3.0) jmpi        L1040
        add (32|M0)        r10.0<1>:q    r12.0<1;1,0>:q    r14.0<0;1,0>:q
"""


@pytest.mark.parametrize(("card", "matrix"), [(B580, 16 + 8), (PVC, 8 + 4)])
def test_counts_and_estimate_of_the_loop(card: object, matrix: int) -> None:
    assert card in (B580, PVC)
    found = counted(LOOP, B580 if card is B580 else PVC)
    assert (found.instructions, found.dpas, found.blocks) == (12, 2, 1)
    vector = 1 + 2 + 1 + 4 + 2 + 1  # message, float32, 16 bits, mathematics, two jumps
    assert found.cycles == max(matrix, vector)
    assert found.dpas_share == matrix / max(matrix, vector)


def test_without_a_loop_everything_counts() -> None:
    found = counted(LOOP.replace("jmpi  ", "mov   "), B580)
    assert found.dpas == 2
    assert found.cycles == 24
    long = counted("".join([*[line + "\n" for line in LOOP.replace("jmpi  ", "mov   ").splitlines()] * 3]), PVC)
    assert long.cycles > counted(LOOP, PVC).cycles


def test_innermost_of_two_loops_with_the_same_products() -> None:
    outer = LOOP + "(W&~f2.0) jmpi        L0\n"
    assert counted(outer, PVC).cycles == counted(LOOP, PVC).cycles


def test_nothing_is_nothing() -> None:
    found = counted("", B580)
    assert (found.instructions, found.cycles, found.dpas_share) == (0, 0, 0.0)
