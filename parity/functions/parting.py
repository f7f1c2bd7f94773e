"""The first place at which a torch and a JAX function of public operations part.

The torch function runs first, eagerly, and every operation that it calls is recorded. The JAX function then runs
without jit: each of its calls has to be the same one, with the same attributes and the same bytes, and it goes on with
torch's results. So every operation is compared on the same arguments, and so is the code between two operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.functions.calls import Made, Place, Places
from parity.functions.check import format_of
from parity.functions.differing import SIDES, Parting, difference, outside
from parity.judge.frameworks import FRAMEWORKS, Result, first_choice, from_jax, from_torch, to_jax, to_torch
from parity.judge.inputs import Inputs
from parity.judge.runner import judged_call, outcome_of
from parity.judge.verdict import Verdict
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How far two functions were followed.

    parting: the first one, None where they agree. calls: operations that agree.
    share: their largest share of a bound. widest: the operation that has it, and its stage; "" where none has any.
    """

    parting: Parting | None
    calls: int
    share: float
    widest: str


def first_parting(
    torch_fn: Function, jax_fn: Function, inputs: Sequence[Any] = (), *, device: str = "cpu", ulp: int = 0
) -> Followed:
    """Follows two functions of public operations to the first place at which they part.

    An operation may differ within its contract: the bound that its spec derives, or the same bytes where that is
    promised. All that lies between operations has to give the same bytes, or integers of the same value.

    Args:
        inputs: numpy arrays, which each function gets as arrays of its framework; anything else is passed as it is.
        device: "cpu", "cuda" or "xpu".
        ulp: steps of their format by which arguments may differ, for code between operations with functions (`exp`)
            that the frameworks round differently.

    Raises:
        Unsupported: a call cannot be followed: results are given (`out=`), or a transformation of JAX traces it.
    """
    import jax
    import torch

    from jax_impl.watching import watching
    from parity.functions.torch_calls import TorchCalls

    forms = {i: format_of(x.dtype) for i, x in enumerate(inputs) if isinstance(x, np.ndarray)}

    def given(convert: Callable[..., Any]) -> list[Any]:
        return [convert(x, forms[i], device) if i in forms else x for i, x in enumerate(inputs)]

    made: list[Made] = []
    with torch.no_grad(), torch.compiler.set_stance("force_eager"), TorchCalls(made.append):
        expected = torch_fn(*given(to_torch))
    follower, parting = _Follower(made=made, device=device, ulp=ulp), None
    try:
        with jax.disable_jit(), watching(follower):
            returned = jax_fn(*given(to_jax))
        follower.end(expected, returned)
    except _Parted as found:
        parting = found.parting
    return Followed(parting=parting, calls=follower.calls, share=follower.share, widest=follower.widest)


class _Parted(Exception):
    """Ends the JAX function."""

    def __init__(self, parting: Parting) -> None:
        super().__init__(parting.what)
        self.parting = parting


@dataclass(slots=True, kw_only=True)
class _Follower:
    """Gets JAX's calls, and gives them torch's results. made: torch's calls."""

    made: Sequence[Made]
    device: str
    ulp: int
    calls: int = 0
    share: float = 0.0
    widest: str = ""
    places: Places = field(default_factory=Places)

    def __call__(
        self, op: Op, arrays: Sequence[Any], attributes: tuple[object, ...], implementation: str | None
    ) -> list[Any]:
        """As `jax_impl.launch.run`."""
        from jax_impl import refs

        place = self.places.here()
        references = refs.given(op, arrays)
        arrays = [given[...] if index in references else given for index, given in enumerate(arrays)]
        with _compiled():
            results = self._followed(_inputs(op, arrays, attributes), place, implementation)
        return refs.write(op, references, list(results), list(results.values()))

    def _followed(self, inputs: Inputs, place: Place, implementation: str | None) -> dict[str, Any]:
        """torch's results of the same call, after the comparison."""
        op = inputs.op.name
        if self.calls == len(self.made):
            raise _Parted(
                Parting(kind="call", operation=op, torch=None, jax=place, what="JAX alone goes on with this operation")
            )
        made = self.made[self.calls]
        self._same_call(made, inputs, place)
        chosen = implementation or first_choice("jax", inputs.op, self.device)
        # With torch's bytes: what differs within `ulp` is not the operation's.
        given = {n: x for n, x in made.inputs.arrays.items() if made.inputs.formats[n] == inputs.formats[n]}
        found = FRAMEWORKS["jax"].run(inputs.replaced(**given), chosen, self.device)
        call = made.inputs.layout.call()
        one = outcome_of(call, made.implementation, made.results, self.device)
        other = outcome_of(call, f"jax:{chosen}", found, self.device)
        self._judge(made, place, found, judged_call(made.inputs, one, other))
        self.calls += 1
        return {name: to_jax(result.raw, result.form, self.device) for name, result in made.results.items()}

    def _same_call(self, made: Made, inputs: Inputs, place: Place) -> None:
        """Parts where two calls are not the same before they compute anything."""
        mine, own = made.inputs, inputs.op.name
        if mine.op is not inputs.op:
            what = f"torch calls this operation, JAX calls {own}"
            raise _Parted(Parting(kind="call", operation=mine.op.name, torch=made.place, jax=place, what=what))
        attributes, others = (one.layout.call().attributes for one in (mine, inputs))
        for name, value in attributes.items():
            if value != others[name]:
                what = f"attribute '{name}' is {_plain(value)} in torch, {_plain(others[name])} in JAX"
                raise _Parted(
                    Parting(kind="attribute", operation=own, name=name, torch=made.place, jax=place, what=what)
                )
        for array in mine.op.inputs:
            differing = difference(_array(mine, array.name), _array(inputs, array.name), self.ulp)
            if differing is not None:
                what, details, worst = differing
                raise _Parted(
                    Parting(
                        kind="argument",
                        operation=own,
                        name=array.name,
                        torch=made.place,
                        jax=place,
                        what=f"argument '{array.name}' {what} before the operation",
                        details=details,
                        worst=worst,
                    )
                )

    def _judge(
        self, made: Made, place: Place, found: Mapping[str, Result], verdicts: Sequence[Mapping[str, Verdict]]
    ) -> None:
        """Parts where a result leaves its contract. verdicts: torch and JAX against the oracle, and each other."""
        op = made.inputs.op.name
        for name in verdicts[0]:
            every = [one[name] for one in verdicts]
            worst = next((one for one in every if one.status == "failed"), None)
            if worst is None:
                share = max(one.bound_share for one in every)
                if share > self.share:
                    self.share, self.widest = share, ", ".join(part for part in (op, made.place.stage) if part)
                continue
            sides = [side for side, one in zip(SIDES, every, strict=False) if one.status == "failed"]
            rule = "is not what is promised to the byte" if worst.comparison == "exact" else "leaves its bound"
            details, element = outside(worst, made.results[name], found[name], reference=bool(sides))
            raise _Parted(
                Parting(
                    kind="result",
                    operation=op,
                    name=name,
                    torch=made.place,
                    jax=place,
                    what=f"result '{name}' {rule}, in {' and in '.join(sides or SIDES)}",
                    details=details,
                    worst=element,
                )
            )

    def end(self, expected: Any, returned: Any) -> None:
        """After both functions: no call is left over, and what they return is the same."""
        import torch

        if self.calls < len(self.made):
            made = self.made[self.calls]
            what = "torch alone goes on with this operation"
            raise _Parted(Parting(kind="call", operation=made.inputs.op.name, torch=made.place, jax=None, what=what))
        left, right = _listed(expected), _listed(returned)
        if len(left) != len(right) or not all(isinstance(x, torch.Tensor) for x in left):
            return  # other trees: nothing says which leaf is which
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            differing = difference(from_torch(one), from_jax(other), self.ulp)
            if differing is not None:
                what, details, worst = differing
                what = f"returned array {index} {what}"
                raise _Parted(Parting(kind="returned", torch=None, jax=None, what=what, details=details, worst=worst))


@contextmanager
def _compiled() -> Iterator[None]:
    """Operations themselves run as usual."""
    import jax

    from jax_impl.watching import watching

    with watching(None), jax.disable_jit(False):
        yield


def _inputs(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...]) -> Inputs:
    """A call in JAX."""
    import jax

    from jax_impl.check import check

    if any(isinstance(array, jax.core.Tracer) for array in arrays):
        raise Unsupported(f"following {op.name} in JAX", "a transformation (vmap, shard_map) traces the call")
    call = check(op, arrays, attributes)
    found = {a.name: from_jax(x) for a, x in zip(op.inputs, arrays, strict=True) if x is not None}
    return Inputs(
        op=op,
        arrays={name: result.raw for name, result in found.items()},
        formats={name: result.form for name, result in found.items()},
        attributes=call.attributes,
    )


def _array(inputs: Inputs, name: str) -> Result | None:
    return Result(raw=inputs.arrays[name], form=inputs.formats[name]) if name in inputs.arrays else None


def _listed(returned: Any) -> Sequence[Any]:
    return returned if isinstance(returned, tuple | list) else (returned,)


def _plain(value: object) -> object:
    return getattr(value, "name", value)
