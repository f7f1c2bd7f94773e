"""Side-by-side timing: figures and ratios, never a pass or a fail. docs/benchmarks.md says how to read them."""
