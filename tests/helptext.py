"""Reading what help() shows of an operation."""

from __future__ import annotations

import re


def entries(text: str) -> dict[str, str]:
    """Name -> entry of the sections Args and Returns, its lines joined by single spaces."""
    found: dict[str, list[str]] = {}
    section, name = "", ""
    for line in text.splitlines():
        if re.fullmatch(r"\w+:", line):
            section, name = line[:-1], ""
        elif section in ("Args", "Returns") and (entry := re.match(r"    (\w+): ", line)):
            name = entry[1]
            found.setdefault(name, []).append(line.strip())
        elif name and line.startswith("        "):
            found[name].append(line.strip())
    return {name: " ".join(" ".join(lines).split()) for name, lines in found.items()}
