"""Numbers as readers meet them: nothing above a bound ever reads as inside it."""

from __future__ import annotations

import pytest

from parity.show import wording

INF, NAN = float("inf"), float("nan")


SHARES = {
    0.0: "0",
    1e-9: "<0.01",
    0.004999: "<0.01",
    0.43: "0.43",
    1.0: "1.00",
    1.0001: ">1.00",
    1.2345: "1.23",
    245.89: "245.89",
    12345.0: "1.2×10⁴",
    INF: "∞",
    NAN: "NaN",
    None: "–",
}
ULPS = {
    0.0: "0",
    0.5: "0.50",
    1.0: "1",
    0.001: "<0.01",
    128.0: "128",
    4096.3: "4\u202f096",
    1e7: "1.0×10⁷",
    INF: "∞",
}
VALUES = {
    0.0: "0",
    -54.884: "−54.884",
    1e-9: "1.000×10⁻⁹",
    9.99996e-8: "1.000×10⁻⁷",
    -1234567.0: "−1.235×10⁶",
    -INF: "−∞",
    NAN: "NaN",
    None: "–",
}


@pytest.mark.parametrize(("x", "text"), SHARES.items())
def test_share(x: float | None, text: str) -> None:
    assert wording.share(x) == text


@pytest.mark.parametrize(("x", "text"), ULPS.items())
def test_ulps(x: float, text: str) -> None:
    assert wording.ulps(x) == text


@pytest.mark.parametrize(("x", "text"), VALUES.items())
def test_value(x: float | None, text: str) -> None:
    assert wording.value(x) == text
    assert wording.value(-0.0) == "−0"


def test_powers_times_and_durations() -> None:
    assert wording.power_of_two(-11) == "2⁻¹¹"
    assert wording.power_of_two(0.5) == "1.41"
    assert wording.duration(0.0113) == "11 ms"
    assert wording.duration(94.2) == "94.2 s"
    assert wording.duration(754) == "12 min 34 s"
    assert wording.moment("2026-11-21T10:15:00+01:00") == "21 November 2026, 10:15 UTC+01:00"
    assert wording.moment("yesterday") == "yesterday"


@pytest.mark.parametrize(("x", "inside"), [(None, True), (0.0, True), (1.0, True), (1.0000001, False), (INF, False)])
def test_within(x: float | None, inside: bool) -> None:
    assert wording.within(x) == inside
    assert inside == (wording.share(x) in {"–", "0", "1.00"})
