"""The search and the command, with times that are made up: of a configuration, so that nothing is measured."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import specs
from parity.cli import app
from parity.commands import tuning
from parity.commands.status import FAILED, NOT_RUN, OK, USAGE
from parity.judge.frameworks import Results
from parity.judge.runner import inputs_of
from parity.show.printing import console
from parity.tune.calls import Call
from parity.tune.search import AGAIN, Search, Timer, rows
from parity.tune.space import Config
from parity.tune.timing import Queue, Timing
from specs import tuned
from specs.lang.errors import Unsupported
from specs.tuned.files import read
from specs.tuned.rows import Measured

OP = specs.get("per_token_quant_int8")
CASE = replace(OP.cases[0], sizes=(("M", 4), ("N", 64)), lead=None)
CALL = Call(inputs=inputs_of(OP, CASE, "random", 0), implementation="torch:eager", device="cpu")
Cost = Callable[[dict[str, int]], tuple[float, ...]]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    tuned.use(Measured())


def timer(cost: Cost, again: tuple[float, ...] = (1.0,)) -> Timer:
    """Times from tunables, one per round; of the default compiled anew those given."""

    def measure(queues: Mapping[str, Queue], rounds: int, seconds: float) -> tuple[dict[str, Timing], dict[str, str]]:
        found = {}
        for name, queue in queues.items():
            queue.enqueue()
            config: Config = ast.literal_eval(name)
            of_rounds = again if config == AGAIN else cost(dict(config))
            found[name] = Timing(samples=tuple(islice(cycle(of_rounds), rounds)), host=0.0, method="made up")
        return found, {}

    return measure


def cost_of_rows(values: dict[str, int]) -> tuple[float, ...]:
    """Four rows are best; a default of 16 takes 1."""
    return (0.5 + abs(values["BLOCK_M"] - 4) / 24,)


def test_the_best_configuration_is_found_and_kept() -> None:
    found = Search(call=CALL, limit=60, timer=timer(cost_of_rows)).run()
    assert found.changes == "BLOCK_M=4"
    assert (found.ratio, found.least, found.most) == (0.5, 0.5, 0.5)
    assert found.refused == {}
    ((place, _), row), *others = rows(CALL, found, "a call").rows.items()
    assert not others
    assert place == CALL.place()
    assert dict(row.values) == dict(found.best)


def test_options_of_gpus_are_not_searched_on_a_processor() -> None:
    space = CALL.space()
    assert all(len(space.values[name]) == 1 for name in ("num_warps", "num_stages"))


@pytest.mark.parametrize(
    ("again", "times"), [((0.9, 1.1), (0.95,)), ((1.0,), (0.5, 1.01)), ((1.0,), (1.0,))], ids=["noise", "once", "same"]
)
def test_what_noise_explains_does_not_win(again: tuple[float, ...], times: tuple[float, ...]) -> None:
    default = dict(CALL.space().default)
    found = Search(call=CALL, limit=60, timer=timer(lambda values: (1.0,) if values == default else times, again)).run()
    assert not found.won
    assert rows(CALL, found, "a call").rows == {}


def test_a_configuration_with_other_results_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Call.results

    def planted(call: Call, config: Config) -> Results:
        found = honest(call, config)
        if dict(config)["BLOCK_M"] == 4:
            next(iter(found.values())).raw[0, 0] += 1
        return found

    monkeypatch.setattr(Call, "results", planted)
    found = Search(call=CALL, limit=60, timer=timer(cost_of_rows)).run()
    assert dict(found.best)["BLOCK_M"] != 4
    assert any("other bytes" in why for why in found.refused.values())


def test_no_time_measures_the_default_alone() -> None:
    assert Search(call=CALL, limit=0, timer=timer(cost_of_rows)).run().tried == 1


def test_what_has_no_tunables_is_refused() -> None:
    op = specs.get("gemm")
    inputs = inputs_of(op, op.cases[0], "random", 0)
    with pytest.raises(Unsupported, match="without tunables"):
        Call(inputs=inputs, implementation="torch:dequant", device="cpu").space()


def test_jax_calls_are_tuned_too() -> None:
    call = Call(inputs=CALL.inputs, implementation="jax:xla", device="cpu")
    default = call.space().default
    call.queue(default).enqueue()
    assert set(call.results(default)) == {"q", "scale"}


def report(file: Path, names: list[str], **changes: Any) -> int:
    return tuning.report(OP, [CASE], names, device="cpu", limit=60, file=file, seed=0, console=console(), **changes)


def test_the_command_says_what_it_won_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tuned.json"
    assert report(file, ["torch:eager"], timer=timer(cost_of_rows)) == OK
    said = capsys.readouterr().out
    assert "BLOCK_M=4" in said
    assert "0.500 to 0.500" in said
    assert str(file) in said
    (row,) = read(file).rows.values()
    assert row.case == f"{OP.name} {CASE.name} M=4 N=64"
    assert report(file, ["torch:eager"], timer=timer(lambda _: (1.0,))) == OK
    assert "nothing is written" in capsys.readouterr().out
    assert list(read(file).rows.values()) == [row]


def test_the_command_refuses_what_it_could_not_keep_before_it_measures(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    file.write_text('{"version": 2}')
    assert report(file, ["torch:eager"], timer=lambda *_: pytest.fail("measured")) == FAILED
    assert report(tmp_path / "other.json", ["torch:dequant"]) == NOT_RUN


def test_sizes_and_cases_are_looked_up() -> None:
    for wrong in (["--size", "Q=4"], ["--size", "M=four"], ["--case", "none"], ["--device", "tpu"]):
        assert CliRunner().invoke(app, ["tune", OP.name, *wrong]).exit_code == USAGE
    assert dict(tuning.resized(OP, OP.cases[0], ["M=4096"]).sizes)["M"] == 4096
    assert tuning.by_default(OP, "cpu") == ["torch:eager", "jax:xla"]
