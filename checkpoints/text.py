"""From tokens to text as they come: characters of several tokens, and texts at which an answer stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_INCOMPLETE: Final = "�"
Decode = Callable[[Sequence[int]], str]


class TextStream:
    """The text of an answer, piece by piece.

    A character may take several tokens, so text is given out when its last byte is known. Text that may turn out to be
    the beginning of a stop text is kept back until it does or does not.
    """

    def __init__(self, decode: Decode, stop: tuple[str, ...] = ()) -> None:
        """decode: text of token ids. stop: texts that end the answer and do not belong to it."""
        self._decode = decode
        self._stop = stop
        self._tokens: list[int] = []
        # The text of tokens[first:] begins with text that is given out already; decoding restarts there, not at 0.
        self._first = 0
        self._given = 0
        self._pending = ""
        self.stopped = False

    def add(self, token: int) -> str:
        """The text that is certain now."""
        self._tokens.append(token)
        text = self._decode(self._tokens[self._first :])
        if text.endswith(_INCOMPLETE):
            return ""
        self._pending += text[self._given :]
        # The last token stays: some tokenizers decode a token differently at the beginning of a text.
        self._first = len(self._tokens) - 1
        self._given = len(self._decode(self._tokens[self._first :]))
        return self._certain()

    def finish(self) -> str:
        """The rest of the text, when no token follows."""
        if self.stopped:
            return ""
        rest = self._decode(self._tokens[self._first :])[self._given :]
        found, self._pending = self._pending + rest, ""
        return found

    def _certain(self) -> str:
        at = min((place for text in self._stop if (place := self._pending.find(text)) >= 0), default=-1)
        if at >= 0:
            self.stopped = True
            found, self._pending = self._pending[:at], ""
            return found
        keep = max((_overlap(self._pending, text) for text in self._stop), default=0)
        cut = len(self._pending) - keep
        found, self._pending = self._pending[:cut], self._pending[cut:]
        return found


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of a text with which a stop text begins."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
