"""The folder of compiled programs: a full disk, damaged and unfinished entries, and a folder that cannot be."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jax_impl.serving.program_cache import ProgramCache


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What caches tell; JAX has none afterwards."""
    yield []
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()


def compiled(factor: int) -> Any:
    return jax.jit(lambda x: x * factor).lower(jax.ShapeDtypeStruct((4,), jnp.float32)).compile()


def works(program: Any, factor: int) -> bool:
    x = np.arange(4, dtype=np.float32)
    return np.array_equal(np.asarray(program(x)), factor * x)


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Files can have no more bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-cache"))


def test_programs_are_kept(tmp_path: Path, said: list[str]) -> None:
    for _ in range(2):
        cache = ProgramCache(tmp_path, said.append)
        cache.open()
        with cache.compiling():
            assert works(compiled(3), 3)
    assert len(entries(tmp_path)) == 1
    assert said == []


def test_a_full_disk_is_told_once_and_leaves_nothing_unfinished(tmp_path: Path, said: list[str]) -> None:
    cache = ProgramCache(tmp_path, said.append)
    cache.open()
    with cache.compiling():
        compiled(2)
    with no_room(100), cache.compiling():
        three, four = compiled(3), compiled(4)
    assert works(three, 3)
    assert works(four, 4)
    assert len(said) == 1
    assert "new programs were not kept" in said[0]
    assert "File too large" in said[0]
    assert len(entries(tmp_path)) == 1
    again = ProgramCache(tmp_path, said.append)
    again.open()
    with again.compiling():
        assert works(compiled(2), 2)
    assert len(said) == 1


def test_a_start_that_is_cut_short_keeps_its_programs(tmp_path: Path, said: list[str]) -> None:
    cache = ProgramCache(tmp_path, said.append)
    cache.open()
    compiled(6)
    cache.progress(8, 54)
    ProgramCache(tmp_path, said.append).open()
    assert len(entries(tmp_path)) == 1
    assert said == []


@pytest.mark.parametrize("damage", ["a byte", "the end", "the sums"])
def test_damaged_programs_are_compiled_again(damage: str, tmp_path: Path, said: list[str]) -> None:
    cache = ProgramCache(tmp_path, said.append)
    cache.open()
    with cache.compiling():
        compiled(5)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    broken = {"a byte": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "the end": whole[: len(whole) // 2]}
    if damage == "the sums":
        (tmp_path / "sums.json").write_text("{")
    else:
        entry.write_bytes(broken[damage])
    again = ProgramCache(tmp_path, said.append)
    again.open()
    assert entries(tmp_path) == []
    with again.compiling():
        assert works(compiled(5), 5)
    assert len(said) == 1
    assert "1 damaged or unfinished programs are compiled again" in said[0]
    assert list(json.loads((tmp_path / "sums.json").read_text())) == [entry.name]


def test_a_folder_that_cannot_be_is_told_once(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_text("")
    cache = ProgramCache(tmp_path / "file" / "programs", said.append)
    cache.open()
    with cache.compiling():
        assert works(compiled(7), 7)
    assert len(said) == 1
    assert "programs cannot be kept" in said[0]
