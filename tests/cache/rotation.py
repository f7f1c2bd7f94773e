"""An operation that no registry has: pairs rotated and rounded as caches are filled, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.cache.rope import rotate_rounded
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Tunable
from specs.lang.declare.op import Op, Reference, single
from specs.lang.formats.elements import F32
from specs.tile.language import arange, load, program_id, store

N = Axis(name="N", doc="pairs")
BLOCK = 256
INPUTS = ("even", "odd", "cosine", "sine")
RESULTS = ("turned_even", "turned_odd")


def body(p: Any) -> None:
    """BLOCK pairs."""
    index = program_id(0) * p.BLOCK + arange(p.BLOCK)
    live = index < p.N
    loaded = (load(array, (index,), live) for array in (p.even, p.odd, p.cosine, p.sine))
    even, odd = rotate_rounded(*loaded)
    store(p.turned_even, (index,), even, live)
    store(p.turned_odd, (index,), odd, live)


def oracle(_inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """None here: the tests compute in rational numbers."""
    return {}


def _array(name: str, access: Access) -> Array:
    return Array(name=name, doc=name, shapes=((N,),), formats=(F32,), access=access)


TARGETS = ("cuda", "xpu", "cpu", "interpret")
ROTATE: Op = single(
    Kernel(
        name="rotate_for_tests",
        doc="Rotated pairs, correctly rounded to bfloat16.",
        axes=(N,),
        arrays=(*(_array(n, Access.IN) for n in INPUTS), *(_array(n, Access.OUT) for n in RESULTS)),
        tunables=(Tunable(name="BLOCK", values=(BLOCK,)),),
        configs=tuple(Config(target=target, values=(("BLOCK", BLOCK),)) for target in TARGETS),
        grid=(cdiv(N, Ref("BLOCK")),),
        body=body,
    ),
    oracle=oracle,
    accuracy=tuple((name, Accuracy(exact=True)) for name in RESULTS),
)
