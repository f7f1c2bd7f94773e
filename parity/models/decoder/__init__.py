"""A real language model, SmolLM2-135M, in both frameworks: operations, layers, logits and tokens against the oracle."""
