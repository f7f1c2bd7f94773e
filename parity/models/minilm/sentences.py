"""The sentences that the model embeds: pairs that say the same thing in other words, each about its own subject."""

from __future__ import annotations

from typing import Final

PAIRS: Final[tuple[tuple[str, str], ...]] = (
    (
        "The cat has been asleep on the warm windowsill since breakfast.",
        "A cat is napping in the sun beside the window all morning.",
    ),
    (
        "Heavy rain is expected over the northern valleys on Sunday evening.",
        "The forecast warns of strong showers in the north at the end of the weekend.",
    ),
    (
        "The central bank raised interest rates by half a percentage point to slow inflation.",
        "To curb rising prices, monetary policy was tightened and borrowing became more expensive.",
    ),
    (
        "Matrix multiplication on a graphics card is fast when the data stays close to the processors.",
        "GPUs multiply matrices quickly as long as operands are kept in nearby memory.",
    ),
    (
        "Knead the dough for ten minutes and let it rise under a damp cloth.",
        "Work the bread mixture by hand, cover it with a wet towel and leave it to prove.",
    ),
)
"""Two paraphrases each."""

SENTENCES: Final[tuple[str, ...]] = tuple(sentence for pair in PAIRS for sentence in pair)
"""All of them; sentences 2i and 2i + 1 belong together."""
