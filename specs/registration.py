"""Operations of other packages beside the built-in ones.

`register` adds one. Installed packages are asked once, when a name is first looked up: their entry points in the group
`twinkernels.ops` name an operation, several, or a module. `load` imports a module or a file, for the command line and
its child processes. Frameworks `follow`: they are told of every operation that is known and of every one that comes.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata, util
from keyword import iskeyword
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Final

from specs.lang.declare.op import Op
from specs.lang.errors import SpecError
from specs.registry import OPS

GROUP: Final = "twinkernels.ops"
"""Entry points of installed packages."""
RESERVED: Final = ("explain", "function", "matrix_units", "why")
"""Functions beside the operations in `torch_impl.ops` and `jax_impl.ops`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an operation comes from.

    package: name and version of the installed package whose entry point names it; "" for others.
    name: the module, or the path of the file, that registers it; "" where nothing has to be loaded.
    folder: from which the module can be imported.
    """

    package: str = ""
    name: str = ""
    folder: str = ""

    @property
    def told(self) -> str:
        """The same for people."""
        return self.package or self.name


class Registry:
    """Operations by name."""

    def __init__(self, built_in: Iterable[Op], points: Callable[[], Iterable[metadata.EntryPoint]]) -> None:
        """
        Args:
            points: entry points of installed packages; asked for once.
        """
        self.built_in: Final = {op.name: op for op in built_in}
        self._points = points
        self._asked = False
        self._added: dict[str, tuple[Op, Source]] = {}
        self._source: Source | None = None
        self._followers: list[Callable[[Op], None]] = []
        self._lock = RLock()

    def names(self) -> tuple[str, ...]:
        """All names: the built-in ones, then the others in the order in which they came."""
        self._ask()
        return (*self.built_in, *self._added)

    def get(self, name: str) -> Op:
        """The operation called `name`; KeyError lists the known ones."""
        self._ask()
        known = self.built_in.get(name) or (self._added[name][0] if name in self._added else None)
        if known is None:
            raise KeyError(f"no operation called {name!r}; there are {', '.join(self.names())}")
        return known

    def source(self, name: str) -> Source:
        """Where an operation comes from."""
        return self._added[name][1] if name in self._added else Source()

    def register(self, op: Op, source: Source) -> Op:
        """Adds an operation and tells the followers; returns it. Nothing happens where it is known already.

        source: where it comes from, unless something is being loaded.

        Raises:
            SpecError: no operation, no name for one, a name that is taken, or no case that could be compared.
        """
        if not isinstance(op, Op):
            raise SpecError(f"an operation is registered, not {type(op).__name__}", hint="`single` and `Op` make one")
        with self._lock:
            known = self.built_in.get(op.name) or self._added.get(op.name, (None,))[0]
            if known is op:
                return op
            self.check_name(op.name, op.where)
            if not op.cases:
                raise SpecError(f"{op.name} has no case", where=op.where, hint="what is compared are its cases")
            self._added[op.name] = op, self._source or source
            try:
                for define in self._followers:
                    define(op)
            except BaseException:
                del self._added[op.name]
                raise
        return op

    def check_name(self, name: str, where: str | None = None) -> None:
        """Raises SpecError if an operation declared at `where` cannot have the name."""
        taken = {*self.names()}
        if name in taken:
            hint = f"that one is declared at {self.get(name).where}; one process has one operation of a name"
            raise SpecError(f"an operation called {name!r} is registered already", where=where, hint=hint)
        if not name.isidentifier() or iskeyword(name) or name.startswith("_") or name in RESERVED:
            raise SpecError(f"{name!r} is no name for an operation", where=where, hint="functions are called so")
        # torch's operators that write into given results are called so.
        if name.removesuffix("_out") in taken or f"{name}_out" in taken:
            raise SpecError(f"{name!r} is taken by an operator of torch", where=where, hint="choose another name")

    def follow(self, define: Callable[[Op], None]) -> None:
        """Calls `define` with every operation, and from now on with every new one."""
        names = self.names()
        with self._lock:
            for name in dict.fromkeys((*names, *self._added)):
                define(self.get(name))
            self._followers.append(define)

    def load(self, name: str, folder: str = "") -> tuple[Op, ...]:
        """Imports a module or a Python file, and returns the operations that came with it.

        They are what it registers; if it registers nothing, the operations among its names.

        Args:
            name: "package.module", or the path of a .py file.
            folder: what the module is imported from, unless it is found without; the current one when left out.

        Raises:
            SpecError: there is no such module or file, or no operation in it.
        """
        self._ask()
        folder = folder or str(Path.cwd())
        path = Path(name)
        source = Source(name=str(path.resolve()) if path.suffix == ".py" else name, folder=folder)
        return self._collect(lambda: _imported(source), source)

    def _collect(self, find: Callable[[], object], source: Source) -> tuple[Op, ...]:
        """Registers what an entry point or a module has."""
        outer, self._source, before = self._source, source, {*self._added}
        try:
            found = find()
            new = [name for name in self._added if name not in before]
            if not new:
                for op in _operations(found):
                    self.register(op, source)
            own = {op.name for op in _operations(found)}
        finally:
            self._source = outer
        ops = [op for name, (op, _) in self._added.items() if name not in before or name in own]
        if not ops:
            raise SpecError(f"{source.name or source.package} has no operation", hint="see specs.register")
        return tuple(ops)

    def _ask(self) -> None:
        """Loads what installed packages have; one that fails is named in a warning, and the others are there.

        No lock is held: what is imported may import modules that another thread is importing, which asks for names.
        """
        if self._asked:
            return
        self._asked = True
        for point in self._points():
            package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
            try:
                self._collect(point.load, Source(package=package or point.value))
            except Exception as error:  # noqa: BLE001 - another package's mistake, which must not take ours with it
                text = f"{package} has an entry point {point.name} = {point.value} of {GROUP} that fails"
                warnings.warn(f"{text}: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=4)


def _operations(found: object) -> Sequence[Op]:
    """The operations of an entry point's value or of a module."""
    if isinstance(found, ModuleType):
        return tuple({id(value): value for value in vars(found).values() if isinstance(value, Op)}.values())
    if isinstance(found, Op):
        return (found,)
    if isinstance(found, Iterable):
        return tuple(value for value in found if isinstance(value, Op))
    return ()


def _imported(source: Source) -> ModuleType:
    """The module, imported once."""
    if not source.name.endswith(".py"):
        if source.folder not in sys.path:
            sys.path.append(source.folder)
        try:
            return import_module(source.name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{source.name}.".startswith(f"{error.name}."):
                raise
            raise SpecError(f"there is no module {source.name!r}", hint=f"looked for in {source.folder} too") from None
    path = Path(source.name)
    known = next((m for m in [*sys.modules.values()] if getattr(m, "__file__", None) == source.name), None)
    if known is not None:
        return known
    if not path.is_file():
        raise SpecError(f"there is no file {source.name}")
    name = path.stem if path.stem not in sys.modules else f"{path.stem} of {path.parent}"
    spec = util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses of the file look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


REGISTRY: Final = Registry(OPS.values(), lambda: metadata.entry_points(group=GROUP))
