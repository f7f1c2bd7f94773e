"""One comparison: inputs, runs in both frameworks, the rules by which results are judged."""
