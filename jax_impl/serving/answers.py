"""Answers as OpenAI's clients read them, whole and in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkpoints.tokenizer import Tokenizer
from jax_impl.serving.engine import Output, TokenLogprobs
from jax_impl.serving.protocol import head, usage_body
from jax_impl.serving.request import FinishReason


class Answer:
    """An answer while it comes. Subclasses write the JSON of an endpoint."""

    kind: str
    chunk_kind: str

    def __init__(self, id: str, model: str, prompt: int, tokenizer: Tokenizer) -> None:  # noqa: A002
        """prompt: tokens of the prompt."""
        self.id = id
        self.text = ""
        self.error: str | None = None
        self.finished: FinishReason | None = None
        self._model = model
        self._prompt = prompt
        self._tokenizer = tokenizer
        self._tokens = 0
        self._logprobs: list[tuple[int, TokenLogprobs]] = []

    def add(self, output: Output) -> None:
        """Takes in what a step gave."""
        self._tokens += len(output.tokens)
        self.text += output.text
        self.finished, self.error = output.finished, output.error
        if output.logprobs is not None:
            self._logprobs.append((output.tokens[0], output.logprobs))

    def body(self) -> dict[str, Any]:
        """The whole answer."""
        choice = {"index": 0, **self._content(), "finish_reason": self._reason(self.finished)}
        choice["logprobs"] = self._logprobs_body(self._logprobs) if self._logprobs else None
        usage = usage_body(self._prompt, self._tokens)
        return {**head(self.id, self.kind, self._model), "choices": [choice], "usage": usage}

    def first(self) -> Iterator[dict[str, Any]]:
        """Chunks before the first token."""
        yield from ()

    def chunk(self, output: Output) -> dict[str, Any]:
        """What a step adds, as an event."""
        own = [] if output.logprobs is None else [(output.tokens[0], output.logprobs)]
        choice = {
            "index": 0,
            **self._delta(output.text),
            "logprobs": self._logprobs_body(own) if own else None,
            "finish_reason": self._reason(output.finished),
        }
        return {**head(self.id, self.chunk_kind, self._model), "choices": [choice]}

    def usage_chunk(self) -> dict[str, Any]:
        """The last event of a stream that asked for the number of tokens."""
        usage = usage_body(self._prompt, self._tokens)
        return {**head(self.id, self.chunk_kind, self._model), "choices": [], "usage": usage}

    def _content(self) -> dict[str, Any]:
        raise NotImplementedError

    def _delta(self, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _logprobs_body(self, found: list[tuple[int, TokenLogprobs]]) -> dict[str, Any]:
        raise NotImplementedError

    def _reason(self, reason: FinishReason | None) -> str | None:
        return None if reason is None else reason.value

    def _text(self, token: int) -> str:
        return self._tokenizer.decode([token], special=True)


class ChatAnswer(Answer):
    """An answer of /v1/chat/completions."""

    kind, chunk_kind = "chat.completion", "chat.completion.chunk"

    def _content(self) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": self.text}}

    def _delta(self, text: str) -> dict[str, Any]:
        return {"delta": {"content": text}}

    def first(self) -> Iterator[dict[str, Any]]:
        """The role."""
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        yield {**head(self.id, self.chunk_kind, self._model), "choices": [choice]}

    def _logprobs_body(self, found: list[tuple[int, TokenLogprobs]]) -> dict[str, Any]:
        def entry(token: int, logprob: float) -> dict[str, Any]:
            text = self._text(token)
            return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

        content = [
            {**entry(token, one.logprob), "top_logprobs": [entry(*other) for other in one.top]} for token, one in found
        ]
        return {"content": content}


class TextAnswer(Answer):
    """An answer of /v1/completions."""

    kind = chunk_kind = "text_completion"

    def _content(self) -> dict[str, Any]:
        return {"text": self.text}

    def _delta(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _logprobs_body(self, found: list[tuple[int, TokenLogprobs]]) -> dict[str, Any]:
        return {
            "tokens": [self._text(token) for token, _ in found],
            "token_logprobs": [one.logprob for _, one in found],
            "top_logprobs": [{self._text(token): value for token, value in one.top} for _, one in found],
        }
