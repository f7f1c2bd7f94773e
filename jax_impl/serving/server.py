"""An OpenAI-compatible server: chat, completions, models, health and metrics, with server-sent events."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from specs.extras import hints

with hints("jax", "checkpoints", "serving"):
    import jax  # noqa: F401 - what follows needs it
    import pydantic
    from prometheus_client import CONTENT_TYPE_LATEST
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

from checkpoints.chat import ChatTemplate, ChatTemplateError
from checkpoints.tokenizer import Tokenizer
from jax_impl.serving.answers import Answer, ChatAnswer, TextAnswer
from jax_impl.serving.engine import Output
from jax_impl.serving.protocol import ChatBody, CompletionBody, error_body, new_id
from jax_impl.serving.request import FinishReason, SamplingParams
from jax_impl.serving.scheduler import QueueFull
from jax_impl.serving.worker import EngineWorker

Body = TypeVar("Body", bound=pydantic.BaseModel)
INVALID, OVERLOADED, INTERNAL = "invalid_request_error", "rate_limit_error", "server_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server allows.

    model: the name that clients use. api_key: that they have to send; None for none.
    body_bytes: the largest body of a request.
    """

    model: str
    api_key: str | None = None
    body_bytes: int = 1 << 20


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, kind: str = INVALID, param: str | None = None) -> None:
        """status: of HTTP. param: the field that is wrong."""
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param

    def response(self) -> JSONResponse:
        """The answer."""
        headers = {"Retry-After": "1"} if self.status in (429, 503) else None
        return JSONResponse(error_body(str(self), self.kind, self.param), self.status, headers)


class Server:
    """Handlers of the API over one engine."""

    def __init__(
        self, worker: EngineWorker, tokenizer: Tokenizer, chat: ChatTemplate | None, settings: ServerSettings
    ) -> None:
        """worker: started already."""
        self._worker: Final = worker
        self._tokenizer: Final = tokenizer
        self._chat: Final = chat
        self._settings: Final = settings

    def app(self) -> Starlette:
        """The application, for uvicorn or another server."""
        routes = [
            Route("/v1/chat/completions", self._guarded(self._chat_completions), methods=["POST"]),
            Route("/v1/completions", self._guarded(self._completions), methods=["POST"]),
            Route("/v1/models", self._guarded(self._models)),
            Route("/health", self._health),
            Route("/metrics", self._metrics),
        ]
        return Starlette(routes=routes)

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The handler, with the key checked and refusals as JSON."""

        async def guarded(request: Request) -> Response:
            try:
                self._authorise(request)
                return await handler(request)
            except Refused as refused:
                return refused.response()
            except ClientDisconnect:
                return Response(status_code=499)

        return guarded

    def _authorise(self, request: Request) -> None:
        key = self._settings.api_key
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key is not None and not hmac.compare_digest(sent.encode(), key.encode()):
            raise Refused(401, "authorization: expected the server's API key as a bearer token")

    async def _health(self, _: Request) -> Response:
        alive = self._worker.alive
        return PlainTextResponse("ok" if alive else "the engine is not running", 200 if alive else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(self._worker.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _models(self, _: Request) -> Response:
        model = {"id": self._settings.model, "object": "model", "created": 0, "owned_by": "twinkernels"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _chat_completions(self, request: Request) -> Response:
        body = await self._body(request, ChatBody)
        if self._chat is None:
            raise Refused(400, "messages: this model has no chat template; use /v1/completions", param="messages")
        try:
            text = self._chat.render([message.plain() for message in body.messages])
        except ChatTemplateError as error:
            raise Refused(400, str(error), param="messages") from error
        prompt = self._tokenizer.encode(text)
        params = body.params(self._room(prompt, body.most, "messages"), body.logprobs_wanted)
        answer = ChatAnswer(new_id("chatcmpl"), self._settings.model, len(prompt), self._tokenizer)
        return await self._answer(request, body, prompt, params, answer)

    async def _completions(self, request: Request) -> Response:
        body = await self._body(request, CompletionBody)
        prompt = self._prompt(body.prompt)
        params = body.params(self._room(prompt, body.most, "prompt"), body.logprobs_wanted)
        answer = TextAnswer(new_id("cmpl"), self._settings.model, len(prompt), self._tokenizer)
        return await self._answer(request, body, prompt, params, answer)

    def _prompt(self, prompt: str | list[int] | list[str]) -> list[int]:
        if isinstance(prompt, str):
            return self._tokenizer.encode(prompt)
        if prompt and isinstance(prompt[0], str):
            return self._tokenizer.encode(prompt[0])
        vocab = self._worker.engine.model.vocab
        tokens = [int(token) for token in prompt]
        for index, token in enumerate(tokens):
            if not 0 <= token < vocab:
                raise Refused(
                    400, f"prompt[{index}]: expected a token from 0 to {vocab - 1}; got {token}", param="prompt"
                )
        return tokens

    def _room(self, prompt: Sequence[int], most: int | None, param: str) -> int:
        """Tokens that fit after the prompt."""
        length = self._worker.engine.settings.limits.length
        room = length - len(prompt)
        if not prompt:
            raise Refused(400, f"{param}: expected at least one token; got none", param=param)
        if room <= 0 or (most or 0) > room:
            asked = "" if most is None else f" and max_tokens {most}"
            message = f"{param}: expected at most {length} tokens together; got {len(prompt)} in the prompt{asked}"
            raise Refused(400, message, param=param)
        return room

    async def _body(self, request: Request, kind: type[Body]) -> Body:
        most, data = self._settings.body_bytes, bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > most:
                raise Refused(413, f"body: expected at most {most} bytes")
        try:
            body = kind.model_validate_json(bytes(data))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise Refused(400, f"{field}: {first['msg']}", param=field) from error
        name = getattr(body, "model", None)
        if name != self._settings.model:
            raise Refused(404, f"model: expected {self._settings.model}; got {name}", param="model")
        return body

    async def _answer(
        self, request: Request, body: Any, prompt: Sequence[int], params: SamplingParams, answer: Answer
    ) -> Response:
        loop, mail = asyncio.get_running_loop(), asyncio.Queue[Output]()

        def send(output: Output) -> None:
            loop.call_soon_threadsafe(mail.put_nowait, output)

        try:
            self._worker.add(answer.id, prompt, params, send)
        except QueueFull as error:
            raise Refused(429, f"the server is busy: {error}", OVERLOADED) from error
        except RuntimeError as error:
            raise Refused(503, str(error), INTERNAL) from error
        if body.stream:
            events = self._events(answer, mail, usage=body.usage_wanted)
            return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        return await self._whole(request, answer, mail)

    async def _whole(self, request: Request, answer: Answer, mail: asyncio.Queue[Output]) -> Response:
        gone = asyncio.create_task(_disconnected(request))
        try:
            while answer.finished is None:
                output = asyncio.create_task(mail.get())
                await asyncio.wait({output, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not output.done():
                    output.cancel()
                    raise ClientDisconnect
                answer.add(output.result())
        finally:
            gone.cancel()
            if answer.finished is None:
                self._worker.abort(answer.id)
        if answer.error is not None:
            raise Refused(503 if answer.finished is FinishReason.ABORT else 500, answer.error, INTERNAL)
        return JSONResponse(answer.body())

    async def _events(self, answer: Answer, mail: asyncio.Queue[Output], *, usage: bool) -> AsyncIterator[str]:
        """Server-sent events; closed by starlette when the client goes, which ends the request."""
        try:
            for chunk in answer.first():
                yield _event(chunk)
            while answer.finished is None:
                output = await mail.get()
                answer.add(output)
                if output.error is not None:
                    yield _event(error_body(output.error, INTERNAL))
                else:
                    yield _event(answer.chunk(output))
            if usage:
                yield _event(answer.usage_chunk())
            yield "data: [DONE]\n\n"
        finally:
            if answer.finished is None:
                self._worker.abort(answer.id)


async def _disconnected(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.05)


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, separators=(',', ':'))}\n\n"
