"""One process of an engine on several devices; prints for every model its tokens, and facts of a step, as JSON.

    python -m tests.serving.parallel_worker PROCESS PROCESSES PORT DEVICES FOLDER ...

DEVICES is how many virtual CPU devices the process has. The first process listens at PORT. FOLDER is a checkpoint.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import tokenizers
from safetensors.numpy import load_file

from checkpoints.checkpoint import Checkpoint
from checkpoints.tokenizer import Tokenizer
from jax_impl.layers.step import Options
from jax_impl.serving.buckets import Bucket
from jax_impl.serving.engine import Engine, Settings
from jax_impl.serving.memory import Memory, plan
from jax_impl.serving.model import load
from jax_impl.serving.parallel import load_parallel
from jax_impl.serving.request import SamplingParams
from jax_impl.serving.scheduler import Limits
from specs.decoder.config import DecoderConfig

PROMPTS = (tuple(range(3, 24)), (5, 9, 40))


def main(place: tuple[int, int], port: int, devices: int, folders: list[str]) -> None:
    """Generates with the devices of all processes, or on one device. place: number of the process, and how many."""
    process, processes = place
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", devices)
    if processes > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", processes, process)
    draws = (processes == 1, False)  # in one place: what draws does not depend on the model, and compiles for long
    sys.stdout.write(json.dumps([run(Path(folder), draws[index > 0]) for index, folder in enumerate(folders)]) + "\n")


def run(folder: Path, draws: bool) -> dict[str, Any]:
    """Tokens of greedy and perhaps of sampled requests, served together, and what the compiled step does."""
    checkpoint, devices = opened(folder), jax.devices()
    # The products of experts take 16 bits; float16 has three more of them than bfloat16 has, and fewer ties.
    options = Options(dtype=jnp.float32 if checkpoint.config.moe is None else jnp.float16)
    if len(devices) == 1:
        model = load(checkpoint, options, cache_dtype=jnp.float16)
    else:
        model = load_parallel(checkpoint, options, devices, cache_dtype=jnp.float16)
    limits = Limits(tokens=16, requests=2, length=64)
    planned = plan(model, limits, 8, Memory(total=1 << 30, share=0.5, used=0, kind="RAM"))
    engine = Engine(model, checkpoint.tokenizer, Settings(pages=24, page_size=8, limits=limits))
    greedy = engine.generate(PROMPTS, SamplingParams(max_tokens=5))
    seeded = SamplingParams(max_tokens=3, temperature=0.8, seed=11)
    sampled = engine.generate(PROMPTS, seeded) if draws else None
    bucket = Bucket(tokens=2, requests=2, pages=engine.programs.buckets.pages, general=False)
    compiled = engine.programs.get(bucket)
    text, memory = compiled.as_text(), compiled.memory_analysis()  # type: ignore[attr-defined]
    return {
        "devices": len(devices),
        "greedy": greedy,
        "sampled": sampled,
        "sums": text.count(" all-reduce("),
        "gathers": text.count(" all-gather("),
        "planned": [planned.weights, planned.workspace, planned.groups[0].page_bytes],
        "aliased": memory.alias_size_in_bytes,
        "caches": sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(engine._caches)),
    }


def opened(folder: Path) -> Checkpoint:
    """The checkpoint of a folder; its words are numbers."""
    config = DecoderConfig.from_hf(json.loads((folder / "config.json").read_text()))
    words = {str(token): token for token in range(config.vocab)}
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="0"))  # noqa: S106
    return Checkpoint(
        name="tiny",
        config=config,
        tensors=load_file(folder / "model.safetensors"),
        tokenizer=Tokenizer(library=library, bos=None, eos=frozenset()),
        chat=None,
        quantisation="float32",
    )


if __name__ == "__main__":
    main((int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
