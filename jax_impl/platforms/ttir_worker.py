"""A program that turns Triton source into Triton IR with the compiler front end of the installed triton package.

Run by `triton_road` as a process of its own: whether Triton compiles or interprets is decided once per process, and the
caller's may want it interpreted. Reads requests and writes replies, one JSON object per line; imports nothing of ours.

Request: source, kernel (name of the function), file, signature (argument -> Triton type), capability (of a CUDA device;
decides which instructions there are), num_warps. Reply: ir, or error.
"""

from __future__ import annotations

import json
import linecache
import sys
from typing import Any


def to_ir(request: dict[str, Any]) -> str:
    """Triton IR of a request without locations, after the passes that every backend runs first."""
    from triton._C.libtriton import ir
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import ASTSource, make_backend

    source, file = request["source"], request["file"]
    # Triton reads the text of a function back through its file name.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, file, "exec"), namespace)  # noqa: S102 - running generated source is the point
    target = GPUTarget("cuda", request["capability"], 32)
    backend = make_backend(target)
    options = backend.parse_options({"num_warps": request["num_warps"], "enable_fp_fusion": True})
    aligned = {(place,): [["tt.divisibility", 16]] for place in range(len(request["signature"]))}
    kernel = ASTSource(namespace[request["kernel"]], request["signature"], {}, aligned)
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    functions = backend.get_codegen_implementation(options)
    module = kernel.make_ir(target, options, functions, backend.get_module_map(), context)
    text: str = backend.make_ttir(module, {}, options, request["capability"]).str_nodebug()
    return text


def main() -> None:
    """Answers requests until standard input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no reply
    for line in sys.stdin:
        try:
            reply = {"ir": to_ir(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - the caller is told, whatever it is
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
