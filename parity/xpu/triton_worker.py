"""A child of the ladder: Intel's own Triton compiles a kernel of torch's for a card that is not there.

Run with the interpreter of `make xpu-torch`, which has that Triton and neither torch nor a driver; the file that its
standard error goes to is its one argument. Request: source (text), kernel (name of a function in it), arguments (the
name of a dtype for a tensor, or an integer), options (of the launch), matrix_units (whether the card has them), file
(where the SPIR-V goes). Reply: kernel (name in the SPIR-V), ir (text of the Triton IR), threads, shared_memory; or
"failed" with the compiler's message.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parity.xpu.process import serve
from torch_impl.platforms.absent_card import AbsentCard


class Compiler:
    """Compiles kernels."""

    def __init__(self, log: Path) -> None:
        self._log, self._card = log, AbsentCard()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        file = Path(request["file"])
        said = self._log.stat().st_size
        try:
            kernel = _loaded(file.with_suffix(".py"), request["source"], request["kernel"])
            made = self._card.compile(
                kernel, request["arguments"], request["options"], matrix_units=request["matrix_units"]
            )
        except Exception as error:  # noqa: BLE001 - the compiler's refusal is a result
            with self._log.open(errors="replace") as log:
                log.seek(said)
                return {"failed": message(error, log.read())}
        file.write_bytes(made.asm["spv"])
        return {
            "kernel": made.metadata.name,
            "ir": made.asm["ttir"],
            "threads": made.metadata.num_warps * made.metadata.threads_per_warp,
            "shared_memory": made.metadata.shared,
        }


def _loaded(file: Path, source: str, kernel: str) -> Any:
    """The function of that name; Triton reads its source from the file."""
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, kernel)


def message(error: BaseException, said: str) -> str:
    """An error of the compiler in one line: its innermost cause, the line of the source, and what passes reported.

    Args:
        said: what the compiler printed meanwhile.
    """
    inner, line = error, ""
    while True:
        node, source = getattr(inner, "node", None), getattr(inner, "src", None)
        if node is not None and source:
            line = source.splitlines()[node.lineno - 1].strip()
        if inner.__cause__ is None:
            break
        inner = inner.__cause__
    text = " ".join(str(getattr(inner, "error_message", None) or inner).split())
    errors = [one[one.index("error:") :].strip() for one in said.splitlines() if "error:" in one]
    parts = [f"{type(inner).__name__}: {text}", *dict.fromkeys(errors), f"in `{line}`" if line else ""]
    return "; ".join(part for part in parts if part)[:1000]


if __name__ == "__main__":
    serve(Compiler(Path(sys.argv[1])).answer)
