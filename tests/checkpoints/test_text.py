"""Text that comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints.text import TextStream


def of_bytes(tokens: object) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(tokens).decode("utf-8", errors="replace")  # type: ignore[call-overload]


def pieces(text: str, stop: tuple[str, ...] = ()) -> list[str]:
    stream, found = TextStream(of_bytes, stop), []
    for token in text.encode():
        found.append(stream.add(token))
        if stream.stopped:
            break
    return [*found, stream.finish()]


@given(st.text(max_size=12))
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(alphabet="abé", max_size=20), st.text(alphabet="abé", min_size=1, max_size=4))
def test_text_ends_before_the_first_stop(text: str, stop: str) -> None:
    assert "".join(pieces(text, (stop,))) == text.split(stop, maxsplit=1)[0]


def test_a_character_comes_when_it_is_complete() -> None:
    assert pieces("a€b") == ["a", "", "", "€", "b", ""]


def test_what_may_be_a_stop_is_kept_back() -> None:
    assert pieces("x##y", ("###",)) == ["x", "", "", "##y", ""]
    assert pieces("x###y", ("###",)) == ["x", "", "", "", ""]


@pytest.mark.parametrize("stops", [("b", "ab"), ("ab", "b")])
def test_the_first_place_counts_whichever_stop_it_is(stops: tuple[str, ...]) -> None:
    assert "".join(pieces("xaby", stops)) == "x"
