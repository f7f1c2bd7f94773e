"""Checkpoints in torch: the weights that JAX has, and answers of examples/chat_torch.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

import jax_impl.layers.step as jax_step
import jax_impl.serving.model as jax_model
from checkpoints.checkpoint import Checkpoint
from examples import chat_jax, chat_torch
from examples.chat_torch import Conversation, Settings
from jax_impl.serving.command import serve
from tests.decoder.models import checkpoint
from tests.serving.tiny import tokenizer
from torch_impl.layers.step import Options
from torch_impl.serving.model import load

QUESTION = "What is the capital of France?"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads would wait for the other test processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened(name: str) -> Checkpoint:
    """A tiny random checkpoint."""
    found = checkpoint(name)
    return Checkpoint(
        name=name,
        config=found.config,
        tensors=found.tensors,
        tokenizer=tokenizer(),
        chat=None,
        quantisation="float32",
    )


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """Arrays by where they are in weights of either framework."""
    if isinstance(tree, dict | tuple):
        pairs = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    elif is_dataclass(tree):
        pairs = [(field.name, getattr(tree, field.name)) for field in fields(tree) if field.name != "form"]
    else:
        return {path: tree}
    return {at: leaf for name, one in pairs for at, leaf in leaves(one, f"{path}/{name}").items()}


def same_bytes(one: jax.Array, other: torch.Tensor) -> bool:
    raw = np.asarray(one).view(np.uint8), other.contiguous().view(torch.uint8).numpy()
    return str(one.dtype) == str(other.dtype).removeprefix("torch.") and np.array_equal(*raw)


@pytest.mark.parametrize("name", ["gpt_oss", "llama"])
def test_weights_are_those_of_jax(name: str) -> None:
    in_jax = jax_model.load(opened(name), jax_step.Options(dtype=jnp.bfloat16), cache_dtype=jnp.bfloat16)
    in_torch = load(opened(name), Options(dtype=torch.bfloat16), cache_dtype=torch.bfloat16)
    one, other = leaves(in_jax.weights), leaves(in_torch.weights)
    assert one.keys() == other.keys()
    assert [at for at in one if not same_bytes(one[at], other[at])] == []
    assert [cache.keys.shape for cache in in_jax.caches(3, 4)] == [tuple(c.keys.shape) for c in in_torch.caches(3, 4)]
    if name == "gpt_oss":
        assert {leaf.dtype for at, leaf in other.items() if at.endswith("sinks")} == {torch.float32}


def test_a_conversation_computes_nothing_twice() -> None:
    settings = Settings(temperature=1.0, seed=7, max_tokens=1)
    found = opened("llama3")
    model = load(found, Options(dtype=torch.float32), cache_dtype=torch.float16)
    whole = Conversation(model=model, checkpoint=found, settings=settings)
    tokens = [int(one) for one in np.random.default_rng(0).integers(0, 96, 20)]
    for count in (5, 6, 20, 12):  # a prompt, the next token, a longer prompt, one that takes another turn
        fresh = Conversation(model=model, checkpoint=found, settings=settings)
        asked = tokens[:count] if count != 12 else [*tokens[:8], *tokens[:4]]
        assert whole.next_token(asked) == fresh.next_token(asked)
        assert whole.cached == asked


def test_chat_in_torch_answers(capsys: pytest.CaptureFixture[str]) -> None:
    chat_torch.chat("smollm2", QUESTION, temperature=0.0, seed=0, max_tokens=16, device="cpu")
    said = capsys.readouterr().out
    assert "The capital of France is Paris.\n" in said
    assert "37 in, 8 out" in said


@pytest.mark.parametrize("command", [chat_torch.chat, chat_jax.chat, serve])
def test_a_model_that_is_not_there_is_no_traceback(command: Callable[..., None]) -> None:
    app = typer.Typer()
    app.command()(command)
    name = "--model=nowhere.gguf" if command is serve else "nowhere.gguf"
    said = CliRunner().invoke(app, [name])
    assert said.exit_code == 2
    assert "expected smollm2, a .gguf file or a folder; got 'nowhere.gguf'" in " ".join(
        said.output.replace("│", "").split()
    )
