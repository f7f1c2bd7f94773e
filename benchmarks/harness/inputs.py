"""Random inputs for any operation, made from its spec on a torch device: shapes, formats and what an array holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specs.lang.call.bind import check_attributes
from specs.lang.declare.axes import as_expr
from specs.lang.declare.kernel import Array, Role, Rows
from specs.lang.declare.op import Op
from specs.lang.errors import ArgumentError
from specs.lang.formats.elements import E8M0, INT32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One operation at one size, with the attributes it is called with.

    absent: optional arrays that are left out. formats: element formats by array, where not the first accepted one.
    """

    op: Op
    sizes: Mapping[str, int]
    attributes: Mapping[str, object]
    absent: tuple[str, ...] = ()
    formats: Mapping[str, ElementFormat] | None = None

    @property
    def label(self) -> str:
        """Sizes joined, such as 64x4096x7168."""
        return "x".join(str(size) for size in self.sizes.values())

    @property
    def values(self) -> tuple[object, ...]:
        """Attributes in the order of the spec, None where the default holds."""
        return tuple(self.attributes.get(attribute.name) for attribute in self.op.attributes)

    def shape(self, array: Array) -> tuple[int, ...]:
        """The shape that a caller passes, or gets back."""
        env = {**check_attributes(self.op, self.attributes), **self.sizes}
        form = array.under(env)
        dims = form.shapes[0]
        sizes = [self.sizes[d.axis.name] if isinstance(d, Rows) else as_expr(d).evaluate(env) for d in dims]
        return form.reordered(tuple(sizes))

    def element(self, array: Array) -> ElementFormat:
        """The element format of an array."""
        if self.formats and array.name in self.formats:
            return self.formats[array.name]
        if not isinstance(array.formats, str):
            return array.formats[0]
        attributes = check_attributes(self.op, self.attributes)
        chosen = attributes.get(array.formats)
        return chosen if isinstance(chosen, ElementFormat) else self.element(self.op.array(array.formats))

    def taken(self, array: Array) -> bool:
        """Whether a call passes (or returns) the array."""
        attributes = check_attributes(self.op, self.attributes)
        return array.name not in self.absent and bool(array.under(attributes).shapes)

    def nbytes(self, *names: str) -> int:
        """Bytes of the named arrays; of all that a call reads and writes when none is named."""
        arrays = [array for array in self.op.arrays if self.taken(array) and (not names or array.name in names)]
        return sum(_elements(self.shape(array)) * self.element(array).storage_bits // 8 for array in arrays)


def problem(op: Op, sizes: Mapping[str, int], wanted: Mapping[str, object], **fields: Any) -> Problem:
    """A problem with the wanted attributes that the operation has; raises ArgumentError for a wrong one."""
    known = {attribute.name for attribute in op.attributes}
    attributes = {name: value for name, value in wanted.items() if name in known}
    check_attributes(op, attributes)
    axes = {axis.name for axis in op.axes}
    if axes != set(sizes):
        raise ArgumentError(op=op.name, argument="sizes", expected=sorted(axes), actual=sorted(sizes))
    return Problem(op=op, sizes=dict(sizes), attributes=attributes, **fields)


def random_sets(given: Problem, count: int, device: str, seed: int = 0) -> list[tuple[Any, ...]]:
    """`count` input sets as torch tensors in the order of the operation's signature, None where an array is absent."""
    import torch

    generator = torch.Generator(device=device).manual_seed(seed)
    return [
        tuple(_random(given, array, generator) if given.taken(array) else None for array in given.op.inputs)
        for _ in range(count)
    ]


def _elements(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _random(given: Problem, array: Array, generator: Any) -> Any:
    """Activations and weights are normal, scales lie around 1, codes are uniform over all bit patterns."""
    import torch

    from torch_impl.formats import dtype_of

    shape, form = given.shape(array), given.element(array)
    dtype, device = dtype_of(form), generator.device
    if array.role is Role.PERMUTATION:
        return torch.randperm(shape[0], generator=generator, device=device).to(dtype)
    if form == E8M0:
        # Exponents a little under and over 0: products stay far from both ends of float32.
        codes = torch.randint(124, 130, shape, generator=generator, device=device, dtype=torch.uint8)
        return codes.view(dtype)
    if form.is_integer:
        low, high = (-(1 << 31), (1 << 31) - 1) if form == INT32 else (0, 1 << form.bits)
        return torch.randint(low, high, shape, generator=generator, device=device, dtype=torch.int64).to(dtype)
    if array.role is Role.SCALE:
        return (torch.rand(shape, generator=generator, device=device) + 0.5).to(dtype)
    return torch.randn(shape, generator=generator, device=device).to(dtype)
