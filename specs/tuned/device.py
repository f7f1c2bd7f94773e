"""What a processor is called: frameworks call every one of them "cpu"."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


@cache
def processor() -> str:
    """The processor's model and the number of CPUs, such as "AMD EPYC 9354 (64 CPUs)"."""
    return f"{_model(_cpuinfo()) or platform.processor() or platform.machine()} ({os.cpu_count()} CPUs)"


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""


def _model(cpuinfo: str) -> str:
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return ""
