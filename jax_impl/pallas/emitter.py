"""IR -> Pallas source: one kernel function over refs, written for reading.

Arguments come in the order inputs, outputs, then the sizes that the kernel reads, as keyword-only Python integers:
shapes are static in JAX. Constants of the specialisation are the first lines of the body. Loads and stores are explicit
and masked; there are no block specifications.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from specs.lang.formats.elements import ALL, E4M3, E5M2, F32
from specs.tile.emit.printer import ATOM, INDENT, Printer, Text, docstring, integer_names, is_const
from specs.tile.emit.wrapping import WIDTH, filled, wrapped
from specs.tile.ir import ArrayParam, Opcode, Operation, Program, Value, broadcast_shapes, index_count

TYPES = {form: f"jnp.{form.names.jax}" for form in ALL if form.names.jax}

_CALLS = {
    Opcode.ABS: "jnp.abs",
    Opcode.EXP2: "exp2",
    Opcode.LOG2: "jnp.log2",
    Opcode.SQRT: "jnp.sqrt",
    Opcode.FLOOR: "jnp.floor",
    Opcode.ROUND: "jnp.round",
    Opcode.DIV: "div_rn",
    Opcode.MIN: "jnp.minimum",
    Opcode.MAX: "jnp.maximum",
    Opcode.SELECT: "jnp.where",
}
_REDUCTIONS = {
    Opcode.SUM: "jnp.sum",
    Opcode.AMAX: "jnp.max",
    Opcode.AMIN: "jnp.min",
    Opcode.CUMSUM: "jax.lax.cumsum",
}
_VIEWS = frozenset({"load_view", "store_view"})
_SCATTER = frozenset({"scatter"})
_DESCRIPTORS = frozenset({"make_tensor_descriptor"})


@lru_cache(maxsize=4096)
def emit(program: Program) -> str:
    """Source of a module with one Pallas kernel, called like the program."""
    printer = PallasPrinter(program)
    printer.block(list(program.ops), 1)
    plain = ["import jax"] if any("jax." in line for line in printer.lines) else []
    header = [*docstring(program), "", *plain, "import jax.numpy as jnp", "from jax.experimental import pallas as pl"]
    header += ["from jax.experimental.pallas import triton as plgpu", ""]
    header += _imports(printer.extensions)
    constants = [f"{INDENT}{name} = {value}" for name, value in printer.constants_used()]
    signature = ["", f"def {program.name}("]
    signature += [line for group in _signature(program) for line in filled(f"{group},", INDENT)]
    return "\n".join([*header, *signature, "):", *constants, *printer.lines]) + "\n"


def _imports(extensions: set[str]) -> list[str]:
    """Import lines of the operations that Pallas does not have."""
    lines: list[str] = []
    modules = (
        ("pallas.interpreter", extensions & _SCATTER),
        ("platforms.descriptors", extensions & _DESCRIPTORS),
        ("platforms.triton_ops", extensions - _DESCRIPTORS - _VIEWS - _SCATTER),
        ("platforms.views", extensions & _VIEWS),
    )
    for module, own in modules:
        if own:
            source, names = f"from jax_impl.{module} import", ", ".join(sorted(own))
            fits = len(source) + 1 + len(names) <= WIDTH
            lines += [f"{source} {names}"] if fits else wrapped(f"{source} ({names})", 0)
    return [*lines, ""] if lines else []


def _signature(program: Program) -> list[str]:
    inputs = ", ".join(f"{p.name}_ref" for p in program.arrays if not p.written)
    outputs = ", ".join(f"{p.name}_ref" for p in program.arrays if p.written)
    sizes = ", ".join(integer_names(program.sizes_read).values())
    return [group for group in (inputs, outputs, f"*, {sizes}" if sizes else "") if group]


class PallasPrinter(Printer):
    """Spells operations in jax.numpy and jax.experimental.pallas."""

    reserved = frozenset(
        {"jax", "jnp", "pl", "plgpu", "range", "float"}
        | {"fma", "fms", "fnma", "div_rn", "exp2", "dot_fp8", "transposed", "pipelined", "sum_of_products"}
        | {"split_pairs", "low_nibbles", "high_nibbles", "low_e2m1_times", "high_e2m1_times"}
        | _DESCRIPTORS
        | _VIEWS
        | _SCATTER
    )

    functions: Mapping[str, str] = {"cdiv": "pl.cdiv", "max": "max", "min": "min"}

    def __init__(self, program: Program) -> None:
        super().__init__(program, program.sizes_read)
        self.extensions: set[str] = set()

    def expression(self, op: Operation) -> Text:
        """The right-hand side of one operation; Python computes what sizes and literals alone determine."""
        if self.is_number(op.results[0]):
            return super().expression(op)
        if op.code in (Opcode.ADD, Opcode.SUB) and op.result.type.element == F32:
            return self._contracted(op) or super().expression(op)
        if op.code is Opcode.SUM and op.result.type.element == F32:
            return self._summed(op) or super().expression(op)
        if op.code in (Opcode.IDIV, Opcode.IMOD):
            call = "jax.lax.div" if op.code is Opcode.IDIV else "jax.lax.rem"
            return Text(f"{call}({', '.join(self._same_shape(op))})")
        return super().expression(op)

    def _contracted(self, op: Operation) -> Text | None:
        """A float32 product and the sum that alone uses it as one operation, which Triton's compiler makes of them too.

        Not where the other term is a constant: adding one that rounds means what it says.
        """
        for place, product in enumerate(op.operands):
            other = op.operands[1 - place]
            alone = self._only_here(product) and self.home[id(product)] == self.home[id(op.result)]
            if alone and product.op is not None and product.op.code is Opcode.MUL and not is_const(other):
                name = "fma" if op.code is Opcode.ADD else ("fms", "fnma")[place]
                self.extensions.add(name)
                terms = (*product.op.operands, other)
                return Text(f"{name}({', '.join(self.of(term) for term in terms)})")
        return None

    def _summed(self, op: Operation) -> Text | None:
        """A sum of float32 products of the rows of a matrix with one row of weights as one operation, likewise."""
        (product,) = op.operands
        alone = self._only_here(product) and self.home[id(product)] == self.home[id(op.result)]
        if not alone or product.op is None or product.op.code is not Opcode.MUL or op.attrs["axis"] != 1:
            return None
        if (1, product.type.shape[1]) not in [term.type.shape for term in product.op.operands]:
            return None
        self.extensions.add("sum_of_products")
        x, y = (self.of(term) for term in product.op.operands)
        return Text(f"sum_of_products({x}, {y}, {op.attrs['axis']})")

    def shape(self, shape: tuple[int, ...]) -> str:
        """The shape of an array as a tuple."""
        return _tuple([self.integer(size) for size in shape])

    def tensor(self, value: Value) -> Text:
        """An operand as an array: Python numbers are given a type that does not depend on x64."""
        text = self.of(value)
        return Text(f"{TYPES[value.type.element]}({text})") if self.is_number(value) else text

    def spread(self, value: Value, shape: tuple[int, ...]) -> Text:
        """A value as an array of this shape."""
        if value.type.shape == shape:
            return self.tensor(value)
        if self.is_number(value):
            return Text(f"jnp.full({self.shape(shape)}, {self.of(value)}, {TYPES[value.type.element]})")
        return Text(f"jnp.broadcast_to({self.of(value)}, {self.shape(shape)})")

    def _same_shape(self, op: Operation) -> list[str]:
        """Operands as arrays of the result's shape: lax operations broadcast nothing."""
        return [str(self.spread(value, op.result.type.shape)) for value in op.operands]

    def spell(self, op: Operation, operands: list[Text]) -> Text:
        """The text of an operation in jax.numpy or Pallas."""
        code, first = op.code, operands[0] if operands else Text("")
        new = op.results[0].type
        if op.operands and all(self.is_number(value) for value in op.operands):
            first = self.tensor(op.operands[0])
            operands = [first, *operands[1:]]
        if code in _CALLS or code in _REDUCTIONS:
            return self._call(op, operands)
        form = TYPES[new.element]
        match code:
            case Opcode.PROGRAM_ID:
                return Text(f"pl.program_id({op.attrs['axis']})")
            case Opcode.ARANGE:
                return Text(f"jnp.arange({self.integer(op.attrs['n'])}, dtype=jnp.int32)")
            case Opcode.NOT:
                return Text(f"jnp.logical_not({first})")
            case Opcode.CAST:
                return self._cast(op)
            case Opcode.BITCAST:
                return Text(f"jax.lax.bitcast_convert_type({first}, {form})")
            case Opcode.RESHAPE:
                return Text(f"{first.inside(ATOM)}.reshape({self.sizes(new.shape)})")
            case Opcode.BROADCAST:
                return self.spread(op.operands[0], new.shape)
            case Opcode.TRANSPOSE if op.attrs["permutation"] == (1, 0):
                self.extensions.add("transposed")
                return Text(f"transposed({first})")
            case Opcode.TRANSPOSE:
                return Text(f"jnp.transpose({first}, {op.attrs['permutation']})")
            case Opcode.DOT:
                return self._dot(op, operands)
            case Opcode.JOIN:
                even, odd = (f"{text.inside(ATOM)}[..., None]" for text in operands)
                return Text(f"jnp.concatenate([{even}, {odd}], axis=-1)")
            case Opcode.SPLIT | Opcode.NIBBLE:
                return self._unpack(op, operands)
        raise AssertionError(code)

    def _cast(self, op: Operation) -> Text:
        """A cast: a method of tiles, a function of scalars, as sizes are Python integers without methods."""
        text, new = self.of(op.operands[0]), op.result.type
        if new.shape:
            return Text(f"{text.inside(ATOM)}.astype({TYPES[new.element]})")
        return Text(f"jnp.asarray({text}, {TYPES[new.element]})")

    def _call(self, op: Operation, operands: list[Text]) -> Text:
        code, form = op.code, op.result.type.element
        if code in _REDUCTIONS:
            # As numpy does, jnp.sum widens integers where 64-bit types are on.
            kept = f", dtype={TYPES[form]}" if code is Opcode.SUM and form.is_integer else ""
            return Text(f"{_REDUCTIONS[code]}({operands[0]}, axis={op.attrs['axis']}{kept})")
        given: list[str] = [str(text) for text in operands]
        if code is Opcode.EXP2:
            self.extensions.add("exp2")
        elif code is Opcode.DIV:
            self.extensions.add("div_rn")
            given = self._same_shape(op)
        elif code is Opcode.SELECT and all(self.is_number(value) for value in op.operands[1:]):
            # Of two Python integers, Pallas' lowering makes a bool.
            given[1:] = [f"{TYPES[form]}({text})" for text in given[1:]]
        return Text(f"{_CALLS[code]}({', '.join(given)})")

    def _unpack(self, op: Operation, operands: list[Text]) -> Text:
        name, given = "split_pairs", [str(text) for text in operands]
        if op.code is Opcode.NIBBLE:
            name = "high_nibbles" if op.attrs["high"] else "low_nibbles"
            if "codes" in op.attrs:
                name = name.replace("nibbles", "e2m1_times")
            else:
                given.insert(1, TYPES[op.result.type.element])
        self.extensions.add(name)
        return Text(f"{name}({', '.join(given)})")

    def _dot(self, op: Operation, operands: list[Text]) -> Text:
        a, b, *acc = operands
        start = f"{acc[0]} + " if acc else ""
        if op.operands[0].type.element in (E4M3, E5M2):
            self.extensions.add("dot_fp8")
            return Text(f"{start}dot_fp8({a}, {b})", 8 if acc else ATOM)
        exact = ', precision="highest"' if op.operands[0].type.element == F32 else ""
        return Text(f"{start}jnp.dot({a}, {b}, preferred_element_type=jnp.float32{exact})", 8 if acc else ATOM)

    def reference(self, op: Operation) -> str:
        """`ref.at[...]` of a memory access."""
        param = self.program.array(str(op.attrs["array"]))
        indices = [str(self.tensor(value)) for value in op.operands[: param.rank]]
        if param.swapped:
            indices[-1], indices[-2] = indices[-2], indices[-1]
        return f"{param.name}_ref.at[{', '.join(indices)}]"

    def view(self, op: Operation) -> str:
        """Array, page, byte and index of an access in another format than the array's."""
        self.extensions.add("store_view" if op.code is Opcode.STORE else "load_view")
        indices = ", ".join(map(self.tensor, op.operands[:3]))
        return f"{op.attrs['array']}_ref, {indices}"

    def extent(self, param: ArrayParam, d: int) -> Text:
        """The size of a dimension of a reference."""
        return Text(f"{param.name}_ref.shape[{_dim_of_reference(param, d)}]")

    def descriptor(self, op: Operation) -> Text:
        """`make_tensor_descriptor` of the two dimensions of blocks, at their indices of the others."""
        self.extensions.add("make_tensor_descriptor")
        matrix, param = self.matrix(op), self.program.array(str(op.attrs["array"]))
        at = ["None" if index is None else str(self.of(index)) for index in matrix.at]
        if param.swapped:
            at[-1], at[-2] = at[-2], at[-1]
        shapes = f"shape=[{', '.join(matrix.shape)}], block_shape=[{self.sizes(matrix.block_shape)}]"
        return Text(f"make_tensor_descriptor({param.name}_ref, [{', '.join(at)}], {shapes})")

    def load(self, op: Operation) -> Text:
        """`plgpu.load`, masked where the program masks; a descriptor, or its `load`."""
        if op.code is Opcode.DESCRIPTOR:
            return self.descriptor(op)
        if op.code is Opcode.LOAD_BLOCK:
            block = self.block_at(op, "load")
            if not self.is_transposed(op):
                return Text(block)
            self.extensions.add("transposed")
            return Text(f"transposed({block})")
        param = self.program.array(str(op.attrs["array"]))
        mask = ""
        if "view" in op.attrs:
            mask = f", mask={self.spread(op.operands[3], op.result.type.shape)}" if op.attrs["masked"] else ""
            return Text(f"load_view({self.view(op)}, {TYPES[op.result.type.element]}{mask})")
        if op.attrs["masked"]:
            condition, other = op.operands[param.rank :]
            mask = f", mask={self.spread(condition, op.result.type.shape)}, other={self.of(other)}"
        return Text(f"plgpu.load({self.reference(op)}{mask})")

    def store(self, op: Operation, depth: int) -> None:
        """`plgpu.store`, or `store` of a descriptor."""
        if op.code is Opcode.STORE_BLOCK:
            block = str(self.spread(op.operands[3], op.operands[3].type.shape))
            if self.is_transposed(op):
                self.extensions.add("transposed")
                block = f"transposed({block})"
            self.line(self.block_at(op, "store", block), depth, op)
            return
        param = self.program.array(str(op.attrs["array"]))
        shape: tuple[int, ...] = op.attrs["shape"]  # type: ignore[assignment]
        value, *mask = op.operands[index_count(op, param) :]
        text = self.spread(value, shape)
        condition = f", mask={self.spread(mask[0], shape)}" if mask else ""
        if "scatter" in op.attrs:
            self.extensions.add("scatter")
            indices = ", ".join(map(self.tensor, op.operands[: index_count(op, param)]))
            self.line(f"scatter({param.name}_ref, ({indices},), {text}, {self.spread(mask[0], shape)})", depth, op)
        elif "view" in op.attrs:
            self.line(f"store_view({self.view(op)}, {text}{condition})", depth, op)
        else:
            self.line(f"plgpu.store({self.reference(op)}, {text}{condition})", depth, op)

    def branch(self, op: Operation, depth: int) -> None:
        """`pl.when` over a local function."""
        assert op.region is not None
        self.line(f"@pl.when({self.of(op.operands[0])})", depth, op)
        self.line(f"def {self.unique('branch')}():", depth)
        self.block(op.region.ops, depth + 1)

    def loop(self, op: Operation, depth: int) -> None:
        """`jax.lax.fori_loop` over a local function."""
        assert op.region is not None
        index, *carried = op.region.parameters
        lower, upper = (self.of(value) for value in op.operands[:2])
        init = [self.tensor(value) for value in op.operands[2:]]
        step = self.unique("step")
        results = [self.fresh(value, "carried") for value in op.results]
        names = [self.fresh(value, "carried") for value in carried]
        counter = self.fresh(index, "k")
        self.line(f"def {step}({counter}, carry):", depth, op)
        if "stages" in op.attrs:
            self.extensions.add("pipelined")
            warps = dict(self.program.specialisation).get("num_warps", "4")
            self.line(f"{counter} = pipelined({counter}, {op.attrs['stages']}, warps={warps})", depth + 1)
        self.line(f"{_tuple(names)} = carry", depth + 1)
        self.block(op.region.ops, depth + 1, tuple(op.region.results))
        self.line(f"return {_tuple([self.of(value) for value in op.region.results])}", depth + 1)
        self.line(f"{_tuple(results)} = jax.lax.fori_loop({lower}, {upper}, {step}, {_tuple(init)})", depth, op)


def _dim_of_reference(param: ArrayParam, d: int) -> int:
    """Where a dimension of a kernel's array is in its reference."""
    return 2 * param.rank - 3 - d if param.swapped and d >= param.rank - 2 else d


def _tuple(items: list[str] | list[Text]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


__all__ = ["TYPES", "broadcast_shapes", "emit"]
