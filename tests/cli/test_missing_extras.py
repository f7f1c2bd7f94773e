"""With the core alone installed, every way in says in one line what is missing; in one process without them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from specs.extras import PACKAGES, hint

IMPORTS = {
    "jax_impl.ops": hint("jax"),
    "jax_impl.layers": hint("jax"),
    "jax_impl.export": hint("jax"),
    "jax_impl.serving.server": hint("jax", "jax", "checkpoints", "serving"),
    "jax_impl.quantized": hint("jax"),
    "torch_impl.ops": hint("torch"),
    "torch_impl.layers": hint("torch"),
    "torch_impl.flash_attn": hint("torch"),
    "torch_impl.quantized": hint("torch"),
    "checkpoints.opening": hint("jinja2", "checkpoints"),
    "checkpoints.tokenizer": hint("tokenizers", "checkpoints"),
    "checkpoints.tensors": hint("safetensors", "checkpoints"),
    "specs": "",
    "jax_impl": "",
    "torch_impl": "",
    "parity": "",
    "checkpoints": "",
    "parity.report": "",
}
PROGRAMS = {
    "parity": hint("typer", "parity"),
    "jax_impl.serving": hint("typer", "jax", "checkpoints", "serving"),
}

_PROGRAM = """
import contextlib, io, json, runpy, sys
hidden, imports, programs = json.loads(sys.argv[1])

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
said = {}
for name in imports:
    try:
        __import__(name)
        said[name] = ""
    except ImportError as error:
        said[name] = str(error)
for name in programs:
    sys.argv = [name, "list"]
    with contextlib.redirect_stderr(io.StringIO()) as text:
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            said[f"python -m {name}"] = [end.code, text.getvalue()]
        except ImportError as error:
            said[f"python -m {name}"] = [None, str(error)]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said() -> dict[str, object]:
    hidden = sorted({name for packages in PACKAGES.values() for name in packages})
    given = json.dumps([hidden, list(IMPORTS), list(PROGRAMS)])
    done = subprocess.run([sys.executable, "-c", _PROGRAM, given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("module", IMPORTS)
def test_an_import_says_what_is_missing(module: str, said: dict[str, object]) -> None:
    assert said[module] == IMPORTS[module]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_what_is_missing_and_ends_with_status_3(program: str, said: dict[str, object]) -> None:
    assert said[f"python -m {program}"] == [3, f"{PROGRAMS[program]}\n"]
