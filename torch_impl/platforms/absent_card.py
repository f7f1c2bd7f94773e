"""Compiling with Intel's own Triton (triton-xpu 3.3.0b1) for a card that is not there, without torch and a driver.

Only for a process that does nothing else. Neither torch nor numpy is imported.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Everything this compiler asks of a card, the same for B580 and Data Center Max: one module is for both.
_CARD: Final[Mapping[str, Any]] = {
    "sub_group_sizes": [16, 32],
    "has_subgroup_2d_block_io": True,
    "has_bfloat16_conversions": True,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What Triton looks at in a tensor: its dtype, and whether its memory is aligned, as torch's own always is."""

    dtype: str

    @staticmethod
    def data_ptr() -> int:
        """The beginning of its memory."""
        return 0


class Driver:
    """In the place of Triton's driver, which a launch asks for the card; nothing is ever launched."""

    matrix_units = True

    def get_current_device(self) -> int:
        """Kernels are kept by device, so that one with and one without matrix units are two."""
        return int(self.matrix_units)

    def get_current_stream(self, _device: int) -> int:
        """Unused."""
        return 0

    def get_current_target(self) -> Any:
        """The card."""
        from triton.backends.compiler import GPUTarget

        return GPUTarget("xpu", {**_CARD, "has_subgroup_matrix_multiply_accumulate": self.matrix_units}, 32)


class AbsentCard:
    """What Triton compiles for from now on."""

    def __init__(self) -> None:
        from triton.backends import backends
        from triton.runtime.driver import driver

        self._driver = Driver()
        driver.set_active(self._driver)
        # What finds the device's name is built from C at run time, with headers of SYCL; it would only be used to ask
        # ocloc what is said above. Triton keeps the backend's module nowhere.
        names = backends["intel"].compiler.__init__.__globals__
        names["compile_module_from_src"] = lambda _source, _name: types.SimpleNamespace(
            parse_device_arch=lambda _architecture: ""
        )

    def compile(
        self, kernel: Any, arguments: Sequence[str | int], options: Mapping[str, int], *, matrix_units: bool
    ) -> Any:
        """What a launch compiles (`triton.compiler.CompiledKernel`); specialised on integers as a launch does it.

        Args:
            kernel: `@triton.jit` function.
            arguments: the name of a dtype for a tensor, or an integer.
            options: of the launch.
            matrix_units: whether the card has them.
        """
        self._driver.matrix_units = matrix_units
        given = [one if isinstance(one, int) else Tensor(one) for one in arguments]
        return kernel.warmup(*given, grid=(1,), **options)
