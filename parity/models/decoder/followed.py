"""The first operation at which a decoder's steps in torch and in JAX part: its prompt, then a decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from checkpoints.checkpoint import Checkpoint
from parity.functions.calls import stage
from parity.functions.parting import Followed, first_parting
from parity.models.decoder.runs import served
from parity.models.decoder.texts import PAGE
from specs.decoder.batch import Request, step_batch
from specs.decoder.precision import Precision
from specs.lang.errors import Unsupported

PROMPT: Final = "What is the capital of France?"


def follow(
    checkpoint: Checkpoint,
    precision: Precision,
    prompt: str = PROMPT,
    *,
    device: str = "cpu",
    progress: Callable[[str], None] | None = None,
) -> Followed:
    """Follows two steps: all tokens of a text except the last, then that one.

    Raises:
        Unsupported: the text has a single token, a framework is not installed or sees no such device.
    """
    say = progress or (lambda _text: None)
    ids = checkpoint.tokenizer.encode(prompt)
    if len(ids) < 2:
        raise Unsupported("following a step of decodes", f"the prompt has {len(ids)} tokens, it takes 2")
    if precision.decode:
        checkpoint = checkpoint.decoded()
    pages = -(-len(ids) // PAGE)
    say(f"{checkpoint.name}: loading")
    torch, jax = (served(name, checkpoint, precision, pages, device) for name in ("torch", "jax"))
    total = Followed(parting=None, calls=0, share=0.0, widest="")
    for name, (start, tokens) in {"prompt": (0, ids[:-1]), "decode": (len(ids) - 1, ids[-1:])}.items():
        say(f"{checkpoint.name}: {name}, {len(tokens)} tokens")
        batch = step_batch([Request(computed=start, tokens=tokens, pages=tuple(range(pages)))], page_size=PAGE)
        with stage(name):
            found = first_parting(lambda: torch.step(batch, stage), lambda: jax.step(batch, stage), device=device)  # noqa: B023
        total = _joined((total, found))
        if found.parting is not None:
            break
    return total


def _joined(parts: Sequence[Followed]) -> Followed:
    widest = max(parts, key=lambda one: one.share)
    return replace(widest, parting=parts[-1].parting, calls=sum(one.calls for one in parts))
