"""One engine in a process of its own environment: requests come as lines of JSON, measurements go back.

    python -m benchmarks.serving_peers.engines jax MODEL

Every engine generates greedily from tokens and does not stop before `count` of them. Only the standard library is
imported outside of the functions, so that each runs where its own engine is installed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Tokens = dict[int, list[int]]
"""What a step generates: tokens by the number of the prompt."""
Generate = Callable[[list[list[int]], int], Iterator[Tokens]]
"""Generates `count` tokens after every prompt, all together; one item per step."""

REQUESTS, LENGTH, PAGE = 32, 64, 16
"""Most requests at a time, and most tokens of one."""


def ours_in_jax(model: Path) -> Generate:
    """The serving engine."""
    from jax_impl.serving.request import SamplingParams
    from jax_impl.serving.scheduler import Limits
    from jax_impl.serving.start import Sizes, prepare

    limits = Limits(tokens=256, requests=REQUESTS, waiting=REQUESTS, length=LENGTH)
    engine = prepare(str(model), Sizes(limits=limits, page_size=PAGE, prefix_cache=False), told=_told).engine

    def generate(prompts: list[list[int]], count: int) -> Iterator[Tokens]:
        params = SamplingParams(temperature=0.0, max_tokens=count, ignore_eos=True)
        for number, prompt in enumerate(prompts):
            engine.add(str(number), prompt, params)
        while engine.busy:
            yield {int(output.request): list(output.tokens) for output in engine.step()}

    return generate


def ours_in_torch(model: Path) -> Generate:
    """The step of `torch_impl.serving` in a plain loop."""
    import torch

    from specs.decoder.batch import Request, step_batch
    from torch_impl.layers.decoder import decode
    from torch_impl.serving.start import prepare

    ready, width = prepare(str(model), device="cpu", told=_told).model, LENGTH // PAGE
    caches = ready.caches(REQUESTS * width, PAGE)

    @torch.inference_mode()
    def step(requests: list[Request]) -> list[int]:
        batch = step_batch(requests, page_size=PAGE, table=width)
        found: list[int] = decode(ready.step(batch), ready.weights, caches).argmax(-1).tolist()
        return found

    def generate(prompts: list[list[int]], count: int) -> Iterator[Tokens]:
        new, computed = prompts, [0] * len(prompts)
        for _ in range(count):
            pages = [range(row * width, (row + 1) * width) for row in range(len(prompts))]
            given = zip(computed, new, pages, strict=True)
            drawn = step([Request(computed=done, tokens=ids, pages=own) for done, ids, own in given])
            computed = [done + len(ids) for done, ids in zip(computed, new, strict=True)]
            new = [[token] for token in drawn]
            yield dict(enumerate(new))

    return generate


def vllm(model: Path) -> Generate:
    """vLLM for CPUs, eager, float32 as ours; model: a folder of Hugging Face."""
    from vllm import LLM, SamplingParams

    engine = LLM(
        str(model),
        dtype="float32",
        max_model_len=LENGTH,
        max_num_seqs=REQUESTS,
        enforce_eager=True,
        enable_prefix_caching=False,
        skip_tokenizer_init=True,
    ).llm_engine

    def generate(prompts: list[list[int]], count: int) -> Iterator[Tokens]:
        seen = [0] * len(prompts)
        params = SamplingParams(temperature=0.0, max_tokens=count, ignore_eos=True, detokenize=False)
        for number, prompt in enumerate(prompts):
            engine.add_request(str(number), {"prompt_token_ids": prompt}, params)
        while engine.has_unfinished_requests():
            made = {}
            for output in engine.step():
                number, tokens = int(output.request_id.split("-")[0]), list(output.outputs[0].token_ids)
                made[number] = tokens[seen[number] :]
                seen[number] = len(tokens)
            yield made

    return generate


def llama_cpp(model: Path) -> Generate:
    """llama.cpp through llama-cpp-python; model: the GGUF file, in whose blocks it multiplies."""
    import llama_cpp as lib
    import numpy as np

    lib.llama_backend_init()
    opened = lib.llama_model_load_from_file(str(model).encode(), lib.llama_model_default_params())
    settings = lib.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_seq_max = REQUESTS * LENGTH, 512, REQUESTS
    settings.n_threads = settings.n_threads_batch = os.cpu_count() or 1
    context = lib.llama_init_from_model(opened, settings)
    vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(opened))
    batch = lib.llama_batch_init(512, 0, 1)

    def step(computed: list[int], new: list[list[int]]) -> list[int]:
        batch.n_tokens, last = 0, []
        for row, (done, ids) in enumerate(zip(computed, new, strict=True)):
            for offset, token in enumerate(ids):
                at = batch.n_tokens
                batch.token[at], batch.pos[at] = token, done + offset
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, row
                batch.logits[at] = offset == len(ids) - 1
                batch.n_tokens += 1
            last.append(batch.n_tokens - 1)
        if lib.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")
        rows = (np.ctypeslib.as_array(lib.llama_get_logits_ith(context, at), (vocab,)) for at in last)
        return [int(row.argmax()) for row in rows]

    def generate(prompts: list[list[int]], count: int) -> Iterator[Tokens]:
        lib.llama_memory_clear(lib.llama_get_memory(context), True)
        new, computed = prompts, [0] * len(prompts)
        for _ in range(count):
            drawn = step(computed, new)
            computed = [done + len(ids) for done, ids in zip(computed, new, strict=True)]
            new = [[token] for token in drawn]
            yield dict(enumerate(new))

    return generate


def _told(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measure(generate: Generate, prompts: list[list[int]], count: int) -> dict[str, Any]:
    """Tokens of every prompt, and seconds and CPU seconds from every prompt's first token to the last of all."""
    found: list[list[int]] = [[] for _ in prompts]
    wall = cpu = 0.0
    begun = 0
    for made in generate(prompts, count):
        for number, tokens in made.items():
            found[number] += tokens
        if not begun and all(found):
            wall, cpu, begun = time.perf_counter(), time.process_time(), sum(map(len, found))
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return {"tokens": found, "made": sum(map(len, found)) - begun, "seconds": seconds, "cpu": cpu_seconds}


ENGINES: Final[dict[str, Callable[[Path], Generate]]] = {
    "jax": ours_in_jax,
    "torch": ours_in_torch,
    "vllm": vllm,
    "llama.cpp": llama_cpp,
}


def main() -> None:
    """Measures what lines of the standard input ask for, until it is closed."""
    name, model = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to the standard output
    generate = ENGINES[name](Path(model))
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(generate, **json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
