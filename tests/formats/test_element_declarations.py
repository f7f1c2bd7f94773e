"""What may be declared as an element format, and which formats hold the values of which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.lang.errors import SpecError
from specs.lang.formats.elements import (
    ALL,
    BF16,
    E4M3,
    E8M0,
    F16,
    F32,
    F64,
    INT32,
    INT64,
    UINT32,
    ElementFormat,
    Kind,
    Overflow,
)

SMALL = tuple(form for form in ALL if form.bits <= 16)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 9}, "bits must be"),
        ({"bits": 4, "exponent_bits": 3, "mantissa_bits": 0}, "none of the three"),
        ({"signed": False, "bits": 7}, "none of the three"),
        ({"subnormals": False}, "none of the three"),
        ({"overflow": Overflow.INFINITY}, "NanRule.IEEE"),
        ({"overflow": Overflow.NAN}, "needs a NaN"),
        ({"kind": Kind.INT, "bits": 65}, "1 to 64 bits"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    sound: dict[str, Any] = {
        "name": "x",
        "kind": Kind.FLOAT,
        "bits": 8,
        "exponent_bits": 4,
        "mantissa_bits": 3,
        "bias": 7,
    }
    assert ElementFormat(**sound).max_finite == 480
    with pytest.raises(SpecError, match=message):
        ElementFormat(**(sound | fields))


def finite(form: ElementFormat) -> np.ndarray:
    values = form.decode(np.arange(1 << form.bits).astype(form.storage_dtype))
    return values[np.isfinite(values)]


@pytest.mark.parametrize("held", SMALL, ids=lambda form: form.name)
@pytest.mark.parametrize("holder", ALL, ids=lambda form: form.name)
def test_holds_is_what_encoding_loses_nothing_means(holder: ElementFormat, held: ElementFormat) -> None:
    values = finite(held)
    assert holder.holds(held) == np.array_equal(holder.decode(holder.encode(values)), values)


def test_holds_among_wide_formats() -> None:
    assert F64.holds(F32)
    assert F64.holds(INT32)
    assert INT64.holds(UINT32)
    assert not any(form.holds(F32) for form in (BF16, F16, E4M3, E8M0, INT64))
    assert not F64.holds(INT64)
    assert not F32.holds(INT32)
    assert not UINT32.holds(INT32)


def test_values_are_compared_by_their_fields() -> None:
    again = ElementFormat(**{name: getattr(E4M3, name) for name in ElementFormat.__dataclass_fields__})
    assert again == E4M3
    assert hash(again) == hash(E4M3)
