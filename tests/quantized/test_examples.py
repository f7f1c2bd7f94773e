"""The examples run: modules hold quantised weights, and results are as near as the formats allow."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from examples import quantized_jax, quantized_torch


def errors(text: str) -> list[float]:
    return [float(share) for share in re.findall(r"largest error ([\d.]+)%", text)]


def test_jax(capsys: pytest.CaptureFixture[str]) -> None:
    quantized_jax.main()
    text = capsys.readouterr().out
    assert len(errors(text)) == sum(find_spec(name) is not None for name in ("flax", "equinox"))
    assert all(error < 15 for error in errors(text))
    assert "scan over 2 layers: (4, 256)" in text


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's own
def test_torch(capsys: pytest.CaptureFixture[str]) -> None:
    quantized_torch.main()
    text = capsys.readouterr().out
    (error,) = errors(text)
    assert error < 15
    assert text.count("True") == 2
