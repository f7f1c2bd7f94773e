"""Children that answer, crash and hang."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parity.xpu.process import Child

PROGRAM = """
import json, os, signal, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if asked["do"] == "hang":
        time.sleep(60)
    if asked["do"] == "end":
        sys.exit("cannot go on")
    print(json.dumps({"said": asked["do"], "variable": os.environ.get("PLANTED"), "process": os.getpid()}), flush=True)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    found = Child((sys.executable, "-c", PROGRAM), {"PLANTED": "yes"}, tmp_path / "log", tmp_path)
    yield found
    found.close()


def test_child_answers_and_stays(child: Child) -> None:
    first, second = child.ask({"do": "one"}, 60), child.ask({"do": "two"}, 60)
    assert (first["said"], second["said"], first["variable"]) == ("one", "two", "yes")
    assert first["process"] == second["process"]


@pytest.mark.parametrize(
    ("do", "seconds", "reason"),
    [("crash", 60, "crashed with SIGSEGV"), ("hang", 1, "no answer after 1 s"), ("end", 60, "cannot go on")],
)
def test_child_that_does_not_answer_is_started_again(child: Child, do: str, seconds: float, reason: str) -> None:
    before = child.ask({"do": "one"}, 60)
    assert reason in child.ask({"do": do}, seconds)["crash"]
    after = child.ask({"do": "one"}, 60)
    assert after["said"] == "one"
    assert after["process"] != before["process"]


def test_closing_twice_is_fine(child: Child) -> None:
    child.ask({"do": "one"}, 60)
    child.close()
    child.close()
