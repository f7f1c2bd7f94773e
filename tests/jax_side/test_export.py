"""Programs for cards that are not here: made, saved, loaded and called; what cannot be is refused in words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jax_impl import export, ops
from jax_impl.platforms import matrix_units
from specs.lang.errors import ArgumentError, Unsupported
from tests.jax_side.calls import raw

X = jnp.arange(4 * 256, dtype=jnp.bfloat16).reshape(4, 256)
WEIGHT, SCALE = jnp.ones((256, 256), jnp.float8_e4m3fn), jnp.full((2, 2), 0.5)


def layer(x: jax.Array) -> jax.Array:
    """Two operations, of which one has dots."""
    codes, scale = ops.per_token_group_quant_fp8(x)
    return ops.fp8_gemm(codes, WEIGHT, scale, SCALE, scale_mode="block", weight_order="nk")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program for three platforms, of which one is here."""
    path = tmp_path_factory.mktemp("export") / "layer.zip"
    export.save(export.export(layer, ["xpu", "cuda", "cpu"])(X), path)
    return path


def rewritten(path: Path, to: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The file with members changed, or left out."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w") as target:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    return to


def test_a_loaded_program_gives_the_bytes_of_the_function(saved: Path, tmp_path: Path) -> None:
    program = export.load(saved)
    assert program.about.platforms == ("oneapi", "cuda", "cpu")
    assert {"group_quant", "fp8_gemm"} <= set(program.about.kernels)
    assert program.about.matrix_units
    assert raw(program.call(X)) == raw(jax.jit(layer)(X)) == raw(jax.jit(program.call)(X))
    export.save(program, tmp_path / "again.zip")
    assert raw(export.load(tmp_path / "again.zip").call(X)) == raw(program.call(X))


def test_the_device_decides_on_matrix_units() -> None:
    assert not export.export(layer, ["oneapi"], device="Arc A770")(X).about.matrix_units
    assert export.export(layer, ["oneapi"], device="Arc B580")(X).about.matrix_units


def test_a_card_without_matrix_units_refuses_a_program_with_them(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_units, "_device_kind", lambda: "Intel(R) Arc(TM) A770 Graphics")
    with pytest.raises(Unsupported, match=r"layer\.zip on Intel.*A770.*uses matrix units.*device="):
        export.load(saved)


@pytest.mark.parametrize("platforms", [["cuda", "foo"], [], "cuda"])
def test_platforms_are_checked_before_anything_is_traced(platforms: list[str]) -> None:
    with pytest.raises(ArgumentError, match=r"export: .*'platforms?' must be .*got "):
        export.export(layer, platforms)


def test_a_device_that_is_not_known_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"'device' must be one of .*Battlemage.*got 'B9'"):
        export.export(layer, ["oneapi"], device="B9")


def test_arguments_and_platforms_are_checked_by_jax(saved: Path) -> None:
    program = export.load(saved)
    with pytest.raises(ValueError, match=r"args\[0\].*expected \(4, 256\) and called with \(3, 256\)"):
        program.call(X[:3])
    with pytest.raises(ValueError, match=r"args\[0\].*expected bfloat16 and called with float32"):
        program.call(X.astype(jnp.float32))
    with pytest.raises(ValueError, match="length"):
        program.call()
    with pytest.raises(ValueError, match=r"exported for platforms.*cuda.*cpu"):
        export.export(layer, ["cuda"])(X).call(X)


def test_other_files_are_refused(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    cut = tmp_path / "cut"
    cut.write_bytes(saved.read_bytes()[:-100])
    spoilt = tmp_path / "spoilt"
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 255
    spoilt.write_bytes(content)
    without = rewritten(saved, tmp_path / "without", lambda name, old: old if name == export.ABOUT else None)
    for path in (tmp_path / "text", cut, spoilt, without):
        with pytest.raises(ArgumentError, match=rf"a file that jax_impl.export.save wrote, got .*{path.name}"):
            export.load(path)
    with pytest.raises(FileNotFoundError):
        export.load(tmp_path / "none")


def test_other_versions_are_told(saved: Path, tmp_path: Path) -> None:
    def newer(name: str, old: bytes) -> bytes:
        return json.dumps({**json.loads(old), "format": export.FORMAT + 1}).encode() if name == export.ABOUT else old

    with pytest.raises(Unsupported, match="its format is 2, this version of the library reads 1"):
        export.load(rewritten(saved, tmp_path / "newer", newer))

    def unreadable(name: str, old: bytes) -> bytes:
        return json.dumps({**json.loads(old), "jax": "9.9"}).encode() if name == export.ABOUT else old[:40]

    with pytest.raises(Unsupported, match=r"JAX 9\.9 wrote it, and JAX [\d.]+ cannot read it"):
        export.load(rewritten(saved, tmp_path / "unreadable", unreadable))
