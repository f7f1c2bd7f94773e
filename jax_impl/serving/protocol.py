"""OpenAI's API as JSON: checked requests, and answers. Pydantic ends here; after it come frozen dataclasses."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jax_impl.serving.request import MAX_TOP_LOGPROBS, SamplingParams

MOST_STOPS = 4
_PENALTIES = ("repetition_penalty", "frequency_penalty", "presence_penalty")


class _Body(BaseModel):
    """Settings that both kinds of completions share. Unknown fields are ignored, as OpenAI's clients expect."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    min_p: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    repetition_penalty: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    ignore_eos: bool = False
    n: Literal[1] = 1

    @field_validator("temperature", "top_p", *_PENALTIES, mode="before")
    @classmethod
    def _null_is_default(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value

    @field_validator("stop")
    @classmethod
    def _stops(cls, value: str | list[str] | None) -> str | list[str] | None:
        stops = [value] if isinstance(value, str) else value or []
        if len(stops) > MOST_STOPS or not all(stops):
            raise ValueError(f"expected at most {MOST_STOPS} texts, none of them empty")
        return value

    def params(self, room: int, logprobs: int | None) -> SamplingParams:
        """Settings of the request. room: tokens that fit after the prompt."""
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return SamplingParams(
            max_tokens=min(self.most or room, room),
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=secrets.randbits(64) if self.seed is None else self.seed,
            stop=stops,
            ignore_eos=self.ignore_eos,
            logprobs=logprobs,
        )

    @property
    def most(self) -> int | None:
        """Most tokens of the answer, where the request says."""
        return self.max_tokens

    @property
    def usage_wanted(self) -> bool:
        """Whether a stream ends with the number of tokens."""
        return bool((self.stream_options or {}).get("include_usage"))


class TextPart(BaseModel):
    """A part of a message's content. There are no images here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """As chat templates take it."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class ChatBody(_Body):
    """POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None

    @property
    def most(self) -> int | None:
        """The newer of the two names counts."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def logprobs_wanted(self) -> int | None:
        """Alternatives per token, or None for no logprobs."""
        return (self.top_logprobs or 0) if self.logprobs else None


class CompletionBody(_Body):
    """POST /v1/completions."""

    prompt: str | list[int] | Annotated[list[str], Field(min_length=1, max_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = 16
    logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    echo: Literal[False] = False

    @property
    def logprobs_wanted(self) -> int | None:
        """Alternatives per token, or None for no logprobs."""
        return self.logprobs


def new_id(kind: str) -> str:
    """An id as OpenAI's look."""
    return f"{kind}-{secrets.token_hex(12)}"


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def usage_body(prompt: int, completion: int) -> dict[str, int]:
    """Numbers of tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def head(id: str, kind: str, model: str) -> dict[str, Any]:  # noqa: A002
    """The fields that every answer begins with."""
    return {"id": id, "object": kind, "created": int(time.time()), "model": model}
