"""IR -> Triton source: one standalone `@triton.jit` function, written for reading.

Arguments come in the order inputs, outputs, then the sizes and strides that the kernel reads. The program was traced
for one specialisation, named in the header; its constants are the first lines of the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from specs.lang.declare.axes import Expr, Literal, Ref
from specs.lang.formats.elements import BOOL, F32, INT32, INT64, ElementFormat
from specs.tile.emit import ptx
from specs.tile.emit.printer import ATOM, INDENT, Printer, Text, docstring, integer_names, is_const, is_zero
from specs.tile.emit.wrapping import filled
from specs.tile.ir import (
    ArrayParam,
    Lead,
    Opcode,
    Operation,
    Program,
    Size,
    Stride,
    Value,
    index_count,
    walk,
)

_CALLS = {
    Opcode.ABS: "abs",
    Opcode.EXP2: "exp2",
    Opcode.LOG2: "log2",
    Opcode.SQRT: "sqrt",
    Opcode.FLOOR: "floor",
    Opcode.DIV: "div_rn",
    Opcode.MIN: "minimum",
    Opcode.MAX: "maximum",
    Opcode.SELECT: "where",
}
_REDUCTIONS = {
    Opcode.SUM: "sum",
    Opcode.AMAX: "max",
    Opcode.AMIN: "min",
    Opcode.CUMSUM: "cumsum",
}


@lru_cache(maxsize=4096)
def emit(program: Program, waits: bool = False, hands_over: bool = False) -> str:
    """Source of a module with one kernel, called like the program.

    waits: the kernel may be launched while the one before it still runs (`Target.has_pdl`), and waits for that one
        before it touches memory. On an H200, calls of one operation in a row then take 0.2 to 0.7 us less each.
    hands_over: allows the next kernel to start before the last store (griddepcontrol.launch_dependents), not only at
        the end. That gains 0.6 us between the two kernels of a split product, and costs up to 2 us where a kernel has
        many short programs, because programs of the next one occupy their slots.
    """
    printer = TritonPrinter(program)
    printer.block(list(program.ops), 1)
    if hands_over and program.ops[-1].code is Opcode.STORE:
        printer.lines.insert(printer.last_store, f"{INDENT}tl.extra.cuda.gdc_launch_dependents()")
    if waits:
        printer.lines.insert(0, f"{INDENT}tl.extra.cuda.gdc_wait()")
    constants = [f"{INDENT}{name}: tl.constexpr = {value}" for name, value in printer.constants_used()]
    header = [*docstring(program), "", "import triton", "import triton.language as tl", ""]
    header += [f"{name} = tl.constexpr({_wrapped(text)})" for name, text in sorted(printer.assembly.items())]
    header += ["", ""] if printer.assembly else [""]
    signature = ["@triton.jit", f"def {program.name}("]
    signature += [line for group in _parameters(program) for line in filled(f"{', '.join(group)},", INDENT)]
    return "\n".join([*header, *signature, "):", *constants, *printer.lines]) + "\n"


@lru_cache(maxsize=4096)
def integers(program: Program) -> tuple[Size | Stride, ...]:
    """Sizes and strides that the kernel reads, in the order in which it takes them.

    Others are no parameters: Triton compiles a kernel again for every combination of integers that are 1, and of those
    that are multiples of 16.
    """
    sizes: set[Size] = set(program.sizes_read)
    strides: set[Stride] = set()
    for op in walk(program.ops):
        if op.code is Opcode.DESCRIPTOR:
            param = program.array(str(op.attrs["array"]))
            sizes.update(*(read_by(dim) for dim in param.sizes))
            strides.update(Stride(param.name, d) for d in range(param.rank) if not param.packed and d != param.unit)
        if op.code not in (Opcode.LOAD, Opcode.STORE):
            continue
        param = program.array(str(op.attrs["array"]))
        for d, index in enumerate(op.operands[: 1 if "view" in op.attrs else param.rank]):
            if is_zero(index):
                continue
            if param.packed:
                sizes.update(*(read_by(dim) for dim in param.sizes[d + 1 :]))
            elif d != param.unit:
                strides.add(Stride(param.name, d))
    order = (Stride(param.name, d) for param in program.arrays for d in range(param.rank))
    return (*(size for size in program.sizes if size in sizes), *(stride for stride in order if stride in strides))


def read_by(size: Expr) -> list[Size]:
    """The integers that a size is computed from."""
    return [size] if isinstance(size, Lead) else [Ref(name) for name in size.names()]


def arguments(program: Program) -> list[str]:
    """Names of the kernel's parameters in order."""
    return [name for group in _parameters(program) for name in group]


def _parameters(program: Program) -> list[list[str]]:
    """Names of the kernel's parameters by line: inputs, outputs, sizes, strides of one array after the other."""
    inputs = [f"{param.name}_ptr" for param in program.arrays if not param.written]
    outputs = [f"{param.name}_ptr" for param in program.arrays if param.written]
    groups: dict[str, list[str]] = {}
    for integer, name in integer_names(integers(program)).items():
        groups.setdefault(integer.array if isinstance(integer, Stride) else "", []).append(name)
    return [group for group in (inputs, outputs, *groups.values()) if group]


def _wrapped(text: str) -> str:
    """A string of instructions as one literal per line."""
    lines = [f'    "{part}; "' for part in text.removesuffix("; }").split("; ")]
    return "\n" + "\n".join([*lines, '    "}"']) + "\n"


class TritonPrinter(Printer):
    """Spells operations in triton.language."""

    tl = "tl"
    """What sources call the language."""
    reserved = frozenset({"tl", "triton", "range", "float"})
    functions: Mapping[str, str] = {"cdiv": "tl.cdiv", "max": "tl.maximum", "min": "tl.minimum"}

    def __init__(self, program: Program, read: Sequence[Size | Stride] | None = None) -> None:
        super().__init__(program, integers(program) if read is None else read)
        self.taken |= {f"{param.name}_ptr" for param in program.arrays}
        self.assembly: dict[str, str] = {}  # constants of the module
        self.last_store = 0  # its place among the lines

    def spell(self, op: Operation, operands: list[Text]) -> Text:
        """The text of an operation in triton.language."""
        code, first = op.code, operands[0] if operands else Text("")
        new = op.results[0].type
        if code in _CALLS:
            return Text(f"{self.tl}.{_CALLS[code]}({', '.join(self._typed(op, operands))})")
        if code not in (Opcode.CAST, Opcode.BITCAST, Opcode.BROADCAST) and operands:  # these accept both
            first = self.tensor(op.operands[0])
        if code in _REDUCTIONS:
            return Text(f"{self.tl}.{_REDUCTIONS[code]}({first}, axis={op.attrs['axis']})")
        match code:
            case Opcode.PROGRAM_ID:
                return Text(f"{self.tl}.program_id({op.attrs['axis']})")
            case Opcode.ARANGE:
                return Text(f"{self.tl}.arange(0, {self.integer(op.attrs['n'])})")
            case Opcode.NOT:
                return Text(f"~{first.inside(10)}", 10)
            case Opcode.CAST | Opcode.BITCAST:
                return self._cast(op.operands[0], new.element, bitcast=code is Opcode.BITCAST)
            case Opcode.RESHAPE:
                return Text(f"{self.tl}.reshape({first}, [{self.sizes(new.shape)}])")
            case Opcode.BROADCAST if self.is_number(op.operands[0]):
                return Text(f"{self.tl}.full([{self.sizes(new.shape)}], {first}, {self.type(new.element)})")
            case Opcode.BROADCAST:
                return Text(f"{self.tl}.broadcast_to({first}, [{self.sizes(new.shape)}])")
            case Opcode.TRANSPOSE:
                return Text(f"{self.tl}.permute({first}, {list(op.attrs['permutation'])})")  # type: ignore[call-overload]
            case Opcode.DOT:
                return self._dot(op, operands)
            case Opcode.SPLIT | Opcode.JOIN:
                return Text(f"{self.tl}.{code.value}({', '.join(operands)})")
            case Opcode.NIBBLE:
                return self._nibble(op, operands)
        raise AssertionError(code)

    def type(self, form: ElementFormat) -> str:
        """The language's dtype of a format."""
        return f"{self.tl}.{form.names.triton}"

    def tensor(self, value: Value) -> Text:
        """An operand as a tensor, for operators that constexprs lack or define differently: ~True is -2."""
        return self._cast(value, value.type.element) if self.is_number(value) else self.of(value)

    def _cast(self, value: Value, form: ElementFormat, *, bitcast: bool = False) -> Text:
        """A cast: a method of tiles, a function of scalars, as arguments equal to 1 are constexprs without methods."""
        text, same_bits = self.of(value), ", bitcast=True" if bitcast else ""
        if value.type.shape:
            return Text(f"{text.inside(ATOM)}.to({self.type(form)}{same_bits})")
        return Text(f"{self.tl}.cast({text}, {self.type(form)}{same_bits})")

    def _typed(self, op: Operation, operands: list[Text]) -> list[str]:
        """Operands of a call; a literal of a narrow format is given its type, as Triton would guess another."""
        texts: list[str] = []
        for value, text in zip(op.operands, operands, strict=True):
            narrow = is_const(value) and value.type.element not in (F32, INT32, BOOL)
            texts.append(f"{self.tl}.full([], {text}, {self.type(value.type.element)})" if narrow else str(text))
        if len(texts) == 1:
            texts = [str(self.tensor(op.operands[0]))]
        return texts

    def _dot(self, op: Operation, operands: list[Text]) -> Text:
        precision = ', input_precision="ieee"' if op.operands[0].type.element == F32 else ""
        acc = f", acc={operands[2]}" if len(operands) == 3 else ""
        return Text(f"{self.tl}.dot({operands[0]}, {operands[1]}{acc}{precision})")

    def _nibble(self, op: Operation, operands: list[Text]) -> Text:
        form, high, zeros = op.result.type.element, bool(op.attrs["high"]), len(operands) > 1
        settings = f"dtype={self.type(form)}, is_pure=True, pack="
        if "codes" in op.attrs:
            name = f"{'HIGH' if high else 'LOW'}_E2M1_TIMES"
            self.assembly[name] = ptx.scaled_nibble(high)
            given = [str(operand) for operand in operands]
            constraints, settings = ptx.SCALED_CONSTRAINTS, f"{settings}{ptx.SCALED_PACK}"
        else:
            name = f"{'HIGH' if high else 'LOW'}_NIBBLES{'_MINUS_ZERO' if zeros else ''}_{form.name.upper()}"
            self.assembly[name] = ptx.nibble(form, high, zeros)
            given = [str(operands[0]), *(f"{zero.inside(8)} + {ptx.nibble_offset(form)}" for zero in operands[1:])]
            constraints, settings = ptx.nibble_constraints(zeros), f"{settings}{ptx.NIBBLE_PACK}"
        return Text(f'{self.tl}.inline_asm_elementwise({name}, "{constraints}", [{", ".join(given)}], {settings})')

    def pointer(self, op: Operation) -> str:
        """`base + offsets` of a memory access."""
        param = self.program.array(str(op.attrs["array"]))
        terms: list[str] = []
        for d, value in enumerate(op.operands[: param.rank]):
            if is_zero(value):
                continue
            index = self.of(value)
            if self.program.wide and not is_const(value):
                index = self._cast(value, INT64)
            factor = self._stride(param, d)
            terms.append(index.inside(8) if factor is None else f"{index.inside(9)} * {factor}")
        joined = " + ".join(terms)
        base = f"{param.name}_ptr"
        if not joined:
            return base
        return f"{base} + {joined}" if len(terms) == 1 else f"{base} + ({joined})"

    def _stride(self, param: ArrayParam, d: int) -> str | None:
        if not param.packed:
            return None if d == param.unit else f"stride_{param.name}{d}"
        factors = [self.size(dim) for dim in param.sizes[d + 1 :] if dim != Literal(1)]
        if not factors:
            return None
        text = " * ".join(factor.inside(ATOM) for factor in factors)
        return text if len(factors) == 1 else f"({text})"

    def view(self, op: Operation) -> str:
        """Pointer to elements of another format in an array of bytes: cast once per row, then counted in elements."""
        param, form = self.program.array(str(op.attrs["array"])), op.attrs["view"]
        assert isinstance(form, ElementFormat)
        byte, index = (self.of(value) for value in op.operands[1:3])
        stride = self._stride(param, 0) or "1"
        base = f"{param.name}_ptr"
        if not is_zero(op.operands[0]):
            base += f" + {self._cast(op.operands[0], INT64)} * {stride}"
        if byte != "0":
            base += f" + {byte.inside(9)}"
        if form != param.element:
            base = f"({base}).to({self.tl}.pointer_type({self.type(form)}))"
        return base if index == "0" else f"{base} + {index.inside(9)}"

    def load(self, op: Operation) -> Text:
        """`tl.load`, masked where the program masks; a descriptor, or its `load`."""
        if op.code is Opcode.DESCRIPTOR:
            return self.descriptor(op)
        if op.code is Opcode.LOAD_BLOCK:
            return Text(self.block_at(op, "load") + (".T" if self.is_transposed(op) else ""))
        param = self.program.array(str(op.attrs["array"]))
        mask = ""
        if "view" in op.attrs:
            zero = "0.0" if op.result.type.element.is_float else "0"
            mask = f", mask={self.of(op.operands[3])}, other={zero}" if op.attrs["masked"] else ""
            return Text(f"{self.tl}.load({self.view(op)}{mask})")
        if op.attrs["masked"]:
            condition, other = (self.of(value) for value in op.operands[param.rank :])
            mask = f", mask={condition}, other={other}"
        return Text(f"{self.tl}.load({self.pointer(op)}{mask})")

    def store(self, op: Operation, depth: int) -> None:
        """`tl.store`, or `store` of a descriptor."""
        self.last_store = len(self.lines)
        if op.code is Opcode.STORE_BLOCK:
            value: str = self.of(op.operands[3])
            value = f"{self.tl}.trans({value})" if self.is_transposed(op) else value
            self.line(self.block_at(op, "store", value), depth, op)
            return
        param = self.program.array(str(op.attrs["array"]))
        stored, *mask = (self.of(v) for v in op.operands[index_count(op, param) :])
        condition = f", mask={mask[0]}" if mask else ""
        pointer = self.view(op) if "view" in op.attrs else self.pointer(op)
        self.line(f"{self.tl}.store({pointer}, {stored}{condition})", depth, op)

    def descriptor(self, op: Operation) -> Text:
        """`tl.make_tensor_descriptor` of the two dimensions of blocks, at their indices of the others."""
        matrix, param = self.matrix(op), self.program.array(str(op.attrs["array"]))
        base = [f"{param.name}_ptr"]
        for d, index in enumerate(matrix.at):
            if index is not None and not is_zero(index):
                base.append(f"{self.of(index).inside(9)} * {self._stride(param, d) or 1}")
        lists = {
            "shape": matrix.shape,
            "strides": [self._stride(param, matrix.dims[0]) or "1", "1"],
            "block_shape": [self.sizes(matrix.block_shape)],
        }
        settings = ", ".join(f"{name}=[{', '.join(texts)}]" for name, texts in lists.items())
        return Text(f"{self.tl}.make_tensor_descriptor({' + '.join(base)}, {settings})")

    def branch(self, op: Operation, depth: int) -> None:
        """An `if` on a scalar."""
        assert op.region is not None
        self.line(f"if {self.of(op.operands[0])}:", depth, op)
        self.block(op.region.ops, depth + 1)

    def steps(self, op: Operation, bounds: str) -> str:
        """What a loop runs over."""
        return (
            f"{self.tl}.range({bounds}, num_stages={op.attrs['stages']})"
            if "stages" in op.attrs
            else f"range({bounds})"
        )

    def loop(self, op: Operation, depth: int) -> None:
        """A `for` over `range`; carried tiles are variables assigned at the end of the body."""
        assert op.region is not None
        index, *carried = op.region.parameters
        names: list[str] = []
        for value, init, result in zip(carried, op.operands[2:], op.results, strict=True):
            name, copied = self.carried_name(init, value, result)
            if copied:
                self.line(f"{name} = {self.of(init)}", depth, op)
            names.append(name)
        lower, upper = self.of(op.operands[0]), self.of(op.operands[1])
        bounds = str(upper) if lower == "0" else f"{lower}, {upper}"
        self.line(f"for {self.fresh(index, 'k')} in {self.steps(op, bounds)}:", depth, op)
        self.block(op.region.ops, depth + 1, tuple(op.region.results))
        ends = [self.of(value) for value in op.region.results]
        changed: list[tuple[str, str]] = [(name, end) for name, end in zip(names, ends, strict=True) if name != end]
        if any(end in names for _, end in changed):  # one tuple assignment: values may be swapped
            changed = [(", ".join(name for name, _ in changed), ", ".join(end for _, end in changed))]
        for name, end in changed:
            self.line(f"{name} = {end}", depth + 1)
        for result, name in zip(op.results, names, strict=True):
            self.text[id(result)] = Text(name)
