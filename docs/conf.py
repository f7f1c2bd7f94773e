"""The documentation site: the Markdown of this folder through Sphinx and MyST. `make docs`; warnings are errors."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))
from specs.version import __version__

project = "twinkernels"
author = "The twinkernels authors"
project_copyright = "2026, the twinkernels authors"
version = release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"twinkernels {__version__}"
myst_heading_anchors = 3
nitpicky = True

# The same pages are read beside the sources, where links go to files of the repository; the site has no copy of those.
_TO_SOURCE = re.compile(
    r"\]\((?:\.\./)*(?:specs|jax_impl|torch_impl|parity|tests|examples|benchmarks|requirements|LICENSE)[^)]*\)"
)
_PAGES = {"](CHANGELOG.md)": "](docs/changelog.md)", "](CONTRIBUTING.md)": "](docs/contributing.md)"}


def _page(_app: object, _name: str, source: list[str]) -> None:
    """Links to files of the repository become their names."""
    source[0] = _TO_SOURCE.sub("]", source[0])


def _included(_app: object, _path: object, _parent: str, source: list[str]) -> None:
    """A page of the repository's root, shown among those of this folder."""
    source[0] = _TO_SOURCE.sub("]", source[0])
    for link, page in _PAGES.items():
        source[0] = source[0].replace(link, page)


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _page)
    app.connect("include-read", _included)
