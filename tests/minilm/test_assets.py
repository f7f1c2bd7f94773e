"""The checkpoint is found, read whole, and its absence explained."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from parity.models.minilm import assets as checkpoint
from parity.models.minilm.assets import INSTALL, Assets, Config, Tokens
from parity.models.minilm.sentences import SENTENCES
from specs.extras import hint
from specs.lang.errors import Unsupported


def test_configuration(assets: Assets) -> None:
    expected = Config(layers=6, hidden=384, heads=12, intermediate=1536, layer_norm_eps=1e-12, tokens=256)
    assert assets.config == expected


def test_every_linear_is_there(assets: Assets) -> None:
    found = list(assets.linears())
    hidden, wide = assets.config.hidden, assets.config.intermediate
    shapes = {"up": (wide, hidden), "down": (hidden, wide)}
    assert len(found) == len({linear.name for _, _, linear in found}) == 36
    assert found[0][2].name == "encoder.layer.0.attention.self.query"
    assert found[-1][:2] == (5, "down")
    for layer, name, linear in found:
        assert linear.name.startswith(f"encoder.layer.{layer}.")
        assert linear.weight.shape == shapes.get(name, (hidden, hidden))
        assert linear.bias.shape == linear.weight.shape[:1]
        assert linear.weight.dtype == linear.bias.dtype == np.float32


def test_tokens_are_packed(assets: Assets, tokens: Tokens) -> None:
    # Enough that tiles are filled, few enough that the job stays short.
    assert 128 <= tokens.ids.size <= 200
    assert tokens.sentences == len(SENTENCES)
    for index, sentence in enumerate(SENTENCES):
        inside = tokens.sentence == index
        ids = tokens.ids[inside]
        assert (ids[0], ids[-1]) == (101, 102), "[CLS] and [SEP]"
        np.testing.assert_array_equal(tokens.positions[inside], np.arange(ids.size))
        np.testing.assert_array_equal(ids, assets.tokenise([sentence]).ids)
        assert assets.tokenizer.decode(ids[1:-1].tolist()).split()[0] == sentence.split()[0].lower()


def test_long_sentences_are_cut(assets: Assets) -> None:
    tokens = assets.tokenise(["word " * 1000])
    assert tokens.ids.size == assets.config.tokens


def test_no_sentences_are_no_tokens(assets: Assets) -> None:
    tokens = assets.tokenise([])
    assert (tokens.ids.size, tokens.sentences) == (0, 0)


@pytest.mark.parametrize(
    ("name", "command"), [(checkpoint.PACKAGE, INSTALL), ("tokenizers", hint("tokenizers", "parity", "checkpoints"))]
)
def test_a_missing_package_is_named(name: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without(wanted: str, package: str | None = None) -> ModuleSpec | None:
        return None if wanted == name else find(wanted, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(Unsupported) as refusal:
        checkpoint.load()
    assert name.replace("_", "-") in str(refusal.value)
    assert command in str(refusal.value)


_PROGRAM = "import sys\nfrom parity.models.minilm import assets\nassets.load()\nprint(*sorted(sys.modules))"


def test_nothing_of_the_package_is_imported(
    assets: Assets, subprocess_environment: Callable[..., dict[str, str]]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=subprocess_environment(), capture_output=True, text=True, check=True
    )
    assert not {checkpoint.PACKAGE, "torch", "jax"} & set(done.stdout.split())
