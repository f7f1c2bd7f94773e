"""Steps in torch: the same as in JAX, on a GPU captured into a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from benchmarks.decode.load import PAGE, Load, Times, timed
from benchmarks.decode.weights import Precision, strip, tables
from specs.decoder.batch import step_batch
from specs.decoder.config import DecoderConfig
from specs.decoder.weights import Weight
from torch_impl.layers.decoder import DecoderWeights, decode
from torch_impl.layers.linear import put, tensor
from torch_impl.layers.step import Options, Step, rotations
from torch_impl.serving.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchSteps:
    """A step with its tensors. keep: what has to stay alive."""

    queue: Callable[[], None]
    keep: tuple[Any, ...]

    def times(self, steps: int) -> Times:
        """See `timed`."""
        return timed(self.queue, _wait, steps)


def random_model(config: DecoderConfig, precision: Precision, device: torch.device) -> Model:
    """A model with the random weights of `jax_steps.random_model`."""
    made = [{name: _weight(name, w, precision, device) for name, w in table.items()} for table in tables(config)]
    return Model(
        config=config,
        options=Options(dtype=torch.bfloat16),
        weights=DecoderWeights(model=made[0], layers=tuple(made[1:])),
        cos_sin=rotations(config, device),
        cache_dtype=torch.bfloat16,
    )


def _weight(name: str, weight: Weight, precision: Precision, device: torch.device) -> Any:
    rows, times = strip(name, weight, precision)
    if not weight.linear:
        return tensor(weight.array(rows), device).to(torch.float32 if weight.wide else torch.bfloat16)
    part = put(rows, torch.bfloat16, device=device)
    arrays = {field.name: getattr(part, field.name) for field in fields(part)}
    return replace(part, **{n: _repeated(x, times) for n, x in arrays.items() if isinstance(x, torch.Tensor)})


def _repeated(part: torch.Tensor, times: int) -> torch.Tensor:
    return part.view(torch.uint8).repeat(times, *(1 for _ in part.shape[1:])).view(part.dtype)


@torch.inference_mode()
def captured(model: Model, load: Load) -> TorchSteps:
    """The step of a load; on a CPU it is called and not captured."""
    caches = model.caches(load.requests * load.table, PAGE)
    step = model.step(step_batch(load.step(), page_size=PAGE))

    @torch.inference_mode()
    def once() -> None:
        _drawn(step, model, caches)

    if not torch.cuda.is_available():
        return TorchSteps(queue=once, keep=())
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # kernels are compiled, and memory is taken, before the capture
        for _ in range(2):
            once()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        once()
    return TorchSteps(queue=graph.replay, keep=(graph, model, caches, step))


def _drawn(step: Step, model: Model, caches: Any) -> None:
    """One step; of decodes alone the most likely tokens are the next step's."""
    logits = decode(step, model.weights, caches)
    largest = logits.max(-1)  # NaN where there is one
    tokens = torch.where(largest.values.isnan(), -1, largest.indices).to(torch.int32)
    if step.longest == 1:
        step.batch.token_ids.copy_(tokens)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
