"""The server over loopback, with OpenAI's own client: answers, streams, refusals, disconnects, overload, the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import openai
import pytest

from jax_impl.serving.request import SamplingParams
from tests.serving.tiny import SETTINGS, Served, body, chunks, engine, model, served, tokenizer


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served(engine(model=model(invariant=True))) as found:
        yield found


@pytest.fixture(scope="module")
def expected() -> str:
    params = SamplingParams(max_tokens=8, temperature=0.0)
    ids = engine(model=model(invariant=True)).generate([tokenizer().encode("Hello there")], params)[0]
    return tokenizer().decode(ids)


def test_an_answer_is_what_the_engine_generates(running: Served, expected: str) -> None:
    answer = running.client.chat.completions.create(**SETTINGS)
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 8)


def test_a_stream_is_the_same_text(running: Served, expected: str) -> None:
    stream = running.client.chat.completions.create(**SETTINGS, stream=True, stream_options={"include_usage": True})
    events = list(stream)
    assert chunks(events) == expected
    assert events[-1].usage is not None
    assert events[-1].usage.total_tokens == 19


def test_completions_take_text_and_tokens(running: Served, expected: str) -> None:
    for prompt in ("Hello there", tokenizer().encode("Hello there")):
        answer = running.client.completions.create(model="tiny", prompt=prompt, temperature=0.0, max_tokens=8)
        assert answer.choices[0].text == expected


def test_logprobs_name_the_most_likely_tokens(running: Served) -> None:
    answer = running.client.chat.completions.create(**SETTINGS, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs
    assert content is not None
    assert content.content is not None
    assert len(content.content) == 8
    for one in content.content:
        assert one.top_logprobs[0].token == one.token
        assert one.top_logprobs[0].logprob == one.logprob
        assert sorted((top.logprob for top in one.top_logprobs), reverse=True) == [t.logprob for t in one.top_logprobs]
        assert np.exp([top.logprob for top in one.top_logprobs]).sum() <= 1.0


def test_a_seed_decides_the_draws(running: Served) -> None:
    settings = {**SETTINGS, "temperature": 1.5, "max_tokens": 12}
    first, again, other = (
        running.client.chat.completions.create(**settings, seed=seed).choices[0].message.content for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_requests_at_once_change_no_answer(running: Served, expected: str) -> None:
    def ask(index: int) -> str | None:
        if index % 2:
            return chunks(running.client.chat.completions.create(**SETTINGS, stream=True))
        return running.client.chat.completions.create(**SETTINGS).choices[0].message.content

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(12))) == [expected] * 12
    running.wait_until_idle()


def test_a_client_that_goes_gives_its_pages_back(running: Served) -> None:
    stream = running.client.chat.completions.create(**{**SETTINGS, "max_tokens": 80}, stream=True)
    next(iter(stream))
    stream.close()
    running.wait_until_idle()


def test_a_client_that_does_not_wait_gives_its_pages_back(running: Served) -> None:
    long = {**SETTINGS, "max_tokens": 80}
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(f"{running.url}/v1/chat/completions", json=long, timeout=0.05)
    running.wait_until_idle()


@pytest.mark.parametrize("prompt", ["", []])
def test_prompts_without_tokens_are_refused(running: Served, prompt: object) -> None:
    with pytest.raises(openai.BadRequestError, match="prompt: expected at least one token; got none"):
        running.client.completions.create(model="tiny", prompt=prompt)


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "messages"),
        ({"temperature": 3.0}, 400, "temperature"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": 4000}, 400, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 200}]}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "messages.0.role"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop"),
        ({"top_logprobs": 30, "logprobs": True}, 400, "top_logprobs"),
        ({"n": 2}, 400, "n"),
        ({"frequency_penalty": 2.5}, 400, "frequency_penalty"),
        ({"model": "other"}, 404, "model"),
    ],
)
def test_bad_requests_name_their_field(running: Served, fields: dict[str, Any], status: int, param: str) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        running.client.chat.completions.create(**{**SETTINGS, **fields})
    assert error.value.status_code == status
    assert body(error.value)["param"] == param


def test_token_ids_out_of_range_are_refused(running: Served) -> None:
    with pytest.raises(openai.BadRequestError, match=r"prompt\[1\]: expected a token from 0 to 95; got 96"):
        running.client.completions.create(model="tiny", prompt=[1, 96], max_tokens=2)


def test_bodies_that_are_no_json_or_too_large_are_refused(running: Served) -> None:
    url = f"{running.url}/v1/chat/completions"
    assert httpx2.post(url, content=b"{").status_code == 400
    large = json.dumps({**SETTINGS, "messages": [{"role": "user", "content": "x" * (1 << 17)}]})
    assert httpx2.post(url, content=large.encode()).status_code == 413


def test_health_models_and_metrics(running: Served) -> None:
    running.client.chat.completions.create(**SETTINGS)
    assert httpx2.get(f"{running.url}/health").text == "ok"
    assert [one.id for one in running.client.models.list()] == ["tiny"]
    running.wait_until_idle()
    text = httpx2.get(f"{running.url}/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["twinkernels_generation_tokens_total"]) >= 8
    assert float(values["twinkernels_requests_running"]) == 0
    assert values["twinkernels_pages_free"] == values["twinkernels_pages"]


def test_an_api_key_is_asked_for() -> None:
    with served(engine(), api_key="secret") as found:
        assert httpx2.get(f"{found.url}/v1/models").status_code == 401
        assert [one.id for one in found.client.models.list()] == ["tiny"]
        assert httpx2.get(f"{found.url}/health").status_code == 200


def test_overload_is_refused_and_nothing_is_lost() -> None:
    with served(engine(requests=1, waiting=1)) as found, ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> str:
            try:
                found.client.chat.completions.create(**{**SETTINGS, "max_tokens": 40})
            except openai.RateLimitError as error:
                return str(body(error)["type"])
            return "answered"

        results = list(pool.map(ask, range(8)))
        assert set(results) == {"answered", "rate_limit_error"}
        found.wait_until_idle()


def test_the_end_waits_for_requests() -> None:
    with served(engine()) as found, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(found.client.chat.completions.create, **{**SETTINGS, "max_tokens": 40})
        while not found.worker.engine.busy:
            time.sleep(0.01)
        found.worker.stop(timeout=60)
        assert asked.result().choices[0].finish_reason == "length"
        with pytest.raises(openai.APIStatusError) as error:
            found.client.chat.completions.create(**SETTINGS)
        assert error.value.status_code == 503


def test_an_engine_that_fails_tells_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    own = engine()
    monkeypatch.setattr(own, "step", lambda: 1 // 0)
    with served(own) as found:
        with pytest.raises(openai.InternalServerError, match="the engine failed"):
            found.client.chat.completions.create(**SETTINGS)
        assert httpx2.get(f"{found.url}/health").status_code == 503
