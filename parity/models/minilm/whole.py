"""The whole encoder as serving runs it: packed sentences, hidden states in bf16, linears under a scheme.

    embeddings, then per layer  query key value -> attention over packed sentences -> projection -> add and norm
                                -> up -> GELU -> down -> add and norm,  then means per sentence, scaled to length 1

Written once; what happens at an operation is left to a callable, so that the same description runs on one framework,
and keeps what goes into every operation of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.judge.frameworks import Result
from parity.judge.inputs import decode
from parity.models.minilm.arrays import HostArray
from parity.models.minilm.assets import Assets, Linear, Tokens
from parity.models.minilm.linears import Side
from parity.models.minilm.operations import AddNorm, Attention, Embed, Gelu, Operation, Pool, Quantised

Step = Quantised | Operation

Do = Callable[[int, str, Step, tuple[Any, ...]], Any]
"""(stage, name of the operation in it, operation, arguments) -> result. Stage 0 is the embeddings, 1 .. n the layers,
n + 1 the pooling.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One operation of a run and the bytes that went into it."""

    stage: int
    name: str
    operation: Step
    arguments: tuple[Result, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Values of one run, float32: hidden [T, hidden] after every stage but the last; embeddings [sentences, hidden]."""

    hidden: tuple[HostArray, ...]
    embeddings: HostArray


def encoder(assets: Assets, tokens: Tokens, do: Do) -> tuple[list[Any], Any]:
    """Hidden states after the embeddings and after every layer, and the embeddings of the sentences."""
    x = do(0, "embeddings", Embed(assets=assets, tokens=tokens), ())
    states = [x]
    attend, gelu, eps = Attention(tokens=tokens, heads=assets.config.heads), Gelu(), assets.config.layer_norm_eps
    for stage, layer in enumerate(assets.layers, start=1):

        def through(name: str, which: Linear, inputs: Any, stage: int = stage) -> Any:
            return do(stage, name, Quantised(linear=which), (inputs,))

        q, k, v = (through(name, getattr(layer, name), x) for name in ("query", "key", "value"))
        mixed = do(stage, "attention", attend, (q, k, v))
        projected = through("attention_output", layer.attention_output, mixed)
        x = do(stage, "attention_norm", AddNorm(norm=layer.attention_norm, eps=eps), (projected, x))
        widened = do(stage, "gelu", gelu, (through("up", layer.up, x),))
        narrowed = through("down", layer.down, widened)
        x = do(stage, "output_norm", AddNorm(norm=layer.output_norm, eps=eps), (narrowed, x))
        states.append(x)
    return states, do(len(assets.layers) + 1, "pooling", Pool(tokens=tokens), (x,))


def run(side: Side, assets: Assets, tokens: Tokens, seen: list[Seen] | None = None) -> Trace:
    """The encoder on one implementation under one scheme.

    Args:
        seen: where to leave every operation with the bytes that went into it.

    Raises:
        Unsupported: the implementation cannot run there.
    """
    one = side.engine

    def do(stage: int, name: str, operation: Step, arguments: tuple[Any, ...]) -> Any:
        if seen is not None:
            kept = tuple(one.result(array) for array in arguments)
            seen.append(Seen(stage=stage, name=name, operation=operation, arguments=kept))
        return operation.run(side, *arguments)

    states, embeddings = encoder(assets, tokens, do)
    return Trace(hidden=tuple(_host(one.result(x)) for x in states), embeddings=_host(one.result(embeddings)))


def _host(array: Result) -> HostArray:
    return np.asarray(decode(array.raw, array.form), np.float32)
