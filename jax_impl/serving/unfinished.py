"""Answers that end before their end: a client gets an error, whatever happened to the process that computed them."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jax_impl.serving.protocol import error_body

MESSAGE: Final = "the replica that computed this request ended before its answer did; send it again"


class EndedAnswers:
    """ASGI middleware of a proxy: an answer that the application leaves unfinished becomes an error of OpenAI's API.

    One that had not begun is answered with 503 and Retry-After. A stream of events gets an event with the error as its
    last one. Another body that had begun stays cut short, which HTTP tells its client.
    """

    def __init__(self, app: ASGIApp) -> None:
        """app: returns without a last message where the answer is lost."""
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = finished = events = False

        async def watched(message: Message) -> None:
            nonlocal begun, finished, events
            if message["type"] == "http.response.start":
                begun = True
                kind = dict(message.get("headers", ())).get(b"content-type", b"")
                events = kind.startswith(b"text/event-stream")
            elif message["type"] == "http.response.body":
                finished = not message.get("more_body", False)
            await send(message)

        await self._app(scope, receive, watched)
        if finished:
            return
        error = error_body(MESSAGE, "server_error")
        if not begun:
            await JSONResponse(error, 503, {"Retry-After": "1"})(scope, receive, send)
        elif events:
            last = f"data: {json.dumps(error)}\n\ndata: [DONE]\n\n".encode()
            await send({"type": "http.response.body", "body": last, "more_body": False})
