"""The block types of GGUF files, each a value of `specs.lang.formats.packed.PackedBlock`."""

from __future__ import annotations

from specs.lang.formats.elements import F16, ElementFormat, Kind
from specs.lang.formats.packed import Codes, Encoder, Number, PackedBlock, Plane, plane

_SOURCE = "ggml: ggml-common.h and ggml-quants.c"
_BLOCK, _SUPER = 32, 256
IQ4_VALUES = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
TWICE_E2M1 = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

E8M0_HALF = ElementFormat(
    name="e8m0_half", kind=Kind.FLOAT, bits=8, exponent_bits=8, bias=128, signed=False, subnormals=False, source=_SOURCE
)
"""2^(e - 128) for all 256 codes: half of an E8M0 scale, for doubled values, and 2^127 where E8M0 has NaN."""


def _half(byte: int) -> Number:
    return Number(byte=byte, element=F16)


def _nibbles(byte: int) -> Plane:
    """32 codes in 16 bytes, byte j has code j and code j + 16."""
    return plane(byte, 4, 16, _BLOCK)


def _single_bits(byte: int) -> Plane:
    """Bit i of a word of 32 bits."""
    return plane(byte, 1, 1, _BLOCK)


Q4_0 = PackedBlock(
    name="Q4_0",
    type_id=2,
    elements=_BLOCK,
    bytes=18,
    codes=Codes(planes=(_nibbles(2),), offset=8),
    scale=_half(0),
    encoder=Encoder.EXTREME,
    source=_SOURCE,
)
Q4_1 = PackedBlock(
    name="Q4_1",
    type_id=3,
    elements=_BLOCK,
    bytes=20,
    codes=Codes(planes=(_nibbles(4),)),
    scale=_half(0),
    minimum=_half(2),
    encoder=Encoder.RANGE,
    source=_SOURCE,
)
Q5_0 = PackedBlock(
    name="Q5_0",
    type_id=6,
    elements=_BLOCK,
    bytes=22,
    codes=Codes(planes=(_nibbles(6), _single_bits(2)), offset=16),
    scale=_half(0),
    encoder=Encoder.EXTREME,
    source=_SOURCE,
)
Q5_1 = PackedBlock(
    name="Q5_1",
    type_id=7,
    elements=_BLOCK,
    bytes=24,
    codes=Codes(planes=(_nibbles(8), _single_bits(4))),
    scale=_half(0),
    minimum=_half(2),
    encoder=Encoder.RANGE,
    source=_SOURCE,
)
Q8_0 = PackedBlock(
    name="Q8_0",
    type_id=8,
    elements=_BLOCK,
    bytes=34,
    codes=Codes(planes=(plane(2, 8, _BLOCK, _BLOCK),), signed=True),
    scale=_half(0),
    encoder=Encoder.AMAX,
    source=_SOURCE,
)
Q2_K = PackedBlock(
    name="Q2_K",
    type_id=10,
    elements=_SUPER,
    bytes=84,
    codes=Codes(planes=(plane(16, 2, 32, _SUPER),)),
    scale=_half(80),
    sub_scales=Codes(planes=(Plane(bits=4, run=16, spots=((0, 0),)),)),
    minimum=_half(82),
    sub_minima=Codes(planes=(Plane(bits=4, run=16, spots=((0, 4),)),)),
    subtracted=True,
    encoder=Encoder.GROUP_RANGE,
    source=_SOURCE,
)
Q3_K = PackedBlock(
    name="Q3_K",
    type_id=11,
    elements=_SUPER,
    bytes=110,
    codes=Codes(planes=(plane(32, 2, 32, _SUPER), plane(0, 1, 32, _SUPER)), offset=4),
    scale=_half(108),
    sub_scales=Codes(planes=(plane(96, 4, 8, 16), plane(104, 2, 4, 16)), offset=32),
    encoder=Encoder.GROUP_EXTREME,
    source=_SOURCE,
)
# Six bits each: codes 0 to 3 have the low six bits of four bytes, 4 to 7 a nibble of the last four and the top bits.
_SCALES_6 = Codes(planes=(Plane(bits=4, run=4, spots=((4, 0), (12, 0))), Plane(bits=2, run=4, spots=((4, 4), (4, 6)))))
_MINIMA_6 = Codes(planes=(Plane(bits=4, run=4, spots=((8, 0), (12, 4))), Plane(bits=2, run=4, spots=((8, 4), (8, 6)))))
Q4_K = PackedBlock(
    name="Q4_K",
    type_id=12,
    elements=_SUPER,
    bytes=144,
    codes=Codes(planes=(plane(16, 4, 32, _SUPER),)),
    scale=_half(0),
    sub_scales=_SCALES_6,
    minimum=_half(2),
    sub_minima=_MINIMA_6,
    subtracted=True,
    encoder=Encoder.GROUP_RANGE,
    source=_SOURCE,
)
Q5_K = PackedBlock(
    name="Q5_K",
    type_id=13,
    elements=_SUPER,
    bytes=176,
    codes=Codes(planes=(plane(48, 4, 32, _SUPER), plane(16, 1, 32, _SUPER))),
    scale=_half(0),
    sub_scales=_SCALES_6,
    minimum=_half(2),
    sub_minima=_MINIMA_6,
    subtracted=True,
    encoder=Encoder.GROUP_RANGE,
    source=_SOURCE,
)
Q6_K = PackedBlock(
    name="Q6_K",
    type_id=14,
    elements=_SUPER,
    bytes=210,
    codes=Codes(planes=(plane(0, 4, 64, _SUPER), plane(128, 2, 32, _SUPER)), offset=32),
    scale=_half(208),
    sub_scales=Codes(planes=(plane(192, 8, 16, 16),), signed=True),
    encoder=Encoder.GROUP_EXTREME,
    source=_SOURCE,
)
IQ4_NL = PackedBlock(
    name="IQ4_NL",
    type_id=20,
    elements=_BLOCK,
    bytes=18,
    codes=Codes(planes=(_nibbles(2),), table=IQ4_VALUES),
    scale=_half(0),
    encoder=Encoder.NEAREST,
    source=_SOURCE,
)
MXFP4_GGML = PackedBlock(
    name="MXFP4",
    type_id=39,
    elements=_BLOCK,
    bytes=17,
    codes=Codes(planes=(_nibbles(1),), table=TWICE_E2M1),
    scale=Number(byte=0, element=E8M0_HALF),
    encoder=Encoder.FLOOR_EXPONENT,
    source=f"{_SOURCE}; code 8 is +0, exponent 255 is no NaN, and its encoder saturates, unlike OCP's MXFP4",
)

BLOCKS = (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, MXFP4_GGML)
"""All of them, in the order of their numbers in files."""
BY_NAME = {form.name: form for form in BLOCKS}
BY_TYPE = {form.type_id: form for form in BLOCKS}
