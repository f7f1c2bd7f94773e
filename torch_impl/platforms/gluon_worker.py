"""A program that compiles Gluon source for Hopper without a card, and says what became of it.

Whether Triton compiles or interprets is decided once per process, and the caller's may interpret: so it is a process of
its own. Reads one request and writes one reply as JSON; imports nothing of ours.

Request: source, kernel (name of the function), file, descriptors (name -> Triton's dtype, shape of a block, swizzled
bytes), signature (further arguments -> Triton type, all multiples of 16), num_warps. Reply: registers, stack and local
(bytes of a thread), shared (bytes), threads, ptx and ttgir.
"""

from __future__ import annotations

import json
import linecache
import re
import subprocess
import sys
import tempfile
from typing import Any

CAPABILITY = 90
_BITS = {"fp8e4nv": 8, "fp8e5": 8, "u8": 8, "bf16": 16, "fp16": 16, "fp32": 32}


def compiled(request: dict[str, Any]) -> Any:
    """The kernel of a request, assembled for sm_90a."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.experimental.gluon import language as gl
    from triton.experimental.gluon._runtime import GluonASTSource

    source, file = request["source"], request["file"]
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, file, "exec"), namespace)  # noqa: S102 - running generated source is the point
    signature = {}
    for name, (dtype, shape, swizzle) in request["descriptors"].items():
        layout = gl.NVMMASharedLayout(swizzle_byte_width=swizzle, element_bitwidth=_BITS[dtype], rank=len(shape))
        signature[name] = f"tensordesc<{dtype}[{','.join(map(str, shape))}],{layout!r}>"
    first = len(signature)
    signature |= request["signature"]
    aligned = {(place,): [["tt.divisibility", 16]] for place in range(first, len(signature))}
    ast = GluonASTSource(namespace[request["kernel"]], signature, {}, aligned)
    target = GPUTarget("cuda", CAPABILITY, 32)
    return triton.compile(ast, target=target, options={"num_warps": request["num_warps"]})


def resources(cubin: bytes) -> dict[str, int]:
    """What the assembler gave each thread: registers, bytes of stack and of local memory."""
    from triton import knobs

    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [knobs.nvidia.cuobjdump.path, "-res-usage", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - Triton's own tool
    words = {"registers": "REG", "stack": "STACK", "local": "LOCAL"}
    return {name: int(re.search(rf"{word}:(\d+)", done.stdout)[1]) for name, word in words.items()}  # type: ignore[index]


def main() -> None:
    """Answers a request."""
    reply, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no reply
    kernel = compiled(json.load(sys.stdin))
    found = {
        **resources(kernel.asm["cubin"]),
        "shared": kernel.metadata.shared,
        "threads": kernel.metadata.num_warps * 32,
        "ptx": kernel.asm["ptx"],
        "ttgir": kernel.asm["ttgir"],
    }
    json.dump(found, reply)
    reply.flush()


if __name__ == "__main__":
    main()
