"""The model and its tokens, loaded once; tests that need it are skipped where it is not installed."""

from __future__ import annotations

import pytest

from parity.models.minilm import assets as checkpoint
from parity.models.minilm.assets import Assets, Tokens
from parity.models.minilm.sentences import SENTENCES


@pytest.fixture(scope="session")
def assets() -> Assets:
    """The model."""
    reason = checkpoint.missing()
    if reason is not None:
        pytest.skip(reason)
    return checkpoint.load()


@pytest.fixture(scope="session")
def tokens(assets: Assets) -> Tokens:
    """The job's sentences."""
    return assets.tokenise(SENTENCES)
