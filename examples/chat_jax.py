"""Talk to a language model that JAX runs: an introduction to the library in one file.

    make chat                                    SmolLM2-135M from a GGUF file, on this machine
    python -m examples.chat_jax MODEL            a .gguf file, or a folder of Hugging Face
    python -m examples.chat_jax smollm2 "What is the capital of France?"     one question, one answer

What happens, from the bottom up:

    specs/               every operation once: what it computes, and one tile program
    jax_impl.ops         generated from these: Pallas or Triton kernels on GPUs, XLA on this CPU
    jax_impl.layers      a decoder layer, made of operations: norm, rotation, attention over pages, products
    jax_impl.serving     an engine: many requests in one step, pages for their keys and values

torch has the same layers, and runs the same model: `chat_torch.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from jax_impl.serving.request import SamplingParams
from jax_impl.serving.scheduler import Limits
from jax_impl.serving.start import Ready, Sizes, prepare, warm

CONSOLE: Final = Console()
LENGTH: Final = 1024
"""Tokens of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How answers are drawn: temperature 0 always takes the most likely token."""

    temperature: float
    seed: int
    max_tokens: int


def answer(ready: Ready, messages: list[dict[str, str]], settings: Settings) -> Iterator[str]:
    """Pieces of the answer to the last message."""
    engine, checkpoint = ready.engine, ready.checkpoint
    assert checkpoint.chat is not None
    # The checkpoint's own template puts the messages into the form that the model was trained on.
    prompt = checkpoint.tokenizer.encode(checkpoint.chat.render(messages))
    params = SamplingParams(
        max_tokens=min(settings.max_tokens, LENGTH - len(prompt)), temperature=settings.temperature, seed=settings.seed
    )
    # Turns of the conversation before this one are in the caches: the engine finds their pages by what they hold.
    engine.add("chat", prompt, params)
    start, first, tokens = time.perf_counter(), 0.0, 0
    while engine.busy:
        for output in engine.step():
            first = first or time.perf_counter() - start
            tokens += len(output.tokens)
            yield output.text
    seconds = time.perf_counter() - start - first
    rate = (tokens - 1) / seconds if tokens > 1 else 0.0
    CONSOLE.print(
        f"\n[dim]{len(prompt)} in, {tokens} out, {first:.2f} s to the first token, {rate:.0f} tokens/s[/dim]",
        highlight=False,
    )


def chat(
    model: Annotated[str, typer.Argument(help="smollm2, a .gguf file, or a Hugging Face folder.")] = "smollm2",
    question: Annotated[str | None, typer.Argument(help="Ask this and end.")] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the draws, at temperatures above 0.")] = 0,
    max_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 256,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps compiled programs.")] = None,
) -> None:
    """A conversation in the terminal."""
    limits = Limits(tokens=64, requests=1, waiting=1, length=LENGTH)
    try:
        ready = prepare(model, Sizes(limits=limits), cache=cache, told=CONSOLE.print)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error)) from None
    if ready.checkpoint.chat is None:
        raise typer.BadParameter(f"{model} has no chat template")
    warm(ready, greedy=temperature == 0.0, told=CONSOLE.print)
    settings, messages = Settings(temperature=temperature, seed=seed, max_tokens=max_tokens), []
    questions = iter([question]) if question else iter(lambda: CONSOLE.input("[bold]> [/bold]"), "")
    try:
        for asked in questions:
            messages.append({"role": "user", "content": asked})
            pieces = []
            for piece in answer(ready, messages, settings):
                pieces.append(piece)
                CONSOLE.print(piece, end="", markup=False, highlight=False)
                sys.stdout.flush()
            messages.append({"role": "assistant", "content": "".join(pieces)})
    except (EOFError, KeyboardInterrupt):
        CONSOLE.print()


if __name__ == "__main__":
    typer.run(chat)
