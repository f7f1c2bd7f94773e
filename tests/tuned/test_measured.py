"""Tables of measured configurations: merged, read and written, and taken by calls on their device alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import specs
from specs import tuned
from specs.lang.errors import SpecError
from specs.tile.launch import plan as planning
from specs.tile.launch.cases import case_call, default_case
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tuned import files, measured
from specs.tuned.measured import class_of
from specs.tuned.rows import Measured, Place, Row

OP = specs.get("per_token_quant_int8")
PLACE = Place(device="a device", implementation="torch:eager")
(DEFAULT,) = launches(case_call(OP, default_case(OP), strided=True), "cpu", strides={})
CLASS = class_of(DEFAULT.kernel, DEFAULT.default)
OTHER = {**DEFAULT.tunables, "BLOCK_M": 1 if DEFAULT.tunables["BLOCK_M"] != 1 else 4}


def row(ratio: float, **values: int) -> Row:
    return Row(values={**OTHER, **values}, ratio=ratio, least=ratio, most=ratio, case="a call")


def table(found: Row, place: Place = PLACE, name: str = CLASS) -> Measured:
    return Measured(rows={(place, name): found})


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(measured._InUse, "said", set())
    yield
    tuned.use(Measured())


def planned(place: Place | None) -> dict[str, int]:
    (launch,) = launches(case_call(OP, default_case(OP), strided=True), "cpu", strides={}, place=place)
    return dict(launch.tunables)


def test_the_better_measurement_wins_whichever_comes_first() -> None:
    good, bad, more = table(row(0.5)), table(row(0.9, BLOCK_M=16)), table(row(0.7), name="cpu something else")
    assert (good | bad).rows == (bad | good).rows == good.rows
    assert len((bad | more).rows) == 2


def test_calls_take_rows_of_their_place_alone() -> None:
    tuned.use(table(row(0.5)))
    assert planned(PLACE) == OTHER
    assert planned(None) == DEFAULT.tunables, "calls that are for no device: sources that are checked in"
    assert planned(replace(PLACE, implementation="torch:interpret")) == DEFAULT.tunables


def test_a_search_sees_neither_table_nor_defaults() -> None:
    tuned.use(table(row(0.5)))
    with measured.trying({}):
        assert planned(PLACE) == DEFAULT.tunables
    with measured.trying({"BLOCK_M": 16, "UNKNOWN": 1}):
        assert planned(PLACE) == {**DEFAULT.tunables, "BLOCK_M": 16}


def test_another_device_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tuned.use(table(row(0.5)))
    for _ in range(2):
        assert planned(replace(PLACE, device="another")) == DEFAULT.tunables
    (said,) = caplog.messages
    assert "tuned on a device, and this device is another" in said


@pytest.mark.parametrize("values", [{"BLOCK_M": 3}, {"BLOCK_Q": 1}])
def test_a_row_that_does_not_fit_is_left_out_and_told_once(
    values: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    tuned.use(table(row(0.5, **values)))
    for _ in range(2):
        assert planned(PLACE) == DEFAULT.tunables
    (said,) = caplog.messages
    assert CLASS in said


def test_files_hold_tables_and_merge(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "new" / "tuned.json", table(row(0.8), replace(PLACE, device="another"))
    assert tuned.save(table(row(0.9, BLOCK_M=16)), file) == file
    tuned.save(elsewhere, file)
    tuned.save(table(row(0.5)), file)
    assert files.read(file).rows == (table(row(0.5)) | elsewhere).rows
    assert [path.name for path in file.parent.iterdir()] == ["tuned.json"]
    assert tuned.load(file).rows == files.read(file).rows
    assert planned(PLACE) == OTHER


def _newer(data: dict[str, Any]) -> None:
    data["version"] += 1


def _fraction(data: dict[str, Any]) -> None:
    data["devices"]["a device"]["torch:eager"][CLASS]["values"]["BLOCK_M"] = 1.5


def _bare(data: dict[str, Any]) -> None:
    data.pop("devices")


@pytest.mark.parametrize(
    ("change", "said"), [(_newer, "is newer than"), (_fraction, "integers"), (_bare, "no file of `parity tune`")]
)
def test_files_that_cannot_be_read_are_harmless_and_stay(
    change: Callable[[dict[str, Any]], None], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tuned.save(table(row(0.5)), tmp_path / "tuned.json")
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))
    for _ in range(2):
        assert tuned.load(file).rows == {}
    assert len(caplog.messages) == 1
    assert said in caplog.text
    with pytest.raises(SpecError, match=said):
        tuned.save(table(row(0.5)), file)
    assert json.loads(file.read_text()) == data


def test_a_missing_file_is_told_where_it_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tuned.load(tmp_path / "none.json")
    assert "none.json" in caplog.text


def test_the_users_file_is_read_by_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(measured._InUse, "table", None)
    assert planned(PLACE) == DEFAULT.tunables, "there is none yet"
    assert not caplog.messages, "which is how most users have it"
    file = tuned.save(table(row(0.5)))
    assert file == tuned.default_file()
    monkeypatch.setattr(measured._InUse, "table", None)
    assert planned(PLACE) == OTHER


def taken(monkeypatch: pytest.MonkeyPatch) -> list[Launch]:
    """Launches that are planned from now on."""
    found, plan = list[Launch](), planning.plan

    def spied(*given: Any, **named: Any) -> Launch:
        found.append(plan(*given, **named))
        return found[-1]

    monkeypatch.setattr("specs.tile.launch.launches.plan", spied)
    return found


def test_public_calls_of_torch_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from torch_impl import ops
    from torch_impl.support import place_of

    planned_now = taken(monkeypatch)
    tuned.use(table(row(0.5), place_of(torch.device("cpu"), "eager")))
    ops.per_token_quant_int8(torch.ones(3, 83), implementation="eager")  # a shape that no other test has
    assert [launch.tunables for launch in planned_now] == [OTHER]


def test_public_calls_of_jax_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax.numpy as jnp

    from jax_impl import ops
    from jax_impl.place import lowering_for, place_of

    place = place_of("cpu", "xla")
    assert place is not None
    planned_now = taken(monkeypatch)
    tuned.use(table(row(0.5), place))
    ops.per_token_quant_int8(jnp.ones((3, 83)), implementation="xla")
    assert [launch.tunables for launch in planned_now] == [OTHER]
    assert place_of("oneapi", "xla") is None, "no such device is here"
    with lowering_for("cpu"):
        assert place_of("cpu", "xla") is None, "a program for another machine"
