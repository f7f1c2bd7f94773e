"""Answers that their application leaves unfinished, as the `openai` client sees them over loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from jax_impl.serving.replicas import Replica
from jax_impl.serving.unfinished import MESSAGE, EndedAnswers
from tests.serving.tiny import SETTINGS, chunks

CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "tiny"}


async def answer(request: Request) -> Response:
    """A stream of two pieces, or an empty object."""
    if not (await request.json()).get("stream"):
        return JSONResponse({})

    async def events() -> AsyncIterator[str]:
        for piece in ("one", "two"):
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            yield f"data: {json.dumps({**CHUNK, 'choices': [choice]})}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


class Lost:
    """As Ray Serve's proxy where a replica dies: passes on the first `messages` of an answer and returns."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self._app = Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.messages

        async def some(message: Message) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                await send(message)

        await self._app(scope, receive, some)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Lost, Any]]:
    lost = Lost(0)
    config = uvicorn.Config(EndedAnswers(lost), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield lost, client
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_never_began_is_an_error_to_send_again(served: tuple[Lost, Any], stream: bool) -> None:
    lost, client = served
    lost.messages = 0
    with pytest.raises(openai.InternalServerError, match=MESSAGE) as found:
        client.chat.completions.create(**SETTINGS, stream=stream)
    assert found.value.status_code == 503
    assert found.value.response.headers["retry-after"] == "1"


@pytest.mark.parametrize("events", [0, 1, 2])
def test_a_stream_that_stops_ends_with_an_error(served: tuple[Lost, Any], events: int) -> None:
    lost, client = served
    lost.messages = 1 + events
    stream: Any = client.chat.completions.create(**SETTINGS, stream=True)
    with pytest.raises(openai.APIError, match=MESSAGE):
        chunks(stream)
    lost.messages = 9
    assert chunks(client.chat.completions.create(**SETTINGS, stream=True)) == "onetwo"


def test_a_replica_without_an_engine_is_not_healthy() -> None:
    Replica.check_health(SimpleNamespace(_worker=SimpleNamespace(alive=True)))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="engine"):
        Replica.check_health(SimpleNamespace(_worker=SimpleNamespace(alive=False)))  # type: ignore[arg-type]
