"""Generated files that are checked in: what the specs give now, the same in every process, standing on their own."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import jax_impl.pallas.emitter
import specs
import specs.tile.emit.triton
from parity.write.golden import golden_files, stale, write
from parity.write.sources import Files, emitters, golden_paths, golden_sources, sources
from specs.export import content_hash
from specs.lang.declare.op import Op
from specs.tile.emit.wrapping import WIDTH
from specs.tile.launch.cases import case_launches, default_case, golden_case
from specs.tile.launch.specialise import trace
from specs.tile.passes.legalise import legalise
from tests.rules.source import ROOT

FRAMEWORK_IMPORTS = {
    "torch_impl": {"triton"},
    "jax_impl": {"jax", "jax_impl.platforms.triton_ops", "jax_impl.platforms.views"},
}


@pytest.fixture(scope="module")
def files() -> Files:
    """Everything that is generated, emitted once."""
    return golden_files()


def golden(files: Files) -> list[tuple[PurePosixPath, str]]:
    """Golden sources, without the packages' own modules."""
    folders = {emitter.folder for emitter in emitters().values()}
    return [(path, text) for path, text in files.items() if path.parent in folders and path.name != "__init__.py"]


def test_checked_in_files_are_what_the_specs_give(files: Files) -> None:
    if found := stale(files):
        lines = [f"{item.path} {item.problem}\n{item.diff()}" for item in found]
        pytest.fail("run: make golden\n" + "".join(lines), pytrace=False)


def test_every_operation_has_sources_on_both_sides() -> None:
    for name in specs.names():
        folders = {path.parent for path in golden_sources(specs.get(name))}
        assert folders == {emitter.folder for emitter in emitters().values()}, name


def test_paths_are_those_of_the_sources() -> None:
    for op in map(specs.get, specs.names()):
        assert golden_paths(op) == list(golden_sources(op))


def clear_caches() -> None:
    for cached in (trace, legalise, specs.tile.emit.triton.emit, jax_impl.pallas.emitter.emit, content_hash):
        cached.cache_clear()


def test_emitting_twice_gives_the_same_text(files: Files) -> None:
    clear_caches()
    assert golden_files() == files


PROGRAM = """
import hashlib, sys
from parity.write.golden import golden_files
print(hashlib.sha256(repr(sorted(map(repr, golden_files().items()))).encode()).hexdigest())
assert not {"torch", "jax", "triton"} & set(sys.modules), "emitting loads no framework"
"""


def test_another_process_gives_the_same_text(
    files: Files, subprocess_environment: Callable[..., dict[str, str]]
) -> None:
    environment = subprocess_environment(PYTHONHASHSEED="7")  # sets in another order
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = hashlib.sha256(repr(sorted(map(repr, files.items()))).encode()).hexdigest()
    assert done.stdout.strip() == expected


def imported(tree: ast.Module) -> set[str]:
    """Modules that a source imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module))
    return names


def test_sources_compile_and_need_their_framework_only(files: Files) -> None:
    for path, text in golden(files):
        compile(text, str(path), "exec")
        allowed = FRAMEWORK_IMPORTS[path.parts[0]]
        for name in imported(ast.parse(text)):
            assert any(f"{name}.".startswith(f"{one}.") for one in allowed), f"{path} imports {name}"


def test_sources_define_the_kernel_and_nothing_else(files: Files) -> None:
    for path, text in golden(files):
        kinds = ast.FunctionDef | ast.ClassDef | ast.Assign
        *constants, kernel = [node for node in ast.parse(text).body if isinstance(node, kinds)]
        assert isinstance(kernel, ast.FunctionDef), path
        for constant in constants:  # assembly that the kernel names
            assert isinstance(constant, ast.Assign), path
            assert ast.unparse(constant.value).startswith("tl.constexpr("), path


def test_no_line_is_too_long_to_read(files: Files) -> None:
    long = [f"{path}: {line}" for path, text in golden(files) for line in text.splitlines() if len(line) > WIDTH]
    assert not long


@pytest.mark.parametrize("name", specs.names())
def test_header_names_the_case(name: str) -> None:
    """One that a reader wants: an operation marks decode or prefill of a real model."""
    op = specs.get(name)
    (case,) = (case for case in op.cases if case.golden)
    assert case == golden_case(op)
    for path, text in golden_sources(op).items():
        assert text.startswith(f'# {name}, case "{case.name}"'), path


def test_hashes_of_specs_are_in_one_file_of_each_package(files: Files) -> None:
    hashes = {name: content_hash(specs.get(name)) for name in specs.names()}
    for emitter in emitters().values():
        index = ast.parse(files[emitter.folder / "__init__.py"])
        (found,) = (node for node in index.body if isinstance(node, ast.Assign))
        assert ast.literal_eval(found.value) == hashes
    for path, text in golden(files):
        assert not [digest for digest in hashes.values() if digest in text], path


# Planted faults.


def planted(root: Path, files: Files) -> None:
    write(stale(files, root), root)


def test_missing_changed_and_superfluous_files_are_stale(tmp_path: Path, files: Files) -> None:
    planted(tmp_path, files)
    assert stale(files, tmp_path) == []
    (missing, _), (changed, text), *_ = golden(files)
    (tmp_path / missing).unlink()
    (tmp_path / changed).write_text(text.replace("tl.", "tl .", 1) + "# edited\n", encoding="utf-8")
    extra = emitters()["pallas"].folder / "gone.py"
    (tmp_path / extra).write_text('"""Of an operation that is no more."""\n', encoding="utf-8")
    found = {item.path: item for item in stale(files, tmp_path)}
    assert set(found) == {missing, changed, extra}
    assert "-# edited" in found[changed].diff()
    assert [found[path].expected is None for path in (missing, changed, extra)] == [False, False, True]
    write(list(found.values()), tmp_path)
    assert stale(files, tmp_path) == []
    assert not (tmp_path / extra).exists()


def test_one_element_more_in_a_tile_shows(files: Files) -> None:
    """A changed tunable reaches the source, so the comparison can fail."""
    op = specs.get("fp8_bmm")
    (step,) = op.steps
    rows = [replace(row, values=(*row.values[:-1], ("num_stages", 1))) for row in step.kernel.configs]
    other = replace(op, steps=(replace(step, kernel=replace(step.kernel, configs=tuple(rows))),))
    for path, text in golden_sources(other).items():
        assert files[path] != text


# Work that is done once.


class Counted:
    """A tile program that counts how often it is traced."""

    def __init__(self, body: Callable[[Any], None]) -> None:
        self.body, self.calls = body, 0
        self.__module__, self.__qualname__ = body.__module__, body.__qualname__

    def __call__(self, p: Any) -> None:
        self.calls += 1
        self.body(p)


def counted(op: Op) -> tuple[Op, list[Counted]]:
    """The operation with all its tile programs counted."""
    bodies = [Counted(step.kernel.body) for step in op.steps]
    kernels = [replace(step.kernel, body=body) for step, body in zip(op.steps, bodies, strict=True)]
    replaced = [replace(step, kernel=kernel) for step, kernel in zip(op.steps, kernels, strict=True)]
    return replace(op, steps=tuple(replaced)), bodies


@pytest.mark.parametrize("name", emitters())
@pytest.mark.parametrize("op_name", ["fp8_bmm", "per_tensor_quant_fp8"])
def test_a_cold_specialisation_is_traced_and_emitted_once(name: str, op_name: str) -> None:
    op, bodies = counted(specs.get(op_name))
    emitter = emitters()[name]
    target, emit = emitter.targets["cuda"], emitter.emit
    cached: Any = (legalise, emit)

    def work() -> list[str]:
        found = case_launches(op, default_case(op), target, strided=emitter.strided)
        return [emit(run.program) for run in found]

    before = [cache.cache_info().misses for cache in cached]
    cold = work()
    after = [cache.cache_info().misses for cache in cached]
    assert [body.calls for body in bodies] == [1] * len(bodies)
    assert [b - a for a, b in zip(before, after, strict=True)] == [len(cold)] * 2
    assert work() == cold
    assert [body.calls for body in bodies] == [1] * len(bodies)
    assert [cache.cache_info().misses for cache in cached] == after


def test_other_devices_and_cases_have_sources_too() -> None:
    for name, emitter in emitters().items():
        for device in emitter.targets:
            for op_name in specs.names():
                op = specs.get(op_name)
                for text in sources(op, name, op.cases[-1], device).values():
                    compile(text, op_name, "exec")
