"""A plugin for pytest: the fixture `assert_parity`, and `--parity-save FOLDER` for the inputs of what fails.

Installed with twinkernels; nothing of it is imported until a test asks for the fixture.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    group = parser.getgroup("parity", "comparisons of torch and JAX")
    group.addoption("--parity-save", type=Path, help="folder for inputs and results of failed comparisons")


@pytest.fixture
def assert_parity(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """`parity.assert_parity`, which saves the inputs of a failure in a folder named after the test."""
    from parity.functions.check import assert_parity as check

    folder: Path | None = request.config.getoption("--parity-save")
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    return partial(check, save=tmp_path / "parity" if folder is None else folder / name)
