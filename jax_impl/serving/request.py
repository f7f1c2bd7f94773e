"""One request: its tokens, its settings, how far it is, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from jax_impl.serving.cache_pages import Tables
from jax_impl.serving.pages import ROOT, Digest, block_digest

MAX_TOP_LOGPROBS: Final = 20
"""Most alternatives per token that logprobs can name, as in OpenAI's API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How tokens are drawn, and when to stop.

    max_tokens: most tokens to generate.
    temperature: 0 for the most likely token.
    top_k: tokens to draw from, 0 for all. top_p: their probability mass, 1 for all. min_p: least probability relative
        to the most likely token's, 0 for all.
    repetition_penalty: what divides positive logits of tokens that the prompt or the output has, and multiplies
        negative ones; 1 for none. frequency_penalty: what these lose per occurrence in the output, presence_penalty:
        once; 0 for none.
    seed: of the draws; a request with the same seed and tokens draws the same tokens in any batch.
    stop: texts that end the request; the text ends before them. stop_tokens: ids that end it.
    ignore_eos: whether the model's end-of-sequence tokens are generated like others.
    logprobs: alternatives to report per token, None for none at all.
    """

    max_tokens: int = 256
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    stop_tokens: frozenset[int] = frozenset()
    ignore_eos: bool = False
    logprobs: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a value outside its range, by name."""
        ranges = (
            ("max_tokens", self.max_tokens >= 1, "at least 1"),
            ("temperature", 0.0 <= self.temperature <= 100.0, "0 to 100"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("top_p", 0.0 < self.top_p <= 1.0, "more than 0 and at most 1"),
            ("min_p", 0.0 <= self.min_p <= 1.0, "0 to 1"),
            ("repetition_penalty", 0.0 < self.repetition_penalty <= 100.0, "more than 0 and at most 100"),
            ("frequency_penalty", -2.0 <= self.frequency_penalty <= 2.0, "-2 to 2"),
            ("presence_penalty", -2.0 <= self.presence_penalty <= 2.0, "-2 to 2"),
            ("seed", 0 <= self.seed < 1 << 64, "0 to 2**64 - 1"),
            ("logprobs", self.logprobs is None or 0 <= self.logprobs <= MAX_TOP_LOGPROBS, f"0 to {MAX_TOP_LOGPROBS}"),
        )
        for name, holds, expected in ranges:
            if not holds:
                raise ValueError(f"{name}: expected {expected}; got {getattr(self, name)}")

    @property
    def penalised(self) -> bool:
        """Whether logits depend on the tokens so far beyond what the model computes."""
        return (self.repetition_penalty, self.frequency_penalty, self.presence_penalty) != (1.0, 0.0, 0.0)

    @property
    def greedy(self) -> bool:
        """Whether all there is to do is to take the most likely token."""
        return self.temperature == 0.0 and self.logprobs is None and not self.penalised


class FinishReason(Enum):
    """Why a request ended."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request between its arrival and its end.

    prompt, output: tokens; prompt_ids: the prompt, int32.
    draft: tokens that may come next, which the next step verifies.
    planned: tokens that a queued step makes, and that are not known.
    computed: tokens whose keys and values are in the caches, or will be when the queued steps have run.
    pages: its pages in every group of caches. digests: of its first full blocks.
    """

    id: str
    prompt: tuple[int, ...]
    params: SamplingParams
    arrival: int
    output: list[int] = field(default_factory=list)
    draft: tuple[int, ...] = ()
    planned: int = 0
    computed: int = 0
    pages: Tables = field(default_factory=dict)
    digests: list[Digest] = field(default_factory=list)
    finished: FinishReason | None = None
    preemptions: int = 0
    prompt_ids: npt.NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        """Makes the array once."""
        self.prompt_ids = np.asarray(self.prompt, np.int32)

    @property
    def known(self) -> int:
        """Tokens whose ids the host has."""
        return len(self.prompt) + len(self.output)

    @property
    def length(self) -> int:
        """Tokens, including what queued steps draw."""
        return self.known + self.planned

    def token(self, position: int) -> int:
        """The id at a position that is known."""
        count = len(self.prompt)
        return self.prompt[position] if position < count else self.output[position - count]

    def block_digests(self, size: int, tokens: int) -> list[Digest]:
        """Names of the full blocks of `size` tokens among the first `tokens` tokens, all of them known."""
        for block in range(len(self.digests), min(tokens, self.known) // size):
            content = [self.token(block * size + row) for row in range(size)]
            self.digests.append(block_digest(self.digests[-1] if self.digests else ROOT, content))
        return self.digests[: tokens // size]
