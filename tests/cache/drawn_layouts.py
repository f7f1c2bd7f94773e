"""Layouts that nobody uses, as hypothesis draws them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.fuzz.layouts import layout
from specs.lang.formats.paged import Paged


def layouts() -> st.SearchStrategy[Paged]:
    """One to four fields; scales in either place; rows and pages with and without padding."""
    return st.integers(0, 2**32).map(lambda seed: layout(np.random.default_rng(seed)))
