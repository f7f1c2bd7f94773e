"""The end of a server: SIGTERM under load in a process of its own, and requests that do not finish in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.serving.tiny import SETTINGS, body, engine, free_port, served, write_folder

REQUESTS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


@pytest.fixture
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of the folder with one request per step, and its address."""
    port = free_port()
    sizes = ["--max-length", "256", "--max-requests", "1", "--max-tokens", "32"]
    command = [sys.executable, "-m", "jax_impl.serving", "--model", str(folder), "--port", str(port), *sizes]
    own = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert own.poll() is None, own.stderr and own.stderr.read()
            try:
                if httpx2.get(f"{url}/health").status_code == 200:
                    break
            except httpx2.ConnectError:
                time.sleep(0.1)
        yield own, url
    finally:
        own.kill()
        own.communicate()


def test_sigterm_lets_requests_finish_and_refuses_new_ones(
    process: tuple[subprocess.Popen[str], str], folder: Path
) -> None:
    own, url = process
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120)
    settings: dict[str, Any] = {**SETTINGS, "model": str(folder), "max_tokens": 200, "ignore_eos": True}
    with ThreadPoolExecutor(REQUESTS) as pool:

        def ask(_: int) -> int:
            text = [
                one.choices[0]
                for one in client.chat.completions.create(**settings, stream=True, extra_body={"ignore_eos": True})
            ]
            return sum(bool(choice.delta.content) for choice in text) * (text[-1].finish_reason == "length")

        settings.pop("ignore_eos")
        asked = [pool.submit(ask, index) for index in range(REQUESTS)]
        while "twinkernels_requests_waiting 5.0" not in httpx2.get(f"{url}/metrics").text:
            time.sleep(0.01)
        own.send_signal(signal.SIGTERM)
        while httpx2.get(f"{url}/health").status_code == 200:
            time.sleep(0.01)
        with pytest.raises(openai.APIStatusError) as error:
            client.chat.completions.create(**settings)
        assert error.value.status_code == 503
        assert body(error.value)["message"] == "the server is stopping"
        assert not any(one.done() for one in asked[-1:]), "too fast: the server had nothing left to do"
        assert [one.result() for one in asked] == [200] * REQUESTS
    _, told = own.communicate(timeout=60)
    assert own.returncode == 0
    assert told.rstrip().endswith("stopped")


def test_requests_that_do_not_finish_in_time_are_told() -> None:
    with served(engine()) as found, ThreadPoolExecutor(2) as pool:
        long = {**SETTINGS, "max_tokens": 80}
        whole = pool.submit(found.client.chat.completions.create, **long)
        stream = pool.submit(lambda: list(found.client.chat.completions.create(**long, stream=True)))
        while len(found.worker.engine.scheduler.running) < 2:
            time.sleep(0.01)
        assert found.worker.stop(timeout=0.0) == 2
        with pytest.raises(openai.APIStatusError, match="the server is stopping") as error:
            whole.result()
        assert error.value.status_code == 503
        with pytest.raises(openai.APIError, match="the server is stopping"):
            stream.result()
        pool_of_pages = found.worker.engine.scheduler.pool
        assert pool_of_pages.free == pool_of_pages.pages
