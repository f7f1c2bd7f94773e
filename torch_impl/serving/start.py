"""From a model's name to a model that is ready, with progress for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from checkpoints.checkpoint import Checkpoint
from checkpoints.names import model_path
from checkpoints.opening import open_checkpoint
from specs.decoder.precision import precision_of
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from torch_impl.layers.step import Options
from torch_impl.serving.model import Model, load

Told = Callable[[str], None]
_DTYPES: Final[dict[ElementFormat, torch.dtype]] = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A model, and the checkpoint that it is of."""

    model: Model
    checkpoint: Checkpoint


def prepare(model: str, *, device: str | None = None, invariant: bool = False, told: Told = print) -> Ready:
    """Opens a model and puts it on a device, in the formats that fit it (`specs.decoder.precision`).

    Args:
        model: a name or a path. device: cpu, cuda or xpu; a GPU where torch sees one when left out.
        invariant: see `Options`. told: is called with a line for every step.

    Raises:
        FileNotFoundError: there is no such model; the message says how to get it.
    """
    path = model_path(model)
    where = default_device() if device is None else torch.device(device)
    told(f"reading {path.name}")
    checkpoint = open_checkpoint(path)
    chosen = precision_of(where.type)
    loaded = load(
        checkpoint,
        Options(dtype=_DTYPES[chosen.activations], invariant=invariant),
        cache_dtype=_DTYPES[chosen.caches],
        decode=chosen.decode,
        device=where,
    )
    weights = chosen.describe(checkpoint.quantisation)
    told(f"{checkpoint.name}: {loaded.config.layers} layers on {where.type}, weights {weights}")
    return Ready(model=loaded, checkpoint=checkpoint)


def default_device() -> torch.device:
    """The GPU where torch sees one, else the CPU."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.device("cpu") if found is None else found
