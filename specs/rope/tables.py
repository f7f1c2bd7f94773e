"""Tables of cosines and sines for rotary position embedding, made on the host.

    table[p, i] = cos(fl(p inv_i)) m,  table[p, rot / 2 + i] = sin(fl(p inv_i)) m       float32 [max_position, rot]

inv_i = theta^(-2 i / rot), changed by the scaling rule, is rounded to float32, and so is its product with p. The
magnitude m is 1 except under YaRN. Rules, as `rope_scaling` of a config.json names them:

    linear    inv_i / factor
    dynamic   theta (factor L / orig - (factor - 1))^(rot / (rot - 2)) in place of theta, L = max(max_position, orig)
    llama3    wavelengths 2 pi / inv_i over orig / low are divided by factor, those under orig / high are not, and
              between the two the share of the second is (orig / wavelength - low) / (high - low)
    yarn      inv_i / factor for slow columns, inv_i for fast ones, and a ramp between the columns that turn beta_fast
              and beta_slow times in orig positions; m = attention_factor, or 0.1 ln(factor) + 1, or the quotient of
              0.1 mscale ln(factor) + 1 and the same of mscale_all_dim, where both are given

Source: Su et al., RoFormer (2021); Chen et al., Position Interpolation (2023); Peng et al., YaRN (2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.errors import Missing, NotAChoice, OutOfRange

NDArray = np.ndarray[Any, Any]

_NAME = "rope_table"
KINDS = ("default", "linear", "dynamic", "llama3", "yarn")


def rope_table(
    max_position: int, rot: int, *, theta: float = 10000.0, scaling: Mapping[str, Any] | None = None
) -> NDArray:
    """Cosines, then sines, float32 [max_position, rot], as `rotary_embedding` takes them.

    Args:
        max_position: rows; under the rule "dynamic" also the length that the frequencies are made for.
        rot: columns of a head that are rotated; even.
        theta: base of the frequencies.
        scaling: `rope_scaling` (or `rope_parameters`) of a Hugging Face config.json: `rope_type`, `factor` and so on;
            None for plain frequencies.

    Raises:
        ArgumentError: a size, the rule or one of its parameters is none that the rule knows.
    """
    if max_position < 0:
        raise OutOfRange(op=_NAME, argument="max_position", expected=">= 0", actual=max_position)
    if rot < 2 or rot % 2:
        raise OutOfRange(op=_NAME, argument="rot", expected="an even number of columns, 2 at least", actual=rot)
    if not theta > 1.0:
        raise OutOfRange(op=_NAME, argument="theta", expected="> 1", actual=theta)
    frequencies, magnitude = inverse_frequencies(max_position, rot, theta, scaling or {})
    # Angles are float32 products, as the models' own code forms them; their cosines are correctly rounded.
    angles = np.arange(max_position, dtype=np.float32)[:, None] * frequencies.astype(np.float32)[None, :]
    wide = angles.astype(np.float64)
    return (np.concatenate([np.cos(wide), np.sin(wide)], axis=1) * magnitude).astype(np.float32)


def inverse_frequencies(max_position: int, rot: int, theta: float, scaling: Mapping[str, Any]) -> tuple[NDArray, float]:
    """Radians per position of every pair, float64 [rot / 2], and the magnitude of cosines and sines.

    Raises:
        ArgumentError: as `rope_table`.
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind not in KINDS:
        raise NotAChoice(op=_NAME, argument="rope_type", expected=", ".join(KINDS), actual=repr(kind))
    plain = _plain(theta, rot)
    if kind == "default":
        return plain, 1.0
    factor = _number(scaling, "factor", kind)
    if kind == "linear":
        return plain / factor, 1.0
    original = _number(scaling, "original_max_position_embeddings", kind)
    if kind == "dynamic":
        if rot == 2:
            raise OutOfRange(op=_NAME, argument="rot", expected="> 2 for rope_type 'dynamic'", actual=rot)
        stretch = factor * max(max_position, original) / original - (factor - 1.0)
        return _plain(theta * stretch ** (rot / (rot - 2)), rot), 1.0
    if kind == "llama3":
        return _llama3(plain, factor, original, scaling), 1.0
    return _yarn(plain, theta, factor, original, scaling), _yarn_magnitude(factor, scaling)


def _plain(theta: float, rot: int) -> NDArray:
    return np.asarray(theta ** (-np.arange(0, rot, 2, dtype=np.float64) / rot))


def _number(scaling: Mapping[str, Any], name: str, kind: str, default: float | None = None) -> float:
    """A positive parameter of the rule `kind`."""
    value = scaling.get(name)
    value = default if value is None else value
    if value is None:
        raise Missing(op=_NAME, argument=name, expected=f"a number for rope_type '{kind}'", actual="None")
    if not float(value) > 0.0:
        raise OutOfRange(op=_NAME, argument=name, expected="> 0", actual=value)
    return float(value)


def _llama3(plain: NDArray, factor: float, original: float, scaling: Mapping[str, Any]) -> NDArray:
    low, high = (_number(scaling, f"{which}_freq_factor", "llama3") for which in ("low", "high"))
    if not high > low:
        raise OutOfRange(op=_NAME, argument="high_freq_factor", expected=f"> low_freq_factor = {low}", actual=high)
    turns = original * plain / (2.0 * np.pi)  # in the positions that the model was trained on
    share = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return np.asarray((1.0 - share) * plain / factor + share * plain)


def _yarn(plain: NDArray, theta: float, factor: float, original: float, scaling: Mapping[str, Any]) -> NDArray:
    rot = 2 * len(plain)

    def column(turns: float) -> float:
        """Column, as a real number, that turns so often in the original positions."""
        return rot * math.log(original / (turns * 2.0 * math.pi)) / (2.0 * math.log(theta))

    first = column(_number(scaling, "beta_fast", "yarn", 32.0))
    last = column(_number(scaling, "beta_slow", "yarn", 1.0))
    if scaling.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, rot - 1)
    if first == last:
        last += 0.001  # the ramp is a step then
    slow = np.clip((np.arange(rot // 2) - first) / (last - first), 0.0, 1.0)
    return np.asarray(plain / factor * slow + plain * (1.0 - slow))


def _yarn_magnitude(factor: float, scaling: Mapping[str, Any]) -> float:
    given = scaling.get("attention_factor")
    if given is not None:
        return float(given)

    def scale(m: float) -> float:
        return 1.0 if factor <= 1.0 else 0.1 * m * math.log(factor) + 1.0

    m, m_all = scaling.get("mscale"), scaling.get("mscale_all_dim")
    return scale(float(m)) / scale(float(m_all)) if m and m_all else scale(1.0)
