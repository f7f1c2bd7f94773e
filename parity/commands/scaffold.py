"""`parity new NAME`: a package with one operation that runs, to be changed into the one that is wanted."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

from specs.lang.errors import SpecError
from specs.registration import REGISTRY

_KERNEL = Template('''\
"""y = x w, row by row: replace formula, body and oracle by yours.

    parity --load $name.py check $name      declarations, and every load and store
    parity --load $name.py run $name        both frameworks against the oracle
    pytest                                  the same and more, test by test

docs/authoring.md of twinkernels has the language and the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Rows, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, single
from specs.lang.formats.elements import BF16, F32
from specs.tile.language import arange, load, program_id, store

# Sizes. The leading dimensions of an array declared with Rows(M), however many there are, multiply to M.
M = Axis(name="M", doc="rows")
N = Axis(name="N", doc="columns")


def $name(p: Any) -> None:
    """What one program does: BLOCK_N columns of one row."""
    row, columns = program_id(0), program_id(1) * p.BLOCK_N + arange(p.BLOCK_N)
    inside = columns < p.N  # nothing outside of an array is read or written
    x = load(p.x, (row, columns), inside).to(F32)
    w = load(p.w, (columns,), inside).to(F32)
    store(p.y, (row, columns), (x * w).to(BF16), inside)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition in float64, written without a look at the body."""
    return {"y": Reference(value=inputs["x"] * inputs["w"])}


$upper: Op = single(
    Kernel(
        name="$name",
        doc="Rows, times one factor per column.",
        axes=(M, N),
        arrays=(
            Array(name="x", doc="rows", shapes=((Rows(M), N),), formats=(BF16,)),
            Array(name="w", doc="factors", shapes=((N,),), formats=(BF16,)),
            Array(name="y", doc="products", shapes=((Rows(M), N),), formats=(BF16,), access=Access.OUT),
        ),
        tunables=(Tunable(name="BLOCK_N", values=(128, 1024)), Tunable(name="num_warps", values=(1, 4))),
        configs=tuple(
            Config(target=target, values=(("BLOCK_N", block), ("num_warps", 4)))
            for target, block in (("cuda", 1024), ("xpu", 1024), ("cpu", 1024), ("interpret", 128))
        ),
        grid=(M, cdiv(N, Ref("BLOCK_N"))),
        body=$name,
    ),
    family="$name",
    definition="    y[m, n] = x[m, n] w[n]",
    independent=(Independent(M),),  # rows: devices may divide them, vmap may add some
    oracle=oracle,
    # A product of two bf16 numbers fits float32 and is rounded once: the oracle's bytes. With more roundings it is
    # Accuracy(terms=products of a sum, extra=other roundings), and the oracle gives `magnitude=` (docs/authoring.md).
    accuracy=(("y", Accuracy(exact=True)),),
    cases=(
        Case(name="ragged", sizes=(("M", 3), ("N", 200)), golden=True),
        Case(name="lead", sizes=(("M", 4), ("N", 128)), lead=(2, 2)),
        Case(name="one-column", sizes=(("M", 2), ("N", 1))),
        Case(name="no-rows", sizes=(("M", 0), ("N", 5))),
    ),
)
''')

_TEST = Template('''\
"""What the specification of `$name` promises, on everything that runs here."""

from $name import $upper

from parity.testing import contract_suite

Test$title = contract_suite($upper)
''')

_PROJECT = Template("""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$dashed-kernel"
version = "0.1.0"
description = "One operation for torch and JAX"
requires-python = ">=3.11"
dependencies = ["twinkernels"]

# By this, both frameworks and every command of `parity` have the operation when the package is installed.
[project.entry-points."twinkernels.ops"]
$name = "$name:$upper"

[tool.hatch.build.targets.wheel]
include = ["$name.py"]

[tool.pytest.ini_options]
pythonpath = ["."]
""")

FILES: Final = {"$name.py": _KERNEL, "test_$name.py": _TEST, "pyproject.toml": _PROJECT}


def new(name: str, folder: Path) -> tuple[Path, ...]:
    """Writes the files of an operation called `name` into a folder; returns their paths.

    Raises:
        SpecError: an operation cannot have that name.
        FileExistsError: one of the files is there already; none is written.
    """
    REGISTRY.check_name(name)
    if not name.islower():
        raise SpecError(f"{name!r} has capitals", hint="the constant beside the function has the same name in capitals")
    words = {"name": name, "upper": name.upper(), "title": name.title().replace("_", "")}
    words["dashed"] = name.replace("_", "-")
    texts = {folder / Template(file).substitute(words): text.substitute(words) for file, text in FILES.items()}
    for path in texts:
        if path.exists():
            raise FileExistsError(f"{path} exists")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return tuple(texts)
