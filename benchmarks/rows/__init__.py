"""Times operations that read and write rows once: norms, rotations, gated activations."""
