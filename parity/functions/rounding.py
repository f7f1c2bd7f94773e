"""What both analyses share."""

from __future__ import annotations

from typing import Final

from specs.lang.errors import Unsupported
from specs.lang.formats.elements import F32

U32: Final = F32.unit_roundoff
"""Of sums, and of functions of narrower types before the result is rounded."""
ARGUMENTS: Final = 8
"""Roundoffs of a function (exp, tanh), relative to its result and to its argument."""


def refusal(what: str) -> Unsupported:
    """An operation whose rounding is not known."""
    advice = (
        "state the contract: oracle=, terms=, extra=; or plain_torch=, plain_jax=: the same in elementary operations"
    )
    return Unsupported(f"{what} in wider arithmetic", f"there is no rule for its rounding; {advice}")
