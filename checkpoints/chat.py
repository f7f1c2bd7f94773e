"""Chat templates: Jinja programs that checkpoints carry, which turn messages into one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specs.extras import hints

with hints("checkpoints"):
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

Message = Mapping[str, Any]


class ChatTemplateError(ValueError):
    """Messages that the template refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """The template of a checkpoint. tokens: names of special tokens that it may use, such as bos_token."""

    source: str
    tokens: Mapping[str, str]

    def render(self, messages: Sequence[Message], *, generate: bool = True) -> str:
        """The text of messages, {"role": .., "content": ..} each.

        Args:
            messages: what was said so far. generate: whether the beginning of an answer follows.

        Raises:
            ChatTemplateError: no messages, or messages that the template refuses.
        """
        if not messages:
            raise ChatTemplateError("messages: expected at least one; got none")
        # Templates come with the weights, from anybody: they run without access to anything but their arguments.
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        try:
            template = environment.from_string(self.source)
            return template.render(messages=list(messages), add_generation_prompt=generate, **self.tokens)
        except jinja2.TemplateError as error:
            raise ChatTemplateError(f"messages: the chat template refuses them: {error}") from error


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
