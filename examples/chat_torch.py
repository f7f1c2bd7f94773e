"""Talk to a language model that torch runs: the sister of chat_jax.py, one request at a time.

    python -m examples.chat_torch MODEL          a .gguf file, or a folder of Hugging Face
    python -m examples.chat_torch smollm2 "What is the capital of France?"     one question, one answer

What happens, from the bottom up:

    specs/               every operation once: what it computes, and one tile program
    torch_impl.ops       generated from these: Triton kernels on GPUs, torch itself on this CPU
    torch_impl.layers    a decoder layer, made of operations: norm, rotation, attention over pages, products
    torch_impl.serving   a checkpoint on a device

JAX has the same layers, and an engine that shares a step between many requests: `chat_jax.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from rich.console import Console

from checkpoints.checkpoint import Checkpoint
from checkpoints.text import TextStream
from specs.decoder.batch import Request, step_batch
from specs.sampling.tables import sampling_table
from torch_impl import ops
from torch_impl.layers.decoder import decode
from torch_impl.serving.model import Model
from torch_impl.serving.start import prepare

CONSOLE: Final = Console()
PAGES, PAGE = 64, 16
"""Pages of the caches, and tokens of a page: the longest conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How answers are drawn: temperature 0 always takes the most likely token."""

    temperature: float
    seed: int
    max_tokens: int


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A model with the keys and values of what was said. cached: the tokens that they are of."""

    model: Model
    checkpoint: Checkpoint
    settings: Settings
    caches: Any = None
    cached: list[int] = field(default_factory=list)

    def answer(self, messages: list[dict[str, str]]) -> Iterator[str]:
        """Pieces of the answer to the last message."""
        assert self.checkpoint.chat is not None
        tokenizer, start, times = self.checkpoint.tokenizer, time.perf_counter(), list[float]()
        # The checkpoint's own template puts the messages into the form that the model was trained on.
        prompt = tokenizer.encode(self.checkpoint.chat.render(messages))
        text, tokens = TextStream(tokenizer.decode), prompt
        while len(times) < self.settings.max_tokens and len(tokens) <= PAGES * PAGE:
            drawn = self.next_token(tokens)
            times.append(time.perf_counter() - start)
            if drawn in tokenizer.eos:
                break
            tokens = [*tokens, drawn]
            yield text.add(drawn)
        yield text.finish()
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        said = f"{len(prompt)} in, {len(times)} out, {times[0]:.2f} s to the first token, {rate:.0f} tokens/s"
        CONSOLE.print(f"\n[dim]{said}[/dim]", highlight=False)

    @torch.inference_mode()
    def next_token(self, tokens: list[int]) -> int:
        """The token after these. Those that are in the caches already are not computed again."""
        if self.caches is None:
            self.caches = self.model.caches(PAGES, PAGE)
        same = (one == other for one, other in zip(tokens[:-1], self.cached, strict=False))
        computed = next((n for n, equal in enumerate(same) if not equal), min(len(tokens) - 1, len(self.cached)))
        # A step takes any number of requests, decodes and parts of prompts; here it is one, which has all pages.
        request = Request(computed=computed, tokens=tokens[computed:], pages=range(PAGES))
        step = self.model.step(step_batch([request], page_size=PAGE))
        logits = decode(step, self.model.weights, self.caches)
        self.cached = tokens
        # The draw depends on the seed and on the token's position alone, and is the same in JAX, bit for bit.
        where, seed = logits.device, np.array([self.settings.seed], np.uint64).view(np.int32)
        drawn = ops.sample(
            logits,
            temperature=torch.tensor([self.settings.temperature], device=where),
            seeds=torch.from_numpy(seed[None]).to(where),
            positions=torch.tensor([len(tokens)], dtype=torch.int32, device=where),
            table=torch.from_numpy(sampling_table()).to(where),
        )
        return int(drawn)


def chat(
    model: Annotated[str, typer.Argument(help="smollm2, a .gguf file, or a Hugging Face folder.")] = "smollm2",
    question: Annotated[str | None, typer.Argument(help="Ask this and end.")] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the draws, at temperatures above 0.")] = 0,
    max_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 256,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or xpu; a GPU where torch sees one.")] = None,
) -> None:
    """A conversation in the terminal."""
    try:
        ready = prepare(model, device=device, told=CONSOLE.print)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error)) from None
    if ready.checkpoint.chat is None:
        raise typer.BadParameter(f"{model} has no chat template")
    settings = Settings(temperature=temperature, seed=seed, max_tokens=max_tokens)
    conversation = Conversation(model=ready.model, checkpoint=ready.checkpoint, settings=settings)
    messages: list[dict[str, str]] = []
    questions = iter([question]) if question else iter(lambda: CONSOLE.input("[bold]> [/bold]"), "")
    try:
        for asked in questions:
            messages.append({"role": "user", "content": asked})
            pieces = []
            for piece in conversation.answer(messages):
                pieces.append(piece)
                CONSOLE.print(piece, end="", markup=False, highlight=False)
            messages.append({"role": "assistant", "content": "".join(pieces)})
    except (EOFError, KeyboardInterrupt):
        CONSOLE.print()


if __name__ == "__main__":
    typer.run(chat)
