"""The questions, their answers, and how both are divided into steps.

The answers are the greedy continuations of the float64 oracle, which the job checks: whatever a framework would have
said, every position of a text has the same tokens before it everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from checkpoints.checkpoint import Checkpoint
from specs.decoder.batch import Request, StepBatch, step_batch

END: Final = "<|im_end|>"
CONVERSATIONS: Final = (
    ("What is the capital of France?", f"The capital of France is Paris.{END}"),
    (
        "Write one sentence about the sea.",
        (
            "The sea is a vast and mysterious realm, teeming with life and unending in its own way, a testament to the "
            f"unending beauty of the universe.{END}"
        ),
    ),
)
PAGE: Final = 16
"""Tokens of a page."""
CHUNK: Final = 40
"""Tokens of a step with parts of prompts."""
DECODES: Final = 1
"""Steps in which every request has one token, where there are such steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A question with its answer. prompt: tokens before the answer."""

    question: str
    ids: tuple[int, ...]
    prompt: int

    @property
    def answered(self) -> range:
        """Positions whose logits are of a token of the answer."""
        return range(self.prompt - 1, len(self.ids) - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """Steps for all conversations, and which rows of them are which tokens.

    batches: padded to few sizes. rows: per batch, (conversation, position) of every row that is no padding.
    pages: of the caches.
    """

    batches: tuple[StepBatch, ...]
    rows: tuple[tuple[tuple[int, int], ...], ...]
    pages: int


def conversations(checkpoint: Checkpoint) -> tuple[Conversation, ...]:
    """All of them as token ids."""
    assert checkpoint.chat is not None, "the model is one for conversations"
    found = []
    for question, answer in CONVERSATIONS:
        prompt = checkpoint.tokenizer.encode(checkpoint.chat.render([{"role": "user", "content": question}]))
        ids = (*prompt, *checkpoint.tokenizer.encode(answer))
        found.append(Conversation(question=question, ids=ids, prompt=len(prompt)))
    return tuple(found)


def schedule(texts: Sequence[Conversation], *, decodes: int) -> Schedule:
    """Prompts in chunks, then `decodes` steps of one token for every request, then the rest of the answers in chunks.

    Without steps of single tokens, one step for everything. All steps are padded to the same number of tokens.
    """
    width = max(-(-len(text.ids) // PAGE) for text in texts)
    # Pages of a request are not neighbours, as in a server that has run for a while.
    pages = [tuple(range(index, width * len(texts), len(texts))) for index in range(len(texts))]
    computed, batches, rows = [0] * len(texts), list[StepBatch](), list[tuple[tuple[int, int], ...]]()

    size = CHUNK if decodes else sum(len(text.ids) for text in texts)

    def step(counts: Sequence[int]) -> None:
        requests, own = [], []
        for index, count in enumerate(counts):
            start = computed[index]
            if count:
                ids = texts[index].ids[start : start + count]
                requests.append(Request(computed=start, tokens=ids, pages=pages[index]))
                own += [(index, start + i) for i in range(count)]
            computed[index] += count
        batches.append(step_batch(requests, page_size=PAGE, tokens=size, batch=len(texts), table=width))
        rows.append(tuple(own))

    def chunks(ends: Sequence[int]) -> None:
        while any(done < end for done, end in zip(computed, ends, strict=True)):
            room, counts = size, []
            for done, end in zip(computed, ends, strict=True):
                counts.append(min(room, end - done))
                room -= counts[-1]
            step(counts)

    if decodes:
        chunks([text.prompt for text in texts])
        for _ in range(decodes):
            step([1] * len(texts))
    chunks([len(text.ids) for text in texts])
    return Schedule(batches=tuple(batches), rows=tuple(rows), pages=width * len(texts))
