"""Products by torch's matmul over a dequantised weight: the implementation "dequant", and weights a caller keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from specs.extras import hints

with hints("torch"):
    import torch

import specs
from specs.gemm.dequant import Kept, Operands, Weight, kept, multiply, product_of, taken
from specs.lang.call.bind import Call, check_attributes
from specs.lang.declare.op import Op
from specs.lang.errors import WrongType
from torch_impl.ambient import settled, undisturbed
from torch_impl.eager.arrayops import TorchOps, multiplied
from torch_impl.formats import describe, dtype_of, format_of
from torch_impl.repeated import plain, traits
from torch_impl.transforms import refuse_transforms


def runner(call: Call, slots: Mapping[str, int], device: torch.device) -> Callable[[Sequence[Any]], None]:
    """A function of a call's tensors, by slot, that writes the result of the product.

    Args:
        call: as the caller made it, with the weight in the order in which it is passed.
    """
    operation, ops, invariant = product_of(call.op), TorchOps(device), bool(call.attributes["invariant"])
    taken = [(array.name, slots[array.name]) for array in call.op.inputs if array.name in call.shapes]
    (output,) = call.op.outputs
    result, shape = slots[output.name], call.shapes[output.name]

    def run(tensors: Sequence[Any]) -> None:
        arrays = {name: tensors[slot] for name, slot in taken}
        given = Operands(arrays=arrays, formats=call.formats, attributes=call.attributes)
        weight = operation.weight(ops, given)
        total = multiply(ops, operation.activations(ops, given), weight, invariant=invariant)
        tensors[result].copy_(total.reshape(shape))

    return run


class _UndisturbedOps(TorchOps):
    """TorchOps after the precision of products has been checked."""

    def matmul(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return multiplied(a, b)


class DequantisedWeight:
    """A weight dequantised once, for products by torch's own matmul: called with the operation's other arguments.

    It holds four bytes per code: `weight.factors.values` is float32 [.., K, N].
    """

    def __init__(self, own: Kept, weight: Weight, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        self.kept, self.weight = own, weight
        self._device, self._ops, self._bare = device, TorchOps(device), _UndisturbedOps(device)
        # Of the kept arguments only the shapes are looked at from here on.
        self._shaped = {name: tensor.to("meta") for name, tensor in tensors.items()}
        self._activations = product_of(own.op).activations
        self._calls: dict[Any, tuple[Call, tuple[int, ...], torch.dtype]] = {}

    def __call__(self, a: torch.Tensor, a_scale: torch.Tensor | None = None, **rest: torch.Tensor) -> torch.Tensor:
        """The product's result, as the operation returns it.

        Raises:
            ArgumentError: the arguments do not fit the weight.
        """
        given = {"a": a, **rest} if a_scale is None else {"a": a, "a_scale": a_scale, **rest}
        call, shape, dtype = self._checked(given)
        operands = Operands(arrays=self._shaped | given, formats=call.formats, attributes=call.attributes)
        if undisturbed(self._device) and plain(tuple(given.values())):
            return self._product(self._bare, operands, shape, dtype)
        refuse_transforms(self.kept.op.name, given.values())
        with settled(self._device):
            return self._product(self._ops, operands, shape, dtype)

    def _product(self, ops: TorchOps, operands: Operands, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        invariant = bool(operands.attributes["invariant"])
        total = multiply(ops, self._activations(ops, operands), self.weight, invariant=invariant)
        return (total if total.shape == shape else total.reshape(shape)).to(dtype)

    def _checked(self, given: Mapping[str, torch.Tensor]) -> tuple[Call, tuple[int, ...], torch.dtype]:
        """The checked call, with shape and dtype of its result; found again for tensors of the same traits."""
        _tensors(self.kept.op, given)
        key = (*given, traits(tuple(given.values())))
        found = self._calls.get(key)
        if found is None:
            call = self.kept.call({name: describe(tensor) for name, tensor in given.items()})
            (result,) = call.op.outputs
            found = call, call.shapes[result.name], dtype_of(call.formats[result.name])
            if len(self._calls) >= _KEPT:
                self._calls.clear()
            self._calls[key] = found
        return found


_KEPT = 256  # calls by shape that one weight remembers


def dequantise(name: str, b: torch.Tensor, b_scale: torch.Tensor | None = None, **rest: Any) -> DequantisedWeight:
    """The weight of the product `name`, dequantised once, to be called with the activations.

        weight = dequantise("fp8_gemm", w, w_scale, scale_mode="token_channel", weight_order="nk")
        c = weight(a, a_scale)

    The result keeps the operation's contract, as its implementation "dequant" does. On a CPU most of the time of a
    product with few rows is spent on dequantising the weight; this spends it once.

    Args:
        name: of the operation.
        b, b_scale: the weight and its scales, as the operation takes them.
        rest: the operation's other arguments that belong to the weight (b_zp, bias), and its attributes.

    Raises:
        ArgumentError: the arguments do not fit each other.
        Unsupported: the operation is no product.
    """
    op = specs.get(name)
    tensors, attributes = taken(op, {"b": b, "b_scale": b_scale, **rest}, format_of)
    _tensors(op, tensors)
    own = kept(op, {n: describe(x) for n, x in tensors.items()}, attributes)
    formats = {n: info.format for n, info in own.infos}
    given = Operands(arrays=tensors, formats=formats, attributes=check_attributes(op, attributes))
    with settled(b.device):
        weight = product_of(op).weight(TorchOps(b.device), given)
    return DequantisedWeight(own, weight, tensors, b.device)


def _tensors(op: Op, given: Mapping[str, Any]) -> None:
    for name, tensor in given.items():
        if not isinstance(tensor, torch.Tensor):
            raise WrongType(op=op.name, argument=name, expected="a torch.Tensor", actual=type(tensor).__name__)
