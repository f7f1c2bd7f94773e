"""Named blocks with the bytes that they must give, each derived in a comment."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specs.lang.formats.blocks import BlockFormat, ZeroPoint
from specs.lang.formats.elements import BF16, INT32
from specs.lang.formats.named import (
    FP8_BLOCK_128,
    FP8_BLOCK_128_E8M0,
    INT8_PER_TOKEN,
    INT8_PER_TOKEN_ASYMMETRIC,
    MXFP4,
    MXFP8,
    PER_CHANNEL_E4M3,
    PER_TENSOR_E5M2,
    PER_TOKEN_E4M3,
    TOKEN_GROUP_32,
    int4_group,
    int8_per_token,
)

F32_MAX = float(np.finfo(np.float32).max)
EVERY_E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def above(x: float) -> float:
    """The next float32."""
    return float(np.nextafter(np.float32(x), np.float32(math.inf)))


def row(*values: float) -> np.ndarray:
    """32 values, zeros after those given."""
    return np.array([[*values, *[0.0] * (32 - len(values))]], np.float32)


def given_bytes(form: BlockFormat, x: Any) -> tuple[bytes, int]:
    """Non-zero head of the data, and the one scale."""
    q = form.encode(x)
    assert q.scale is not None
    return q.data.tobytes().rstrip(b"\0"), int(q.scale.item())


MXFP4_BLOCKS = {
    # 6 / 6 = 1 = 2**0; every code stands for itself, the even element in the low nibble.
    "every value": ([*EVERY_E2M1, *(-v for v in EVERY_E2M1)], "1032547698badcfe", 127),
    # Codes 0 2 2 4 4 6 6 7: the even one of each pair of neighbours.
    "ties": ([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 6.0], "20426476", 127),
    # Codes 1 2 3 4 5 6 7 7.
    "above ties": ([*(above(v) for v in (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)), 6.0], "21436577", 127),
    # amax / 6 is above 1, so the exponent is 1; 6 / 2 = 3 is code 5.
    "above the edge": ([above(6.0)], "05", 128),
    "at the edge, negative": ([-6.0], "0f", 127),
    # 1 / 6 is between 2**-3 and 2**-2; 1 / 2**-2 = 4 is code 6; -0.0 is code 8.
    "negative zero": ([-0.0, 0.0, 1.0, -0.0], "0886", 125),
    # Below the floor of 6 * 2**-126; -2**-149 / 2**-126 rounds to -0.0.
    "smallest float32": ([-(2.0**-149)], "08", 1),
    # amax = 2**128 (1 - 2**-24), amax / 6 is between 2**125 and 2**126, amax / 2**126 rounds to 4, code 6.
    "largest float32": ([F32_MAX, -F32_MAX], "e6", 253),
}

MXFP8_BLOCKS = {
    "largest values": ([448.0, -448.0], "7efe", 127),
    # amax / 448 is above 1, so the exponent is 1; 448 / 2 = 224 = 1.75 * 2**7, exponent 7 + 7, mantissa 6.
    "above the edge": ([above(448.0)], "76", 128),
    # 17 is between 16 (0x58) and 18 (0x59), 19 between 18 and 20 (0x5a).
    "ties": ([448.0, 17.0, 19.0, -17.0, -19.0], "7e585ad8da", 127),
    # Steps of 2**-9 below 2**-6: 1 step, half a step (to 0), 1.5 steps (to 2), minus half a step, 7.5 steps.
    "subnormals": (
        [448.0, 2.0**-9, 2.0**-10, 1.5 * 2.0**-9, -(2.0**-10), 7.5 * 2.0**-9],
        "7e0100028008",
        127,
    ),
    # The floor, 2**-126, asks for the smallest scale, 2**-127.
    "negative zero": ([-0.0], "80", 0),
    "smallest scale in full": ([448.0 * 2.0**-127], "7e", 0),
    # Half of a full block is 224 = 1.75 * 2**7, exponent 7 + 7, mantissa 6.
    "above the smallest scale": ([above(448.0 * 2.0**-127)], "76", 1),
    "twice the smallest scale in full": ([448.0 * 2.0**-126], "7e", 1),
    # 1 = 2**0, exponent 0 + 7; -2**-149 / 2**-127 rounds to -0.0.
    "as large as the smallest scale": ([2.0**-127, 2.0**-128], "3830", 0),
    "smallest float32": ([-(2.0**-149)], "80", 0),
    # amax / 448 is between 2**119 and 2**120; amax / 2**120 rounds to 256 = 2**8, exponent 8 + 7.
    "largest float32": ([F32_MAX, -F32_MAX], "78f8", 247),
}


@pytest.mark.parametrize("name", MXFP4_BLOCKS)
def test_mxfp4(name: str) -> None:
    values, expected, scale = MXFP4_BLOCKS[name]
    assert given_bytes(MXFP4, row(*values)) == (bytes.fromhex(expected), scale)


@pytest.mark.parametrize("name", MXFP8_BLOCKS)
def test_mxfp8(name: str) -> None:
    values, expected, scale = MXFP8_BLOCKS[name]
    assert given_bytes(MXFP8, row(*values)) == (bytes.fromhex(expected), scale)


def test_token_groups_are_scaled_apart() -> None:
    x = np.concatenate([row(448.0, -240.0), row(0.5, 896.0)], axis=1)
    q = TOKEN_GROUP_32.encode(x)
    assert q.scale is not None
    # 448 * fl32(1 / 448) rounds to 1. 240 = 1.875 * 2**7, exponent 7 + 7, mantissa 7; 0.5 / 2 = 2**-2.
    assert q.scale.tolist() == [[1.0, 2.0]]
    assert q.data[0, :2].tobytes().hex() == "7ef7"
    assert q.data[0, 32:34].tobytes().hex() == "287e"


def test_squares_with_ragged_ends() -> None:
    x = np.zeros((130, 129), np.float32)
    x[:128, :128], x[:128, 128:], x[128:, :128], x[128:, 128:] = 448, -896, 1792, -3584
    q = FP8_BLOCK_128.encode(x)
    assert q.scale is not None
    assert q.scale.tolist() == [[1.0, 2.0], [4.0, 8.0]]
    assert set(q.data[:, :128].flat) == {0x7E}
    assert set(q.data[:, 128:].flat) == {0xFE}
    narrow = FP8_BLOCK_128_E8M0.encode(x)
    assert narrow.scale is not None
    assert narrow.scale.tolist() == [[127, 128], [129, 130]]
    np.testing.assert_array_equal(FP8_BLOCK_128.decode(q), x)


def test_rows_columns_and_matrices() -> None:
    x = np.array([[[448.0, 896.0], [-224.0, 1792.0]]], np.float32)
    by_row, by_column = PER_TOKEN_E4M3.encode(x), PER_CHANNEL_E4M3.encode(x)
    assert by_row.scale is not None
    assert by_column.scale is not None
    assert by_row.scale.tolist() == [[[2.0], [4.0]]]
    assert by_column.scale.tolist() == [[[1.0, 4.0]]]
    whole = PER_TENSOR_E5M2.encode(x * 128)
    assert whole.scale is not None
    # 1792 * 128 = 4 * 57344; 224 * 128 / 4 = 7168 = 1.75 * 2**12, exponent 12 + 15, mantissa 3.
    assert whole.scale.tolist() == [[[4.0]]]
    assert whole.data[0, 1].tobytes().hex() == "ef7b"


def test_int8_symmetric() -> None:
    x = np.array([[127.0, -127.0, 1.5, 2.5, -0.5, -0.0]])
    q = INT8_PER_TOKEN.encode(x)
    assert q.scale is not None
    assert q.data.tolist() == [[127, -127, 2, 2, 0, 0]]
    assert q.scale.tolist() == [[1.0]]
    assert q.data.dtype == np.int8


def test_int8_asymmetric() -> None:
    x = np.array([[0.0, 255.0, 1.5], [-1.0, 254.0, 2.5], [5.0, 5.0, 5.0]])
    q = INT8_PER_TOKEN_ASYMMETRIC.encode(x)
    assert q.scale is not None
    assert q.zero_point is not None
    assert q.scale[:2].tolist() == [[1.0], [1.0]]
    # The third row has no range: the smallest scale, and a zero point far outside the codes.
    assert q.scale[2, 0] == np.float32(1e-5)
    assert q.zero_point[:2].tolist() == [[0], [1]]
    assert q.zero_point[2, 0] == -round(5.0 / float(np.float32(1e-5)))
    # 1.5 rounds to 2; 2.5 + 1 = 3.5 to 4.
    assert q.data.tolist() == [[0, 255, 2], [0, 255, 4], [0, 0, 0]]
    assert (q.data.dtype, q.zero_point.dtype) == (np.uint8, np.int32)


def test_zero_points_round_half_to_even() -> None:
    low = np.array([[-0.5], [-1.5], [-2.5], [-1.375], [-1.625], [0.75]])
    q = INT8_PER_TOKEN_ASYMMETRIC.encode(np.concatenate([low, low + 255], axis=1))
    assert q.zero_point is not None
    assert q.zero_point.tolist() == [[0], [2], [2], [1], [2], [-1]]


def test_int8_scales_in_the_format_of_the_activations() -> None:
    q = int8_per_token(scale=BF16).encode(np.array([[1.0, -1.0]]))
    assert q.scale is not None
    s = BF16.decode(q.scale)
    # 1 / 127 is 1.0079 * 2**-7, rounded down to (1 + 2**-7) * 2**-7: the code is 1 / s = 127.008, still 127.
    assert s.tolist() == [[(1 + 2.0**-7) * 2.0**-7]]
    assert q.data.tolist() == [[127, -127]]


def test_int4_symmetric() -> None:
    # Column 0 has the codes 1..8 of -7..0, column 1 those of 7..0.
    x = np.stack([np.arange(-7, 1), np.arange(7, -1, -1)], axis=1)
    q = int4_group(8).encode(x)
    assert q.scale is not None
    assert q.data.dtype == np.int32
    assert q.data.view(np.uint32).tolist() == [[0x87654321, 0x89ABCDEF]]
    assert q.scale.tolist() == [[0x3F80, 0x3F80]]
    assert q.zero_point is None


def test_int4_asymmetric() -> None:
    # Column j spans -j .. 15 - j, so its zero point is j; the codes are 0, 15 and then j.
    x = np.zeros((8, 8))
    x[0], x[1] = -np.arange(8), 15 - np.arange(8)
    q = int4_group(8, symmetric=False).encode(x)
    assert q.zero_point is not None
    assert q.zero_point.view(np.uint32).tolist() == [[0x76543210]]
    assert q.data.view(np.uint32).tolist() == [[(0x11111111 * j & 0xFFFFFF00) | 0xF0 for j in range(8)]]


def test_int4_ranges_are_widened_to_zero() -> None:
    x = np.full((8, 8), 30.0)
    form = int4_group(8, symmetric=False)
    q = form.encode(x)
    assert q.scale is not None
    assert q.zero_point is not None
    assert q.scale.tolist() == [[0x4000] * 8]  # 30 / 15
    assert not q.zero_point.any()
    np.testing.assert_array_equal(form.decode(q), x)
    # Also where zero points could say more than the codes.
    wide = replace(form, zero_point=ZeroPoint(element=INT32)).encode(x)
    assert wide.zero_point is not None
    assert not wide.zero_point.any()


def test_act_order_reorders_the_rows_that_are_stored() -> None:
    form = int4_group(8)
    x = np.repeat(np.array([[7.0], [70.0]]), 8, axis=0) * np.ones(4)
    g_idx = np.arange(16).reshape(8, 2).T.reshape(-1)  # even rows, then odd rows
    mixed = np.empty_like(x)
    mixed[g_idx] = x
    q = form.encode(mixed, g_idx=g_idx)
    plain = form.encode(x)
    assert q.g_idx is not None
    assert q.g_idx.dtype == np.int32
    assert q.g_idx.tolist() == g_idx.tolist()
    np.testing.assert_array_equal(q.data, plain.data)
    np.testing.assert_array_equal(q.scale, plain.scale)
    np.testing.assert_array_equal(form.decode(q), mixed)


def test_given_scales_and_zero_points() -> None:
    x = np.array([[1.0, 300.0]])
    static = PER_TOKEN_E4M3.encode(x, scale=0.5)
    assert static.scale is not None
    assert static.scale.tolist() == [[0.5]]
    # 1 / 0.5 = 2 is 0x40; 300 / 0.5 = 600 saturates.
    assert static.data.tobytes().hex() == "407e"
    shifted = INT8_PER_TOKEN_ASYMMETRIC.encode(x, scale=[[2.0]], zero_point=[[3.0]])
    assert shifted.zero_point is not None
    assert shifted.zero_point.tolist() == [[3]]
    # 0.5 + 3 = 3.5 rounds to 4; 150 + 3.
    assert shifted.data.tolist() == [[4, 153]]
