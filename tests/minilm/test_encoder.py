"""The encoder without quantisation: the same on numpy, torch and JAX, and right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.models.minilm import encoder
from parity.models.minilm.arrays import ArrayNamespace, HostArray, jax_arrays, numpy_arrays, torch_arrays
from parity.models.minilm.assets import Assets, Tokens
from parity.models.minilm.encoder import cosines, encode, float_linear
from parity.models.minilm.sentences import PAIRS, SENTENCES
from specs.lang.formats.elements import F32, F64
from tests.minilm.independent import embeddings
from tests.minilm.rounding import distance, envelope, reference

NAMESPACES: dict[str, Callable[[], ArrayNamespace]] = {
    "numpy": numpy_arrays,
    "torch": torch_arrays,
    "jax": jax_arrays,
}


@pytest.fixture(scope="module")
def exact(assets: Assets, tokens: Tokens) -> HostArray:
    """Embeddings in float64."""
    return reference(assets, tokens)


@pytest.fixture(scope="module")
def limit(assets: Assets, tokens: Tokens) -> HostArray:
    """How far float32 may be from it, per sentence."""
    return envelope(assets, tokens, F32.unit_roundoff, np.random.default_rng(1))


@pytest.mark.parametrize("name", NAMESPACES)
def test_frameworks_compute_the_same(
    name: str, assets: Assets, tokens: Tokens, exact: HostArray, limit: HostArray
) -> None:
    result = encode(NAMESPACES[name](), assets, tokens)
    assert result.dtype == np.float32
    assert result.shape == (len(SENTENCES), assets.config.hidden)
    assert (distance(result, exact) <= limit).all(), (distance(result, exact) / limit).tolist()


def test_an_independent_encoder_agrees(assets: Assets, exact: HostArray, rng: np.random.Generator) -> None:
    """torch's own transformer layers, in float64, on padded sentences."""
    tokens = assets.tokenise(SENTENCES)
    both = 2 * envelope(assets, tokens, F64.unit_roundoff, rng)
    assert (distance(embeddings(assets, SENTENCES), exact) <= both).all()


def test_packed_sentences_do_not_see_each_other(assets: Assets, exact: HostArray, rng: np.random.Generator) -> None:
    for index in (0, 3, 9):
        alone = assets.tokenise(SENTENCES[index : index + 1])
        both = 2 * envelope(assets, alone, F64.unit_roundoff, rng)
        assert (distance(reference(assets, alone), exact[index : index + 1]) <= both).all()


def test_paraphrases_are_nearer_than_anything_else(exact: HostArray) -> None:
    table = cosines(exact)
    for first in range(0, len(SENTENCES), 2):
        others = np.delete(table[first : first + 2], [first, first + 1], axis=1)
        assert table[first, first + 1] > others.max()
    assert len(SENTENCES) == 2 * len(PAIRS)


def test_embeddings_have_length_one(exact: HostArray) -> None:
    # The sum of 384 squares, its root and the quotient: at most 387 roundings of u each, squared back.
    size = exact.shape[1]
    assert (np.abs((exact * exact).sum(1) - 1) <= 2 * (size + 3) * F64.unit_roundoff).all()


def test_capture_keeps_the_input_of_every_linear(assets: Assets, tokens: Tokens) -> None:
    captured: dict[str, HostArray] = {}
    seen: dict[str, HostArray] = {}
    xp = numpy_arrays()
    plain = float_linear(xp)

    def watched(name: str, x: Any, weight: HostArray, bias: HostArray) -> Any:
        seen[name] = x
        return plain(name, x, weight, bias)

    result = encode(xp, assets, tokens, watched, capture=captured)
    assert result.tobytes() == encode(xp, assets, tokens).tobytes(), "watching changes nothing"
    assert list(captured) == [linear.name for _, _, linear in assets.linears()]
    for _, _, linear in assets.linears():
        kept = captured[linear.name]
        assert kept.shape == (tokens.ids.size, linear.weight.shape[1])
        assert kept.dtype == np.float32
        assert kept.tobytes() == seen[linear.name].tobytes()


# -- what the comparison above has to notice ------------------------------------------------------------------------


def _without_bias(xp: ArrayNamespace) -> encoder.LinearFunction:
    """One bias of 36 left out."""
    plain = float_linear(xp)

    def linear(name: str, x: Any, weight: HostArray, bias: HostArray) -> Any:
        return plain(name, x, weight, bias * (name != "encoder.layer.2.output.dense"))

    return linear


def _without_a_column(xp: ArrayNamespace) -> encoder.LinearFunction:
    """One column of one weight left out."""
    plain = float_linear(xp)

    def linear(name: str, x: Any, weight: HostArray, bias: HostArray) -> Any:
        if name == "encoder.layer.3.attention.self.value":
            weight = weight * (np.arange(weight.shape[1]) != 383)
        return plain(name, x, weight, bias)

    return linear


@pytest.mark.parametrize("fault", [_without_bias, _without_a_column])
def test_a_wrong_linear_is_noticed(
    fault: Callable[[ArrayNamespace], encoder.LinearFunction],
    assets: Assets,
    tokens: Tokens,
    exact: HostArray,
    limit: HostArray,
) -> None:
    xp = numpy_arrays()
    assert (distance(encode(xp, assets, tokens, fault(xp)), exact) > limit).all()


def test_an_approximate_gelu_is_noticed(
    assets: Assets, tokens: Tokens, exact: HostArray, limit: HostArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tanh_form(_xp: ArrayNamespace, x: HostArray) -> HostArray:
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    monkeypatch.setattr(encoder, "gelu", tanh_form)
    assert (distance(encode(numpy_arrays(), assets, tokens), exact) > limit).all()


def test_a_wrong_norm_is_noticed(assets: Assets, tokens: Tokens, exact: HostArray, limit: HostArray) -> None:
    other = replace(assets, config=replace(assets.config, layer_norm_eps=1e-5))
    assert (distance(encode(numpy_arrays(), other, tokens), exact) > limit).any()


def test_a_missing_mask_is_noticed(assets: Assets, tokens: Tokens, exact: HostArray, limit: HostArray) -> None:
    """One token of the second sentence counted as the first's: each sees what it must not."""
    sentence = tokens.sentence.copy()
    sentence[np.argmax(sentence == 1)] = 0
    moved = encode(numpy_arrays(), assets, replace(tokens, sentence=sentence))
    beyond = distance(moved, exact) > limit
    assert beyond[:2].all()
    assert not beyond[2:].any()
