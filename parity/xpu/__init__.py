"""`parity xpu`: checks of Intel GPU kernels on machines without one, as a ladder of rungs per kernel.

    lowered     Triton IR for platform "oneapi", and the custom call that XLA takes it in
    compiled    OpenXLA's own Intel backend makes SPIR-V of it, for a card that need not be there; Intel's own Triton
                makes it of the source that torch runs
    executed    that SPIR-V runs on Intel's OpenCL device for CPUs, with the oracle's results
    native      the compiler of Intel's GPU driver makes machine code of it, with nothing undefined
    real card   a GPU ran it; nothing else says that it does

Modules: `settings` (flags and variables), `topologies` (cards as data), `tools` (installed tools), `spirv` (reading
and adapting modules), `process` (children that may crash), `compile_worker`, `triton_worker` and `execute_worker` (the
children), `torch_source` (what torch runs, for `triton_worker`), `native` (machine code), `record` (results),
`ladder` (the walk), `table` and `page` (showing it), `search` (tunables), `card` (a real one), `command` (the command
line).
"""
