"""Tokenizers: of `tokenizer.json`, or built from the vocabulary and the merges in a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from specs.extras import hints

with hints("checkpoints"):
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

_QWEN2: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3: Final = _QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
CONTROL, USER_DEFINED = 3, 4
"""Values of `tokenizer.ggml.token_type`: tokens that no text contains, and ones that are matched before all others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokenizer:
    """Text to token ids and back.

    library: the tokenizer of the tokenizers library. bos: token to put first, None for none.
    eos: tokens that end an answer.
    """

    library: tokenizers.Tokenizer
    bos: int | None
    eos: frozenset[int]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; names of control tokens in it become these tokens, as chat templates need it."""
        return list(self.library.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Text of token ids; bytes that are no UTF-8 yet become U+FFFD."""
        return str(self.library.decode(list(ids), skip_special_tokens=not special))

    def token(self, index: int) -> str:
        """A token as the vocabulary writes it; empty for an index that it does not have."""
        return self.library.id_to_token(index) or ""

    @property
    def size(self) -> int:
        """Tokens of the vocabulary, added ones included."""
        return int(self.library.get_vocab_size(with_added_tokens=True))


def from_folder(folder: Path, config: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of a Hugging Face folder, `tokenizer.json`, with the end tokens of its generation settings."""
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    eos = config.get("eos_token_id")
    bos = config.get("bos_token_id")
    found = [] if eos is None else eos if isinstance(eos, list) else [eos]
    return Tokenizer(library=library, bos=bos, eos=frozenset(int(token) for token in found))


def from_gguf(metadata: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that a GGUF file describes.

    Raises:
        ValueError: a model of tokenizer, or a way to split text, that is not supported.
    """
    model = metadata["tokenizer.ggml.model"]
    if model != "gpt2":
        raise ValueError(f"tokenizer.ggml.model: expected gpt2 (byte-level BPE); got {model!r}")
    tokens: list[str] = list(metadata["tokenizer.ggml.tokens"])
    merges = [tuple(line.split(" ", 1)) for line in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    library = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    library.pre_tokenizer = _splitter(str(metadata.get("tokenizer.ggml.pre", "gpt-2")))
    library.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    for kind, special in ((CONTROL, True), (USER_DEFINED, False)):
        names = [tokens[index] for index, found in enumerate(kinds) if int(found) == kind]
        added = [tokenizers.AddedToken(name, special=special, normalized=False) for name in names]
        (library.add_special_tokens if special else library.add_tokens)(added)
    ends = [metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")]
    bos = metadata.get("tokenizer.ggml.bos_token_id") if metadata.get("tokenizer.ggml.add_bos_token", False) else None
    return Tokenizer(library=library, bos=bos, eos=frozenset(int(end) for end in ends if end is not None))


def _splitter(kind: str) -> pre_tokenizers.PreTokenizer:
    """How text is split before merges, by the name that llama.cpp has for it."""
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if kind == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    if kind in ("gpt-2", "gpt2", "default"):
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    patterns = {"qwen2": _QWEN2, "llama-bpe": _LLAMA3, "llama3": _LLAMA3}
    if kind not in patterns:
        raise ValueError(f"tokenizer.ggml.pre: expected one of smollm, gpt-2, {', '.join(patterns)}; got {kind!r}")
    split = pre_tokenizers.Split(tokenizers.Regex(patterns[kind]), behavior="isolated")
    return pre_tokenizers.Sequence([split, bytes_only])
