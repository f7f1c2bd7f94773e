"""Programs for platforms whose cards need not be here: made on any machine, saved in a file, called on another.

    program = export.export(layer, ["oneapi", "cuda", "cpu"], device="Arc B580")(x)      # shapes and dtypes of x count
    export.save(program, "layer.zip")
    y = export.load("layer.zip").call(x)

Each platform has its own implementation in the program. `jax.export` makes it and reads it; which versions of JAX read
what others wrote is in docs/export.md.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax

from jax import export as jax_export

from jax_impl.platforms import custom_call, defects, environment, matrix_units, versions
from jax_impl.support import platform_called
from specs.lang.errors import ArgumentError, Unsupported, WrongType
from specs.version import __version__

FORMAT = 1
"""Of the file: a zip archive of `MODULE`, the bytes of `jax.export.Exported.serialize`, and `ABOUT`, a JSON object."""
MODULE, ABOUT = "module.jax_export", "about.json"
_STORED = (1980, 1, 1, 0, 0, 0)  # the date of every member, so that equal programs are equal files


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a program says of itself.

    format: of the file. library, jax: versions that wrote it. function: name of what was exported.
    platforms: in the words of XLA. kernels: names of its Triton kernels, without repetition.
    matrix_units: whether a kernel for oneapi uses them.
    """

    format: int
    library: str
    jax: str
    function: str
    platforms: tuple[str, ...]
    kernels: tuple[str, ...]
    matrix_units: bool


@dataclass(frozen=True, slots=True)
class Program:
    """A function for some platforms and for arguments of the shapes and dtypes with which it was exported."""

    exported: jax_export.Exported
    about: About

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Runs it on the platform of the arguments, or inlines it under jit.

        Raises:
            ValueError: shapes, dtypes or structure of the arguments differ, or the platform is none of its own.
        """
        return self.exported.call(*args, **kwargs)


def export(
    function: Callable[..., Any], platforms: Sequence[str], *, device: str | None = None
) -> Callable[..., Program]:
    """A function of arguments (arrays or `jax.ShapeDtypeStruct`) that traces `function` and lowers it for `platforms`.

    Args:
        function: jitted, with what is donated or static, or not.
        platforms: of cpu, cuda (or gpu), oneapi (or xpu), sycl; none of them has to be here.
        device: the Intel GPU that kernels for oneapi are for, such as "Arc B580" or "Arc A770": whether they use its
            matrix units. None for the first one here, or one that has them.

    Raises:
        ArgumentError: there is no such platform or device, or no platform is named.
        Unsupported: when called: an implementation that was asked for by name cannot run on one of the platforms.
    """
    if isinstance(platforms, str) or not platforms:
        raise WrongType(op="export", argument="platforms", expected="a list of platforms", actual=repr(platforms))
    names = tuple(dict.fromkeys(platform_called("export", platform) for platform in platforms))
    _for_device(device)
    jitted: Any = function if hasattr(function, "lower") else jax.jit(function)
    # The call that holds Triton IR is not among those that JAX keeps stable.
    checks = [jax_export.DisabledSafetyCheck.custom_call(custom_call.TARGET)]

    def exporter(*args: Any, **kwargs: Any) -> Program:
        with _for_device(device):
            made = jax_export.export(jitted, platforms=names, disabled_checks=checks)(*args, **kwargs)
        kernels = custom_call.kernels_of_text(made.mlir_module())
        about = About(
            format=FORMAT,
            library=__version__,
            jax=jax.__version__,
            function=made.fun_name,
            platforms=names,
            kernels=tuple(dict.fromkeys(kernel.name for kernel in kernels)),
            matrix_units=any(matrix_units.ATTRIBUTE in kernel.ir for kernel in kernels),
        )
        return Program(made, about)

    return exporter


def _for_device(device: str | None) -> AbstractContextManager[None]:
    """What is traced inside is for an Intel GPU; None leaves it to `matrix_units`."""
    return nullcontext() if device is None else matrix_units.using(None, device)


def _need_flatbuffers() -> None:
    """Raises MissingExtra where the package is absent by which JAX writes and reads modules."""
    with hints("jax", "export"):
        import flatbuffers  # noqa: F401


def save(program: Program, path: str | Path) -> None:
    """Writes a program to a file; equal programs of one version of JAX are equal files."""
    _need_flatbuffers()
    about = json.dumps(asdict(program.about), indent=2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((ABOUT, about.encode()), (MODULE, bytes(program.exported.serialize()))):
            archive.writestr(zipfile.ZipInfo(name, _STORED), content, zipfile.ZIP_DEFLATED)


def load(path: str | Path) -> Program:
    """The program in a file that `save` wrote.

    Raises:
        OSError: the file cannot be opened.
        ArgumentError: it is no such file, or damaged.
        Unsupported: it is of a newer version of this library, this JAX does not read it, it uses the matrix units of an
            Intel GPU and the one here has none, or the plugin for Intel GPUs is of a version that is not known.
    """
    about, module = _read(Path(path))
    if "oneapi" in about.platforms:
        if about.matrix_units:
            matrix_units.check_device(f"the program in {path}")
        versions.check_plugin()
        environment.set_defaults(defects.environment())  # read by the plugin when it compiles the kernels
    try:
        exported = jax_export.deserialize(bytearray(module))
    except Exception as error:
        reason = f"JAX {about.jax} wrote it, and JAX {jax.__version__} cannot read it ({error}); docs/export.md"
        raise Unsupported(f"the program in {path}", f"{reason} says which versions do") from error
    return Program(exported, about)


def _read(path: Path) -> tuple[About, bytes]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if not {ABOUT, MODULE} <= set(archive.namelist()):
                raise _not_ours(path, "another zip archive")
            given = json.loads(archive.read(ABOUT))
            module = archive.read(MODULE)  # zip files have a checksum of each member
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise _not_ours(path, f"another file, or a damaged one ({error})") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        found = given.get("format") if isinstance(given, dict) else given
        reason = f"its format is {found}, this version of the library reads {FORMAT}"
        raise Unsupported(f"the program in {path}", reason)
    try:
        known: dict[str, Any] = {field.name: given[field.name] for field in fields(About)}
    except KeyError as error:
        raise _not_ours(path, f"one without {error}") from error
    known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return About(**known), module


def _not_ours(path: Path, actual: str) -> ArgumentError:
    expected = "a file that jax_impl.export.save wrote"
    return ArgumentError(op="load", argument="path", expected=expected, actual=f"{path}: {actual}")
