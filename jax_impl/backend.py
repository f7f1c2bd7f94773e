"""What a backend of JAX is; `jax_impl.backends` has them. Nothing of JAX is imported before a backend is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from specs.lang.call.bind import Call
from specs.tile.backend import Backend
from specs.tile.launch.plan import Launch
from specs.tile.targets import PALLAS_XPU, PALLAS_XPU_VECTOR, Target

if TYPE_CHECKING:
    from jax_impl.kernel import Signature

Arrays = Mapping[str, Any]


def _nothing(platform: str) -> None:
    del platform


@dataclass(frozen=True, slots=True, kw_only=True)
class JaxBackend(Backend):
    """An implementation of operations in JAX, from the most general function to the most particular.

    call: results of a call, in-place arguments first, traced under jit: (backend, call, arrays by the operation's
        names, platform). `programs.programs` runs the tile programs of all steps.
    launch: what one launch of a legalised program writes: (backend, launch, operands by the kernel's names, platform).
        `programs.kernels` calls `kernel`. None for a backend that runs no tile programs.
    kernel: one launch as a function of its operands in order: (launch, signature, platform). None where there is none.
    prepare: what is done once before programs are made for a platform.
    """

    call: Callable[[JaxBackend, Call, Arrays, str], list[Any]]
    launch: Callable[[JaxBackend, Launch, Arrays, str], Arrays] | None = None
    kernel: Callable[[Launch, Signature, str], Callable[..., list[Any]]] | None = None
    prepare: Callable[[str], None] = _nothing

    def target(self, platform: str) -> Target | None:
        """As `Backend.target`; subnormal numbers are flushed where XLA does so, matrix units used as they are to be."""
        from jax_impl.platforms import matrix_units
        from jax_impl.subnormals import flushes

        found = Backend.target(self, platform)
        if found is PALLAS_XPU and matrix_units.choice().setting == "off":
            found = PALLAS_XPU_VECTOR
        return replace(found, flushes_subnormals=True) if found is not None and flushes(platform) else found

    def lowers_kernels(self, platform: str) -> bool:
        """Whether XLA is handed its kernels as Triton IR on a platform (see `jax_impl.ahead`)."""
        return self.kernel is not None and platform in self.targets
