"""Tensor and expert parallelism: the tokens of one device, by two devices of one process and by two processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specs.decoder.host import BlockWeight, PackedWeight, values
from specs.decoder.parallel import Rank, split_config, split_tensors
from specs.decoder.weights import CheckpointError, check_tensors
from specs.lang.formats.ggml import Q4_1
from specs.lang.formats.named import FP8_BLOCK_128
from tests.decoder.models import checkpoint

ROOT = Path(__file__).parents[2]
LAYERS, MODELS = 2, ("llama3", "gpt_oss")


@cache
def generated(processes: int, devices: int, models: tuple[str, ...] = MODELS) -> list[dict[str, dict[str, Any]]]:
    """What every process printed, by model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sizes = [str(number) for number in (processes, port, devices)]
    folders = [str(checkpoint(model).folder) for model in models]
    started = [
        subprocess.Popen(
            (sys.executable, "-m", "tests.serving.parallel_worker", str(index), *sizes, *folders),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for index in range(processes)
    ]
    found = []
    for process in started:
        out, error = process.communicate(timeout=280)
        assert process.returncode == 0, error.decode()[-2000:]
        found.append(dict(zip(models, json.loads(out.splitlines()[-1]), strict=True)))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_two_devices_generate_what_one_does(model: str) -> None:
    one, two = generated(1, 1)[0][model], generated(1, 2)[0][model]
    assert (one["devices"], two["devices"]) == (1, 2)
    assert two["greedy"] == one["greedy"]
    assert (one["sampled"] is None) == (model != MODELS[0])
    assert two["sampled"] == one["sampled"]
    # One sum after attention and one after the MLP; the head's rows once.
    assert (one["sums"], two["sums"], two["gathers"]) == (0, 2 * LAYERS, 1)
    assert two["aliased"] >= two["caches"] == one["caches"] // 2
    weights, workspace, page_bytes = two["planned"]
    # Of one device: half of the pages' heads, and not half of the embedding, which each has whole.
    assert page_bytes == one["planned"][2] // 2
    assert one["planned"][0] // 2 < weights < one["planned"][0]
    assert workspace > 0


def test_two_processes_generate_what_one_does() -> None:
    one = generated(1, 1)[0]["llama3"]
    for process in generated(2, 1, ("llama3",)):
        assert process["llama3"]["devices"] == 2
        assert process["llama3"]["greedy"] == one["greedy"]


@pytest.mark.parametrize("model", ["llama", "qwen3_moe", "gpt_oss"])
def test_parts_are_checkpoints_of_their_own(model: str) -> None:
    found = checkpoint(model)
    parts = [split_tensors(found.config, found.tensors, Rank(index, 2)) for index in range(2)]
    for part in parts:
        check_tensors(split_config(found.config, 2), part)
    queries = "model.layers.1.self_attn.q_proj.weight"
    out = "model.layers.1.self_attn.o_proj.weight"
    for name, axis in ((queries, 0), (out, 1)):
        joined = np.concatenate([values(part[name]) for part in parts], axis)
        assert np.array_equal(joined, values(found.tensors[name]))


def test_quantised_tensors_are_cut_between_blocks() -> None:
    form, random = Q4_1, np.random.default_rng(0)
    config = replace(checkpoint("llama").config, ffn=128)
    down = "model.layers.0.mlp.down_proj.weight"
    data = random.integers(0, 255, (64, 4 * form.bytes), np.uint8)
    whole = PackedWeight(form=form, data=data)
    parts = [split_tensors(config, {**checkpoint("llama").tensors, down: whole}, Rank(i, 2))[down] for i in range(2)]
    assert [part.shape for part in parts] == [(64, 64), (64, 64)]
    joined = np.concatenate([part.data for part in parts if isinstance(part, PackedWeight)], 1)
    assert np.array_equal(joined, data)


def test_what_devices_cannot_share() -> None:
    found = checkpoint("llama")
    with pytest.raises(ValueError, match="heads: expected a multiple of 3 devices; got 4"):
        split_config(found.config, 3)
    name = "model.layers.0.mlp.down_proj.weight"
    # Two blocks of 128 columns, the second one not whole: half of the columns end inside a block.
    codes = BlockWeight(form=FP8_BLOCK_128, data=np.zeros((64, 192), np.uint8), scale=np.ones((1, 2), np.float32))
    with pytest.raises(CheckpointError, match=f"{name}: expected a multiple of 256"):
        split_tensors(found.config, {**found.tensors, name: codes}, Rank(0, 2))
