"""The plugin in the real vLLM on a CPU: `make vllm` runs this in an environment of its own; elsewhere it is skipped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch

pytest.importorskip("vllm", reason="needs vLLM: make vllm")

from tests.vllm import folder as smollm2

pytestmark = pytest.mark.timeout(1200)
QUESTIONS = ("What is the capital of France?", "Name three fruits.")
TOKENS = 12
# vLLM on two cores without a compiler, one process, nothing fetched.
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TORCHDYNAMO_DISABLE": "1",
}
# Logits are bfloat16, 1/8 apart where the best ones lie; another order of additions moves one by a step or two: 0.19 is
# the largest difference seen.
TIE = 3 / 8


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smollm2")
    smollm2.write(path, torch.bfloat16)
    return path


def generate(model: Path, **settings: Any) -> list[Any]:
    """Greedy answers of vLLM to the questions, with the log probabilities of the two best tokens."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        from vllm import LLM, SamplingParams

        engine = LLM(str(model), dtype="bfloat16", max_model_len=256, enforce_eager=True, max_num_seqs=4, **settings)
        chats = [[{"role": "user", "content": question}] for question in QUESTIONS]
        params = SamplingParams(temperature=0, max_tokens=TOKENS, logprobs=2)
        return [answer.outputs[0] for answer in engine.chat(chats, params, use_tqdm=False)]


@pytest.fixture(scope="module")
def plain(model: Path) -> list[Any]:
    return generate(model)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often vLLM called our operations: an installed plugin that vLLM does not ask would pass every comparison."""
    from torch_impl import ops
    from torch_impl.vllm_plugin import attention

    counts: dict[str, int] = {}

    def counted(holder: Any, name: str) -> None:
        function = getattr(holder, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return function(*args, **kwargs)

        monkeypatch.setattr(holder, name, call)

    counted(attention, "flash_attn_varlen_func")
    for name in ("kv_insert", "fp8_gemm"):
        counted(ops, name)
    return counts


def test_an_installed_plugin_changes_nothing(plain: list[Any], model: Path, calls: dict[str, int]) -> None:
    assert "Paris" in plain[0].text
    assert [answer.text for answer in generate(model)] == [answer.text for answer in plain]
    assert calls == {}


def test_attention(plain: list[Any], model: Path, calls: dict[str, int]) -> None:
    answers = generate(model, attention_backend="CUSTOM")
    steps = calls["flash_attn_varlen_func"] // 30  # layers
    assert steps >= TOKENS
    assert calls["kv_insert"] == calls["flash_attn_varlen_func"]
    assert "fp8_gemm" not in calls
    for own, other in zip(answers, plain, strict=True):
        same_outside_ties(own, other)


def test_attention_with_a_cache_in_fp8(model: Path, calls: dict[str, int]) -> None:
    answers = generate(model, attention_backend="CUSTOM", kv_cache_dtype="fp8")
    assert calls["kv_insert"] > 0
    assert "Paris" in answers[0].text


def test_linear_layers_in_fp8(model: Path, calls: dict[str, int]) -> None:
    answers = generate(model, quantization="twinkernels_fp8")
    # qkv, output, gate and up, down: four products in each of 30 layers in every step.
    assert calls["fp8_gemm"] % 120 == 0
    assert "Paris" in answers[0].text


def same_outside_ties(own: Any, other: Any) -> None:
    """Tokens equal up to the first place where vLLM's own margin is a tie."""
    for index, (token, expected) in enumerate(zip(own.token_ids, other.token_ids, strict=False)):
        best, second = sorted((entry.logprob for entry in other.logprobs[index].values()), reverse=True)[:2]
        if token != expected:
            assert best - second < TIE, f"token {index}: {token}, expected {expected}, margin {best - second}"
            return
        mine = own.logprobs[index][token].logprob
        assert abs(mine - best) < TIE, f"token {index}: log probability {mine}, expected {best}"


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[str]:
    """What `vllm serve` starts, on loopback, with our attention; the command itself looks for a package named vllm."""
    port = "18431"
    settings = (f"{name}={value}" for name, value in ENVIRONMENT.items())
    command = (
        *("env", *settings, sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)),
        *("--host", "127.0.0.1", "--port", port, "--dtype", "bfloat16", "--max-model-len", "256"),
        *("--enforce-eager", "--served-model-name", "smollm2", "--attention-backend", "CUSTOM"),
    )
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def wait_for(address: str, process: subprocess.Popen[bytes], seconds: float = 600) -> None:
    """Returns when the server is healthy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        try:
            with urlopen(f"{address}/health"):  # noqa: S310 - an address of our own
                return
        except URLError:
            time.sleep(1)
    raise TimeoutError(address)


def test_the_server_and_the_openai_client(server: str, plain: Sequence[Any]) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{server}/v1", api_key="none")
    answer = client.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": QUESTIONS[0]}], temperature=0, max_tokens=TOKENS
    )
    assert answer.choices[0].message.content == plain[0].text
